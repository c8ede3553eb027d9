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
import { HeaderSink } from './header-sink.ts';
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
  /** Reads the rows of a CSV text in another way, such as by threads; the same rows must come of it. */
  scanCsv?(text: CsvText): Promise<void>;
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

/** A CSV text of an input file, from its first line on. */
export interface CsvText {
  /** UTF-8 without a byte order mark, cut anywhere. */
  chunks: AsyncIterable<Uint8Array>;
  separator: string;
  /** Name for the reject file. */
  fileName: string;
  /** Counts from 0. */
  fileIndex: number;
  /** The place of a row stands for its line. */
  countRows: boolean;
  /** Call it now and then. */
  onProgress(): void;
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
      const consumer = options.listed(index);
      const context = { ...options, doneBytes, path, consumer, fileIndex: index };
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
  fileIndex: number;
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
    const { scanCsv: _, ...rest } = options;
    const consumer = options.removed(index);
    const context = { ...rest, doneBytes: 0, path, consumer, fileIndex: index };
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
  const chunks = text[Symbol.asyncIterator]();
  const first = await chunks.next();
  if (first.done) return;
  const onProgress = () => context.onProgress?.(context.doneBytes + input.readBytes());
  const all = { [Symbol.asyncIterator]: () => following(first.value, chunks) };
  if (context.scanCsv !== undefined && (countRows || !isJson(first.value))) {
    await context.scanCsv({
      ...{ chunks: all, fileIndex: context.fileIndex, fileName: basename(context.path) },
      ...{ separator: separatorFor(context, first.value, countRows), countRows, onProgress },
    });
    return;
  }
  const scanner = newScanner(context, first.value, countRows);
  for await (const chunk of all) {
    context.signal?.throwIfAborted();
    scanner.push(chunk);
    onProgress();
    await context.pause?.();
  }
  scanner.end();
}

/** What was taken from the front, and what is left. */
async function* following<T>(first: T, rest: AsyncIterator<T>): AsyncGenerator<T> {
  try {
    yield first;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    // The file behind it is let go of also when the reading ends early.
    await rest.return?.();
  }
}

function isJson(first: Uint8Array): boolean {
  const start = first.find((byte) => byte > 0x20);
  return start === 0x7b || start === 0x5b;
}

function separatorFor({ profile }: Context, first: Uint8Array, countRows: boolean): string {
  return countRows ? ',' : (profile.separator ?? separatorOf(first));
}

function newScanner(context: Context, first: Uint8Array, countRows: boolean): Scanner {
  const { profile } = context;
  const newReader = (header: readonly string[]): RowReader =>
    new RowReader({ ...context, header, fileName: basename(context.path), countRows });
  if (!countRows && isJson(first)) return newJsonScanner(profile, newReader);
  return new CsvScanner({
    sink: new HeaderSink(profile, newReader),
    separator: separatorFor(context, first, countRows),
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

/** The separator that the first line has most of; a comma if it has none. */
export function separatorOf(first: Uint8Array): string {
  const end = first.findIndex((byte) => byte === 0x0a || byte === 0x0d);
  const line = new TextDecoder().decode(end < 0 ? first : first.subarray(0, end));
  const counts = SEPARATORS.map((separator) => line.split(separator).length - 1);
  const most = Math.max(...counts);
  return most === 0 ? ',' : SEPARATORS[counts.indexOf(most)]!;
}
