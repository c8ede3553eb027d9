/**
 * Row to record: state, classes, category and canonical number of one row, by the profile's table.
 *
 * Runs once a row of the whole list, so it works on bytes: a number of A-Z and 0-9 is copied as it
 * stands, which is what canonicalNumber does with it (a test holds the two equal); any other goes
 * through canonicalNumber itself. States, types and categories are looked up by their bytes.
 * Each row is counted as accepted or as rejected, never as neither.
 */

import {
  canonicalNumber,
  NUMBER_LENGTH_MAX,
  type NumberResult,
} from '../../src/document/canonical-key.ts';
import { DOCUMENT_CLASSES, type DocumentClass } from '../../src/document/document-class.ts';
import { importStateCode, type StateCode } from '../../src/document/issuing-state.ts';
import { SltdError } from '../../src/errors.ts';
import type { Category } from '../../src/format/category.ts';
import { importDate } from './import-date.ts';
import { incrementNumber, measureRange } from './number-range.ts';
import {
  checkNames,
  foldName,
  type Profile,
  requiredColumns,
  TEXT_FIELDS,
  type TextField,
} from './profile.ts';
import type { NoteCode, RejectCode, RejectSink } from './rejects.ts';
import type { RowSink } from './row-sink.ts';
import { TextCache } from './text-cache.ts';

/** What a whole import counts; one object for all files of a build. */
export interface ImportCounts {
  rows: number;
  accepted: number;
  notes: Map<NoteCode, number>;
  /** Newest date of report in the rows, in milliseconds since 1970; 0 if there is none. */
  newestReport: number;
}

export const newCounts = (): ImportCounts => ({
  rows: 0,
  accepted: 0,
  notes: new Map(),
  newestReport: 0,
});

/** Takes each document of an accepted row; for a range once a number. */
export interface RecordConsumer {
  accept(row: RowReader): void;
  /** Takes a range as a whole: the number in place and those behind it; accept() each if absent. */
  acceptRange?(row: RowReader, count: number): void;
}

const DAY_LENGTH = 10;
const HYPHEN = 0x2d;

/**
 * A number that a program took for floating point: the zero behind the point, and the digits of the
 * exponent, are none of its digits. Only with a point or a sign: `1E234567` is a number of a document.
 */
const FLOATING = /^\d+(?:[.,]0+|[.,]\d+E[+-]?\d+|E[+-]\d+)$/i;

/** Canonical ends of a range, and how many numbers it has. */
interface BlankRange {
  from: string;
  to: string;
  count: number;
}

interface Part {
  column: number;
  padDigits: number;
  optional: boolean;
}

interface ReaderOptions {
  profile: Profile;
  /** Column names of the file, in order. */
  header: readonly string[];
  /** Name for the reject file. */
  fileName: string;
  rejects: RejectSink;
  counts: ImportCounts;
  consumer: RecordConsumer;
  /** Parquet has no lines: the place of the row stands for it, from 1. */
  countRows?: boolean;
  /** Dates of report after this are mistakes and not counted, in milliseconds since 1970. */
  now: number;
}

export class RowReader implements RowSink {
  // The row at hand; valid during accept() only.
  state!: StateCode;
  classes!: readonly DocumentClass[];
  category!: Category;
  /** Canonical number, ASCII, numberLength bytes of it. */
  readonly number = new Uint8Array(NUMBER_LENGTH_MAX);
  numberLength = 0;
  line = 0;
  range: { from: string; to: string } | undefined;

  readonly #options: ReaderOptions;
  readonly #parts: readonly Part[];
  readonly #columns: Record<TextField, readonly number[]>;
  // Those that every row looks up.
  readonly #stateColumns: readonly number[];
  readonly #typeColumns: readonly number[];
  readonly #categoryColumns: readonly number[];
  readonly #states = new TextCache(importStateCode);
  readonly #types: TextCache<readonly DocumentClass[] | undefined>;
  readonly #categories: TextCache<Category | undefined>;
  readonly #dates = new TextCache((text) => Date.parse(importDate(text) ?? '') || 0);
  readonly #constantState: StateCode | undefined;
  readonly #constantClasses: readonly DocumentClass[] | undefined;
  readonly #decoder = new TextDecoder();
  #bytes: Uint8Array = new Uint8Array(0);
  /** The same bytes: to make a text of a few of them takes a TextDecoder twice as long. */
  #buffer: Buffer = Buffer.alloc(0);
  #starts: Int32Array = new Int32Array(0);
  #ends: Int32Array = new Int32Array(0);
  #rowCount = 0;
  /** The newest report so far, as YYYY-MM-DD in ASCII; zero bytes before the first. */
  readonly #newestDay = new Uint8Array(DAY_LENGTH);

