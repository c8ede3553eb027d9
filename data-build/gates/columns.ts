/**
 * Names of the columns that a delivered file has, read or not by the profile: a column that appears or
 * goes is how a change at the sender shows first.
 *
 * Looks at the first megabyte only: the header line, the members of the first objects of JSON; for Parquet at
 * the schema. A file without a header has none. The import has taken the file before, so nothing is judged here.
 */

import { resolve } from 'node:path';
import { SltdError } from '../../src/errors.ts';
import { CsvScanner } from '../import/csv-scanner.ts';
import { decodeText, openInput } from '../import/input-bytes.ts';
import { COLUMNS_MAX } from '../import/input-limits.ts';
import { JsonScanner } from '../import/json-scanner.ts';
import { parquetColumns } from '../import/parquet-rows.ts';
import { foldName, type Profile } from '../import/profile.ts';
import { separatorOf } from '../import/read-rows.ts';

/** A name longer than this is cut. */
const NAME_LENGTH_MAX = 64;

interface ColumnOptions {
  files: readonly string[];
  profile: Profile;
  /** A folder of the build's own. */
  tempDir: string;
}

/** Names of all files' columns, folded, sorted, each once; at most 512. */
export async function readColumns(options: ColumnOptions): Promise<string[]> {
  const names = new Set<string>();
  for (const path of options.files) {
    for (const name of await columnsOf(resolve(path), options)) {
      names.add(foldName(name).slice(0, NAME_LENGTH_MAX));
    }
  }
  return [...names].sort().slice(0, COLUMNS_MAX);
}

async function columnsOf(
  path: string,
  { profile, tempDir }: ColumnOptions,
): Promise<readonly string[]> {
  const input = await openInput(path);
  try {
    if (input.packing === 'parquet') return await parquetColumns({ path, tempDir });
    const [part] = input.parts;
    if (!part) return [];
    for await (const chunk of decodeText(part.bytes, profile.encoding)) {
      const first = chunk.find((byte) => byte > 0x20);
      if (first === 0x7b || first === 0x5b) return membersOf(chunk);
      return profile.headerless ? [] : headerOf(chunk, profile);
    }
    return [];
  } finally {
    input.close();
  }
}

/** Members that at least half of the objects have: a rare one is there on one day and not on another. */
function membersOf(chunk: Uint8Array): readonly string[] {
  const counts = new Map<string, number>();
  let objects = 0;
  const members = (names: readonly string[]) => {
    objects++;
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  };
  const sink = { row: () => {}, bad: () => {} };
  new JsonScanner({ sink, columns: [], members }).push(chunk);
  return [...counts].flatMap(([name, count]) => (2 * count >= objects ? [name] : []));
}

function headerOf(chunk: Uint8Array, profile: Profile): readonly string[] {
  const separator = profile.separator ?? separatorOf(chunk);
  const decoder = new TextDecoder();
  let header: string[] | undefined;
  const scanner = new CsvScanner({
    separator,
    sink: {
      row: (bytes, starts, ends, _, count) => {
        header ??= Array.from({ length: count }, (_, field) =>
          decoder.decode(bytes.subarray(starts[field], ends[field])),
        );
      },
      bad: () => {},
    },
  });
  scanner.push(chunk);
  scanner.end();
  if (!header) throw new SltdError('input-schema', { detail: 'the first line is broken' });
  return header;
}
