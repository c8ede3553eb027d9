/**
 * Rejected rows: where and why, and never what stood there.
 *
 * A rejected row is a document that is not listed, so rows are refused only where nothing can be
 * indexed: no state, no number. Every one is counted, and its place is written down for whoever sends
 * the export. An unknown category or type does not cost a record its place: it is noted.
 */

import { closeSync, openSync, writeSync } from 'node:fs';
import { SltdError } from '../../src/errors.ts';

export const REJECT_REASONS = {
  'number-missing': 'the row has no document number',
  'number-too-long': 'the document number has more than 32 characters',
  'number-bad-character':
    'the document number has a character that no number has, or was read as floating point',
  'state-unknown': 'the issuing state is not known',
  'range-invalid': 'the range has no two ends of one form in ascending order',
  'range-too-large': 'the range has more than 1,000,000 numbers',
  'row-columns': 'the row does not have as many columns as the header',
  'row-quotes': 'a quoted field does not end, or goes on behind its end',
  'row-too-long': 'the row is longer than 1 MiB',
  'row-json': 'the row is not a JSON object',
  'row-value': 'a field is neither text nor a whole number, or has an exponent',
} as const;

export type RejectCode = keyof typeof REJECT_REASONS;

/** What was odd about an accepted row: it is listed with less known about it, never less listed. */
export const NOTE_REASONS = {
  'category-unknown': 'the category is not known: listed as not specified',
  'type-unknown': 'the document type is not known: listed under every class',
} as const;

export type NoteCode = keyof typeof NOTE_REASONS;

/** Where rejected rows are told. */
export interface RejectSink {
  /** `column` is the field's name in the profile; empty if the row as a whole is at fault. */
  add(file: string, line: number, column: string, code: RejectCode): void;
}

/** Counts rejected rows by code and, if given a path, writes one CSV line for each (mode 600). */
export class RejectLog implements RejectSink {
  readonly counts = new Map<RejectCode, number>();
  total = 0;
  #file: number | undefined;
  #pending: string[] = [];

  constructor(path?: string) {
    if (path === undefined) return;
    try {
      this.#file = openSync(path, 'w', 0o600);
    } catch (cause) {
      throw new SltdError('config-invalid', { detail: 'reject file not writable', cause });
    }
    this.#pending.push('file,line,column,code,reason\n');
  }

  add(file: string, line: number, column: string, code: RejectCode): void {
    this.total++;
    this.counts.set(code, (this.counts.get(code) ?? 0) + 1);
    if (this.#file === undefined) return;
    this.#pending.push(`${csvText(file)},${line},${column},${code},"${REJECT_REASONS[code]}"\n`);
    if (this.#pending.length >= 4096) this.#flush();
  }

  close(): void {
    if (this.#file === undefined) return;
    this.#flush();
    closeSync(this.#file);
    this.#file = undefined;
  }

  #flush(): void {
    if (this.#file !== undefined) writeSync(this.#file, this.#pending.join(''));
    this.#pending = [];
  }
}

/** Rejected rows that a build allows if not told otherwise, in percent of all rows. */
export const REJECTS_MAX_PERCENT = 0.01;

/** How many rows were rejected, and why. */
export type RejectCounts = Pick<RejectLog, 'total' | 'counts'>;

/** Throws 'input-rejects', with the reasons, if more rows were rejected than that share of all. */
export function checkRejects(
  rejects: RejectCounts,
  rowCount: number,
  maxPercent = REJECTS_MAX_PERCENT,
): void {
  if (rejects.total * 100 <= rowCount * maxPercent) return;
  const reasons = [...rejects.counts]
    .sort(([, a], [, b]) => b - a)
    .map(([code, count]) => `${code} ${count}`);
  const detail = `${rejects.total} of ${rowCount} rows, allowed are ${maxPercent} %: ${reasons.join(', ')}`;
  throw new SltdError('input-rejects', { detail });
}

/** Quoted where CSV needs it; a leading sign that a spreadsheet would run is kept harmless. */
function csvText(text: string): string {
  const safe = /^[=+@-]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