  /** Throws 'input-schema' if the header lacks a column that the profile needs, or has one twice. */
  constructor(options: ReaderOptions) {
    const { profile, header } = options;
    const { constants } = profile;
    this.#options = options;
    checkNames(profile, header);
    const index = new Map(header.map((name, column) => [foldName(name), column]));
    const columnsOf = (names: readonly string[] = []): number[] =>
      names.map((name) => index.get(foldName(name))).filter((column) => column !== undefined);

    this.#columns = Object.fromEntries<readonly number[]>(
      TEXT_FIELDS.map((field) => [field, columnsOf(profile.columns[field])]),
    ) as Record<TextField, readonly number[]>;
    this.#stateColumns = this.#columns.state;
    this.#typeColumns = this.#columns.type;
    this.#categoryColumns = this.#columns.category;
    for (const names of requiredColumns(profile)) {
      if (columnsOf(names).length === 0) missingColumn(names);
    }
    this.#parts = profile.number.flatMap(({ column, padDigits = 0, optional = false }) => {
      const [found] = columnsOf([column]);
      return found === undefined ? [] : [{ column: found, padDigits, optional }];
    });

    const classesOf = (type: string) => {
      const classes = type.trim() === '' ? undefined : profile.classesOf(type);
      return classes?.length ? classes : undefined;
    };
    this.#types = new TextCache(classesOf);
    this.#categories = new TextCache((text) => {
      const word = text.trim().toLowerCase();
      return Object.hasOwn(profile.categories, word) ? profile.categories[word] : undefined;
    });
    this.#constantState = constants.state ? importStateCode(constants.state) : undefined;
    const hasType = profile.columns.type !== undefined;
    this.#constantClasses = hasType
      ? undefined
      : (profile.classesOf(constants.type ?? '') ?? DOCUMENT_CLASSES);
  }

  /** Forgets the rows before, but for what texts mean: the counts begin anew as well. */
  restart(): void {
    this.#rowCount = 0;
    this.#newestDay.fill(0);
  }

  row(bytes: Uint8Array, starts: Int32Array, ends: Int32Array, line: number): void {
    const { counts, consumer, countRows, profile } = this.#options;
    counts.rows++;
    this.#rowCount++;
    this.line = countRows ? this.#rowCount : line;
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    this.#starts = starts;
    this.#ends = ends;

    const state = this.#constantState ?? this.#lookUp(this.#stateColumns, this.#states);
    if (state === undefined) {
      this.#reject('state', 'state-unknown');
      return;
    }
    this.state = state;
    this.range = undefined;
    const range = this.#readRange();
    if (range === 'rejected') return;
    const code = this.#readNumber();
    if (code !== undefined && !(code === 'number-missing' && range !== undefined)) {
      this.#reject('number', code);
      return;
    }

    let { category } = profile.constants;
    if (category === undefined) {
      category = this.#lookUp(this.#categoryColumns, this.#categories);
      if (category === undefined) this.#note('category-unknown');
    }
    this.category = category ?? 'unspecified';
    let classes = this.#constantClasses ?? this.#lookUp(this.#typeColumns, this.#types);
    if (classes === undefined) {
      this.#note('type-unknown');
      classes = DOCUMENT_CLASSES;
    }
    this.classes = classes;
    this.#countReport();

    counts.accepted++;
    // A row may have both; a number within its own range is listed with the range.
    if (code === undefined && !(range !== undefined && this.#isWithin(range))) {
      consumer.accept(this);
    }
    if (range === undefined) return;
    this.range = range;
    this.#take(range.from);
    if (consumer.acceptRange !== undefined) {
      consumer.acceptRange(this, range.count);
      return;
    }
    consumer.accept(this);
    for (let done = 1; done < range.count; done++) {
      incrementNumber(this.number, this.numberLength);
      consumer.accept(this);
    }
  }

  bad(line: number, code: RejectCode): void {
    const { counts, countRows } = this.#options;
    counts.rows++;
    this.#rowCount++;
    this.line = countRows ? this.#rowCount : line;
    this.#reject('', code);
  }

  /** Text of a field of the row at hand, trimmed; undefined if empty or not in the file. */
  text(field: TextField): string | undefined {
    for (const column of this.#columns[field]) {
      if (this.#ends[column] === this.#starts[column]) continue;
      const text = this.#fieldText(column);
      if (text !== '') return text;
    }
    return undefined;
  }

  /** The number as the export spells it, its parts joined by a blank. */
  reportedNumber(): string {
    const parts = this.#parts.map(({ column }) => this.#fieldText(column));
    return parts.filter((part) => part !== '').join(' ');
  }

  #reject(column: string, code: RejectCode): void {
    const { rejects, fileName } = this.#options;
    rejects.add(fileName, this.line, column, code);
  }

  #note(code: NoteCode): void {
    const { notes } = this.#options.counts;
    notes.set(code, (notes.get(code) ?? 0) + 1);
  }

  /** What the first of the field's columns that is not empty means. */
  #lookUp<T>(columns: readonly number[], cache: TextCache<T>): T | undefined {
    for (let i = 0; i < columns.length; i++) {
      const start = this.#starts[columns[i]!]!;
      const end = this.#ends[columns[i]!]!;
      if (end > start) return cache.get(this.#bytes, start, end);
    }
    return undefined;
  }

  /** The row's range, if it has one; a bad one rejects the row. */
  #readRange(): BlankRange | undefined | 'rejected' {
    if (this.#columns.numberFrom.length === 0) return undefined;
    const first = this.text('numberFrom');
    const last = this.text('numberTo');
    if (first === undefined && last === undefined) return undefined;
    if (first === undefined || last === undefined) return this.#rejectRange('range-invalid');
    const from = numberOf(first, this.state);
    if (!from.ok) return this.#rejectRange(from.code as RejectCode);
    const to = numberOf(last, this.state);
    if (!to.ok) return this.#rejectRange(to.code as RejectCode);
    const measured = measureRange(from.value, to.value);
    if (!measured.ok) return this.#rejectRange(measured.code);
    return { from: from.value, to: to.value, count: measured.count };
  }

  #rejectRange(code: RejectCode): 'rejected' {
    this.#reject('number_from', code);
    return 'rejected';
  }

  /** Whether the number in place is one of the range. */
  #isWithin({ from, to }: BlankRange): boolean {
    const number = this.#decoder.decode(this.number.subarray(0, this.numberLength));
    return measureRange(from, number).ok && measureRange(number, to).ok;
  }

  /** The number of the row into `number`, or why there is none. */
  #readNumber(): RejectCode | undefined {
    const { number } = this;
    const bytes = this.#bytes;
    let length = 0;
    for (const { column, padDigits, optional } of this.#parts) {
      const start = this.#starts[column]!;
      const end = this.#ends[column]!;
      if (start === end && !optional) return 'number-missing';
      if (end - start < padDigits || length + end - start > NUMBER_LENGTH_MAX) {
        return this.#readNumberText();
      }
      for (let i = start; i < end; i++) {
        const byte = bytes[i]!;
        const isCanonical = (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a);
        if (!isCanonical) return this.#readNumberText();
        number[length++] = byte;
      }
    }
    if (length === 0) return 'number-missing';
    this.numberLength = length;
    return undefined;
  }

  /** The same for a number that is not plain A-Z 0-9, or needs its leading zeros back. */
  #readNumberText(): RejectCode | undefined {
    let text = '';
    for (const { column, padDigits, optional } of this.#parts) {
      const part = this.#fieldText(column);
      if (part === '' && !optional) return 'number-missing';
      if (FLOATING.test(part)) return 'number-bad-character';
      text += part.length < padDigits && /^\d+$/.test(part) ? part.padStart(padDigits, '0') : part;
    }
    const result = canonicalNumber(text, this.state);
    if (!result.ok) return result.code as RejectCode;
    this.#take(result.value);
    return undefined;
  }

  #take(number: string): void {
    for (let i = 0; i < number.length; i++) this.number[i] = number.charCodeAt(i);
    this.numberLength = number.length;
  }

  #countReport(): void {
    for (const column of this.#columns.reportedAt) {
      const start = this.#starts[column]!;
      // The day is enough, and days repeat where times do not.
      const end = Math.min(this.#ends[column]!, start + DAY_LENGTH);
      if (end === start || this.#isNotNewer(start, end)) continue;
      const time = this.#dates.get(this.#bytes, start, end);
      const { counts, now } = this.#options;
      if (time <= counts.newestReport || time > now) continue;
      counts.newestReport = time;
      this.#newestDay.set(new TextEncoder().encode(new Date(time).toISOString().slice(0, 10)));
    }
  }

  /** Days written as YYYY-MM-DD sort as text: most rows end here. */
  #isNotNewer(start: number, end: number): boolean {
    const bytes = this.#bytes;
    if (end - start !== DAY_LENGTH || bytes[start + 4] !== HYPHEN) return false;
    for (let i = 0; i < DAY_LENGTH; i++) {
      const difference = bytes[start + i]! - this.#newestDay[i]!;
      if (difference !== 0) return difference < 0;
    }
    return true;
  }

  #fieldText(column: number): string {
    return this.#buffer.toString('utf8', this.#starts[column], this.#ends[column]).trim();
  }
}

/** canonicalNumber() of a text of the export, trimmed; refuses what was read as floating point. */
function numberOf(text: string, state: StateCode): NumberResult {
  if (FLOATING.test(text)) return { ok: false, code: 'number-bad-character' };
  return canonicalNumber(text, state);
}

/** The error for a file that lacks a column; the names are the profile's, not the file's. */
export function missingColumn(names: readonly string[]): never {
  throw new SltdError('input-schema', { detail: `no column ${names.join(' or ')}` });
}
