/**
 * All rows of all input files through one profile, in file order.
 *
 * A file is CSV or JSON by its first character, Parquet or packed by its first bytes. What is taken
 * out by a later difference file is read first (removed parts), so that one pass over the list is
 * enough. Every row is counted; a file without any row is refused, because an empty list clears all.
 */

import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { SltdError } from '../../src/errors.ts';
import { CsvScanner } from './csv-scanner.ts';
import { decodeText, type OpenInput, openInput } from './input-bytes.ts';
import { JsonScanner } from './json-scanner.ts';
import { parquetToCsv } from './parquet-rows.ts';
import {
  foldName,
  otherCase,
  type Profile,
  requiredColumns,
  SEPARATORS,
  twoColumns,
} from './profile.ts';
import type { RejectLog } from './rejects.ts';
import { type ImportCounts, missingColumn, type RecordConsumer, RowReader } from './row-reader.ts';
import type { RowSink } from './row-sink.ts';

/** What was read of one file. */
export interface FileSummary {
  /** Without its folder. */
  name: string;
  sha256: Uint8Array;
  sizeBytes: number;
  rows: number;
  rejected: number;
}

export interface ReadOptions {
  profile: Profile;
  files: readonly string[];
  rejects: RejectLog;
  counts: ImportCounts;
  /** Takes the listed documents; the file's index counts from 0. */
  listed(fileIndex: number): RecordConsumer;
  /** Takes the documents that a difference file takes out of the files before it. */
  removed(fileIndex: number): RecordConsumer;
  /** Where a folder for temporary files may be made. */
  tempDir: string;
  /** The present, in milliseconds since 1970. */
  now: number;
  /** Told now and then how many bytes of the packed files are done. */
  onProgress?(doneBytes: number): void;
  /** Waited for after each chunk: holds the reading back while records pile up. */
  pause?(): Promise<void>;
  signal?: AbortSignal | undefined;
}

/** Reads all files; throws an input-* error for a file that cannot be taken as a whole. */
export async function readRows(options: ReadOptions): Promise<FileSummary[]> {
  const { profile, files, counts, rejects } = options;
  if (profile.differencePair) {
    for (const [index, path] of files.entries()) {
      await named(options, index, () => readRemoved(options, path, index));
    }
  }
  const summaries: FileSummary[] = [];
  let doneBytes = 0;
  for (const [index, path] of files.entries()) {
    const input = await named(options, index, () => openInput(path));
    const before = { rows: counts.rows, rejected: rejects.total };
    try {
      const context = { ...options, doneBytes, path, consumer: options.listed(index) };
      await named(options, index, () => readListed(context, input));
      summaries.push({
        name: basename(path),
        sha256: await input.sha256(),
        sizeBytes: input.sizeBytes,
        rows: counts.rows - before.rows,
        rejected: rejects.total - before.rejected,
      });
    } finally {
      input.close();
    }
    doneBytes += input.sizeBytes;
  }
  return summaries;
}

/** Says in an error which of several files it is about: by its place, because names may tell. */
async function named<T>(options: ReadOptions, index: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const fileCount = options.files.length;
    if (!(error instanceof SltdError) || fileCount === 1) throw error;
    const place = `file ${index + 1} of ${fileCount}`;
    const detail = error.detail === undefined ? place : `${place}: ${error.detail}`;
    throw new SltdError(error.code, { detail, cause: error });
  }
}

interface Context extends ReadOptions {
  path: string;
  consumer: RecordConsumer;
  doneBytes: number;
}

const isDifference = (profile: Profile, input: OpenInput): boolean =>
  profile.differencePair !== undefined && input.packing === 'zip' && input.parts.length === 2;

async function readRemoved(options: ReadOptions, path: string, index: number): Promise<void> {
  const input = await openInput(path);
  try {
    if (!isDifference(options.profile, input)) return;
    const { differencePair } = options.profile;
    if (typeof differencePair === 'object') {
      throw new SltdError('input-schema', { detail: differencePair.refuse });
    }
    const context = { ...options, doneBytes: 0, path, consumer: options.removed(index) };
    await readText(context, input.parts[1]!.bytes, input);
  } finally {
    input.close();
  }
}

async function readListed(context: Context, input: OpenInput): Promise<void> {
  const { profile, counts } = context;
  const rowsBefore = counts.rows;
  if (input.packing === 'parquet') {
    await readParquet(context, input);
  } else {
    const parts = isDifference(profile, input) ? input.parts.slice(0, 1) : input.parts;
    for (const part of parts) await readText(context, part.bytes, input);
  }
  // A difference may well be empty.
  if (counts.rows === rowsBefore && !isDifference(profile, input)) {
    throw new SltdError('input-empty');
  }
}

