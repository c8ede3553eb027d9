/**
 * Writes a synthetic export: CSV, NDJSON, JSON or Parquet, with as many broken rows as asked for, and
 * beside it questions whose answers are known.
 */

import { closeSync, openSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { SltdError } from '../../src/errors.ts';
import { writeAll } from '../key-file/key-file.ts';
import type { Progress } from '../progress.ts';
import { openTempDir } from '../temp-dir.ts';
import { COLUMNS, SPECIMENS, type SyntheticRow, SyntheticRows } from './synthetic-rows.ts';

export const EXPORT_FORMATS = ['csv', 'ndjson', 'json', 'parquet'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

interface GenerateOptions {
  rowCount: number;
  seed: number;
  path: string;
  format: ExportFormat;
  /** Rows that cannot be imported, spread over the file; they are part of rowCount. */
  malformedCount: number;
  /** File for the questions, NDJSON. */
  askedPath?: string | undefined;
  progress: Progress;
  signal?: AbortSignal | undefined;
}

const CHUNK_ROWS = 4096;
/** Questions of each kind; more would only take longer. */
const ASKED_MAX = 10_000;

/** Writes the export; a file that is not complete is removed. */
export async function generateExport(options: GenerateOptions): Promise<void> {
  if (options.format !== 'parquet') return writeText(options, options.path, options.format);
  const temp = openTempDir();
  try {
    const csv = join(temp.path, 'rows.csv');
    await writeText(options, csv, 'csv');
    await writeParquet(csv, resolve(options.path), temp.path);
  } finally {
    temp.remove();
  }
}

async function writeText(
  options: GenerateOptions,
  path: string,
  format: Exclude<ExportFormat, 'parquet'>,
): Promise<void> {
  const { rowCount, malformedCount, progress, signal } = options;
  const file = openOutput(path);
  const questions = new Questions(options.askedPath, rowCount);
  const encoder = new TextEncoder();
  const rows = new SyntheticRows(options.seed);
  let isComplete = false;
  progress.start('generate');
  try {
    let text = format === 'csv' ? `${COLUMNS.join(',')}\n` : format === 'json' ? '[\n' : '';
    for (let index = 0; index < rowCount; index++) {
      const row = SPECIMENS[index] ?? rows.next();
      // Evenly spread, and never a specimen.
      const isMalformed =
        Math.floor(((index + 1) * malformedCount) / rowCount) >
        Math.floor((index * malformedCount) / rowCount);
      if (isMalformed) text += malformedLine(row, format, index);
      else {
        text += lineOf(row, format);
        questions.offer(row, index);
      }
      if (format === 'json') text += index + 1 < rowCount ? ',\n' : '\n';
      if ((index + 1) % CHUNK_ROWS === 0) {
        writeAll(file, encoder.encode(text));
        text = '';
        progress.update(index + 1, rowCount, 'rows');
        await setImmediate();
        signal?.throwIfAborted();
      }
    }
    if (format === 'json') text += ']\n';
    writeAll(file, encoder.encode(text));
    questions.write();
    isComplete = true;
  } finally {
    closeSync(file);
    if (!isComplete) rmSync(path, { force: true });
  }
  progress.finish();
}

function openOutput(path: string): number {
  try {
    return openSync(path, 'w', 0o600);
  } catch (cause) {
    throw new SltdError('config-invalid', { detail: 'output file not writable', cause });
  }
}

function lineOf(row: SyntheticRow, format: Exclude<ExportFormat, 'parquet'>): string {
  if (format !== 'csv') return format === 'json' ? memberText(row) : `${memberText(row)}\n`;
  let line = '';
  for (const column of COLUMNS) line += `${line === '' ? '' : ','}${csvField(row[column])}`;
  return `${line}\n`;
}

/** Empty fields are left out, as exporters of JSON do. */
function memberText(row: SyntheticRow): string {
  const entries = Object.entries(row).filter(([, value]) => value !== '');
  return JSON.stringify(Object.fromEntries(entries));
}

const NEEDS_QUOTES = /[",\n]/;

const csvField = (value: string): string =>
  NEEDS_QUOTES.test(value) ? `"${value.replaceAll('"', '""')}"` : value;

/** One broken row of several kinds; the reasons are those of import/rejects.ts. */
function malformedLine(
  row: SyntheticRow,
  format: Exclude<ExportFormat, 'parquet'>,
  index: number,
): string {
  const kinds: SyntheticRow[] = [
    { ...row, issuing_state: 'Atlantis' },
    { ...row, number: 'AB☃123456', number_from: '', number_to: '' },
    { ...row, number: '', number_from: '', number_to: '' },
    { ...row, number: '7'.repeat(40), number_from: '', number_to: '' },
    { ...row, number_from: 'A200', number_to: 'A100' },
  ];
  if (format === 'csv' && index % 6 === 5) return 'PAS,only,three\n';
  return lineOf(kinds[index % kinds.length]!, format);
}

/** Questions with known answers: documents of the export, and documents that cannot be in it. */
class Questions {
  readonly #path: string | undefined;
  readonly #every: number;
  #text = '';

  constructor(path: string | undefined, rowCount: number) {
    this.#path = path;
    this.#every = Math.max(1, Math.ceil(rowCount / ASKED_MAX));
  }

  offer(row: SyntheticRow, index: number): void {
    if (this.#path === undefined || index % this.#every !== 0) return;
    const number = row.number || row.number_from;
    const { issuing_state: issuingState } = row;
    this.#text += `${JSON.stringify({ number, issuingState, listed: true })}\n`;
    const other = `QZ${String(index).padStart(7, '0')}`;
    this.#text += `${JSON.stringify({ number: other, issuingState, listed: false })}\n`;
  }

  write(): void {
    if (this.#path === undefined) return;
    const file = openOutput(this.#path);
    writeAll(file, new TextEncoder().encode(this.#text));
    closeSync(file);
  }
}

async function writeParquet(csv: string, path: string, tempDir: string): Promise<void> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    temp_directory: tempDir,
  });
  const connection = await instance.connect();
  const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  try {
    await connection.run(
      `COPY (SELECT * FROM read_csv(${quoted(csv)}, all_varchar = true, header = true, null_padding = true))
       TO ${quoted(path)} (FORMAT parquet, COMPRESSION zstd)`,
    );
  } catch {
    throw new SltdError('config-invalid', { detail: 'output file not writable' });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
