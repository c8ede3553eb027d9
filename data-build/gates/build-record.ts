/**
 * Record of a build: what the gates of the next build compare with and the signed manifest does not say.
 *
 * `reports/<edition>.json` in the edition directory, readable by its owner alone, written before the head
 * moves, so that no edition is in force without it. Counts of records, times and the digest of the inputs
 * are always taken from the manifest, which is signed: a record that is lost or changed can weaken the gates
 * for duplicates, columns and file sizes alone, and a lost one is said (`unchecked`).
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import type { DirectoryStore } from '../../publish/directory-store.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import { toHex } from '../../src/format/names.ts';
import type { OpenEdition } from '../edition/open-edition.ts';
import type { InputShape, ListShape } from './list-shape.ts';
import { writeJson } from './write-json.ts';

const FOLDER = 'reports';
/** A month of nights. */
const RECORDS_MAX = 31;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** What a record holds of the files. */
export const inputSchema = v.object({
  keys: count,
  fileBytes: v.pipe(v.array(count), v.readonly()),
  columns: v.pipe(v.array(v.string()), v.readonly()),
});

/** Writes the record of an edition, and takes the oldest away. */
export function writeBuildRecord(
  directory: DirectoryStore,
  edition: string,
  input: InputShape,
): void {
  const folder = join(directory.location, FOLDER);
  mkdirSync(folder, { recursive: true });
  writeJson(join(folder, `${edition}.json`), input);
  keepNewest(folder, { suffix: '.json', countMax: RECORDS_MAX });
}

/** The shape of the edition in force: the gates' yesterday. */
export function shapeInForce(
  directory: DirectoryStore,
  { manifest, head }: Pick<OpenEdition, 'manifest' | 'head'>,
): ListShape {
  const input = readInput(join(directory.location, FOLDER, `${toHex(head.manifestSha256)}.json`));
  return { ...shapeOf(manifest), input };
}

/** What the signed manifest alone says of a list. */
export function shapeOf(manifest: Manifest): ListShape {
  const states = [...manifest.states()].filter(({ recordCount }) => recordCount > 0);
  return {
    asOf: manifest.asOf,
    inputsSha256: toHex(manifest.inputsSha256),
    states: Object.fromEntries(states.map(({ state, recordCount }) => [state, recordCount])),
    restrictions: manifest.restrictions?.rows ?? [],
    input: undefined,
  };
}

/** Undefined for a record that is not there or not one: the gates then say what they could not check. */
function readInput(path: string): InputShape | undefined {
  try {
    const parsed = v.safeParse(inputSchema, JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Takes away all but the newest files of a folder. */
export function keepNewest(
  folder: string,
  { suffix, countMax }: { suffix: string; countMax: number },
): void {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(suffix))
    .map((name) => ({ name, time: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.time - a.time);
  for (const { name } of files.slice(countMax)) rmSync(join(folder, name), { force: true });
}