async function readParquet(context: Context, input: OpenInput): Promise<void> {
  const tempDir = mkdtempSync(join(context.tempDir, 'parquet-'));
  try {
    const path = resolve(context.path);
    const csv = await parquetToCsv({ path, profile: context.profile, tempDir });
    const bytes = createReadStream(csv, { highWaterMark: 1024 * 1024 });
    await scanAll(context, bytes, input, { countRows: true });
  } finally {
    rmSync(tempDir, { recursive: true, force: true });
  }
}

async function readText(
  context: Context,
  bytes: AsyncIterable<Uint8Array>,
  input: OpenInput,
): Promise<void> {
  await scanAll(context, decodeText(bytes, context.profile.encoding), input, {});
}

interface Scanner {
  push(chunk: Uint8Array): void;
  end(): void;
}

async function scanAll(
  context: Context,
  text: AsyncIterable<Uint8Array>,
  input: OpenInput,
  { countRows = false },
): Promise<void> {
  let scanner: Scanner | undefined;
  for await (const chunk of text) {
    context.signal?.throwIfAborted();
    scanner ??= newScanner(context, chunk, countRows);
    scanner.push(chunk);
    context.onProgress?.(context.doneBytes + input.readBytes());
    await context.pause?.();
  }
  scanner?.end();
}

function newScanner(context: Context, first: Uint8Array, countRows: boolean): Scanner {
  const { profile } = context;
  const start = first.findIndex((byte) => byte > 0x20);
  const isJson = !countRows && (first[start] === 0x7b || first[start] === 0x5b);
  const newReader = (header: readonly string[]): RowReader =>
    new RowReader({ ...context, header, fileName: basename(context.path), countRows });
  if (isJson) return newJsonScanner(profile, newReader);
  return new CsvScanner({
    sink: new HeaderSink(profile, newReader),
    separator: countRows ? ',' : (profile.separator ?? separatorOf(first)),
  });
}

/** In JSON every object may leave members out, so a column is missed only when no object had it. */
function newJsonScanner(profile: Profile, newReader: (header: string[]) => RowReader): Scanner {
  const names = [...profile.number.map(({ column }) => column), ...Object.values(profile.columns)];
  const columns = [...new Set(names.flat())];
  const scanner = new JsonScanner({ sink: newReader(columns), columns });
  return {
    push: (chunk) => scanner.push(chunk),
    end: () => {
      scanner.end();
      if (scanner.rowCount === 0) return;
      const twice = columns.find((_, i) => scanner.seen[i] === 1 && scanner.seenFolded[i] === 1);
      if (twice !== undefined) twoColumns(foldName(twice));
      for (const group of requiredColumns(profile)) {
        const seen = group.some((name) => scanner.seen[columns.indexOf(name)] === 1);
        if (!seen) missingColumn(group);
      }
      // Not even one that may be left out: what stands in it would be lost without a word.
      const other = columns.find((_, i) => scanner.seenFolded[i] === 1);
      if (other !== undefined) otherCase(other);
    },
  };
}

/** Takes the first row for the header, or finds the headerless columns by their number. */
class HeaderSink implements RowSink {
  readonly #profile: Profile;
  readonly #newReader: (header: string[]) => RowReader;
  #reader: RowReader | undefined;

  constructor(profile: Profile, newReader: (header: readonly string[]) => RowReader) {
    this.#profile = profile;
    this.#newReader = newReader;
  }

  row(bytes: Uint8Array, starts: Int32Array, ends: Int32Array, line: number, count: number): void {
    if (this.#reader) {
      this.#reader.row(bytes, starts, ends, line);
      return;
    }
    const { headerless } = this.#profile;
    if (headerless) {
      const header = headerless.find((columns) => columns.length === count);
      if (!header) {
        const counts = headerless.map((columns) => columns.length).join(' or ');
        throw new SltdError('input-schema', { detail: `rows must have ${counts} columns` });
      }
      this.#reader = this.#newReader([...header]);
      this.#reader.row(bytes, starts, ends, line);
      return;
    }
    const decoder = new TextDecoder();
    const header = Array.from({ length: count }, (_, field) =>
      decoder.decode(bytes.subarray(starts[field], ends[field])),
    );
    this.#reader = this.#newReader(header);
  }

  bad(line: number, code: Parameters<RowSink['bad']>[1]): void {
    // Without a header nothing of the file can be told apart.
    if (!this.#reader) throw new SltdError('input-schema', { detail: 'the first line is broken' });
    this.#reader.bad(line, code);
  }
}

/** The separator that the first line has most of; a comma if it has none. */
function separatorOf(first: Uint8Array): string {
  const end = first.findIndex((byte) => byte === 0x0a || byte === 0x0d);
  const line = new TextDecoder().decode(end < 0 ? first : first.subarray(0, end));
  const counts = SEPARATORS.map((separator) => line.split(separator).length - 1);
  const most = Math.max(...counts);
  return most === 0 ? ',' : SEPARATORS[counts.indexOf(most)]!;
}
