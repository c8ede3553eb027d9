/**
 * CSV by bytes: finds the fields of each row in the buffer and hands their places to a sink.
 *
 * RFC 4180 with what exports do beside it: any of four separators, LF, CRLF or CR, blank lines. No
 * object is made for a row. A row that does not fit (quotes, column count, length) is reported with
 * the line it begins on, and reading goes on at the line after that one, so that a stray quote never
 * swallows the rows behind it. How the bytes are cut changes nothing, and the bytes are never changed:
 * a scanner can go on where another one stopped (state), which is how threads share a file.
 */

import { type MarkCsv, markPlainly, NO_MARK } from './csv-marks.ts';
import { COLUMNS_MAX, ROW_BYTES_MAX } from './input-limits.ts';
import type { RowSink } from './row-sink.ts';

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;

/** Outcome of looking at one row. */
const COMPLETE = 0;
const INCOMPLETE = 1;
const BAD_QUOTES = 2;
const TOO_MANY = 3;

/** Where a scanner stands between two rows, beside the bytes that it could not use yet. */
export interface CsvState {
  /** 0 before the first row. */
  columnCount: number;
  /** Whether the bytes to come are of a line that was given up. */
  isInSkippedLine: boolean;
}

export class CsvScanner {
  readonly #sink: RowSink;
  readonly #separator: number;
  readonly #markCsv: MarkCsv;
  #columnCount: number;
  #buffer: Uint8Array = new Uint8Array(0);
  #line = 1;
  #isEnd = false;
  #isInSkippedLine: boolean;
  /** Fields of the row at hand: where they begin and end, and whether quotes in them are doubled. */
  readonly #starts = new Int32Array(COLUMNS_MAX);
  readonly #ends = new Int32Array(COLUMNS_MAX);
  readonly #doubled = new Uint8Array(COLUMNS_MAX);
  #hasDoubled = false;
  /** Where a row with doubled quotes is written without them. */
  #undoubled = new Uint8Array(4096);
  /** Where fields of the bytes at hand may end, and the first of these behind the rows so far. */
  #marks: Uint32Array = Uint32Array.of(NO_MARK);
  #mark = 0;
  #fieldCount = 0;
  #next = 0;
  #newlines = 0;

  /** A column count of 0 takes the first row's; the sink is told that row like any other. */
  constructor(
    options: { sink: RowSink; separator: string; markCsv?: MarkCsv } & Partial<CsvState>,
  ) {
    this.#markCsv = options.markCsv ?? markPlainly;
    this.#sink = options.sink;
    this.#separator = options.separator.charCodeAt(0);
    this.#columnCount = options.columnCount ?? 0;
    this.#isInSkippedLine = options.isInSkippedLine ?? false;
  }

  get state(): CsvState {
    return { columnCount: this.#columnCount, isInSkippedLine: this.#isInSkippedLine };
  }

  /** Bytes of a row whose end has not come yet. */
  get rest(): Uint8Array {
    return this.#buffer;
  }

  /** Line breaks passed so far. */
  get lineCount(): number {
    return this.#line - 1;
  }

  /** Takes more bytes and hands on every row that is complete in them. */
  push(chunk: Uint8Array): void {
    const rest = this.#buffer;
    if (rest.length === 0) {
      this.#buffer = chunk;
    } else {
      this.#buffer = new Uint8Array(rest.length + chunk.length);
      this.#buffer.set(rest);
      this.#buffer.set(chunk, rest.length);
    }
    this.#scan();
  }

  /** Hands on what is left: the last row needs no line break. */
  end(): void {
    this.#isEnd = true;
    this.#scan();
  }

  #scan(): void {
    const bytes = this.#buffer;
    this.#marks = this.#markCsv(bytes, this.#separator);
    this.#mark = 0;
    let position = this.#isInSkippedLine ? this.#skipRest(bytes) : 0;
    while (position < bytes.length && !this.#isInSkippedLine) {
      const next = this.#step(bytes, position);
      if (next < 0) break;
      position = next;
    }
    // Of its own: whoever gave the bytes may write others in their place.
    this.#buffer = new Uint8Array(bytes.subarray(position));
  }

  /** One row; the position after it, or -1 if more bytes are needed. */
  #step(bytes: Uint8Array, position: number): number {
    switch (this.#findRow(bytes, position)) {
      case COMPLETE:
        return this.#handOn(bytes, position);
      case BAD_QUOTES:
        return this.#skipLine(bytes, position, 'row-quotes');
      case TOO_MANY:
        return this.#skipLine(bytes, position, 'row-columns');
      default:
        if (bytes.length - position > ROW_BYTES_MAX) {
          return this.#skipLine(bytes, position, 'row-too-long');
        }
        // At the end only an open quote is incomplete.
        return this.#isEnd ? this.#skipLine(bytes, position, 'row-quotes') : -1;
    }
  }

  /** Hands the row on, or reports it; the position after it. */
  #handOn(bytes: Uint8Array, position: number): number {
    const count = this.#fieldCount;
    const isBlank = count === 1 && this.#next - position <= 2 && this.#isBreak(bytes, position);
    if (isBlank) {
      this.#line += this.#newlines;
      return this.#next;
    }
    if (this.#columnCount === 0) this.#columnCount = count;
    if (count !== this.#columnCount) return this.#skipLine(bytes, position, 'row-columns');
    const row = this.#hasDoubled ? this.#undouble(bytes, position) : bytes;
    this.#sink.row(row, this.#starts, this.#ends, this.#line, count);
    this.#line += this.#newlines;
    return this.#next;
  }

  #isBreak(bytes: Uint8Array, position: number): boolean {
    return bytes[position] === LF || bytes[position] === CR;
  }

  /**
   * Reports the row at the position and passes over its first line; -1 if the line's end is not in
   * sight yet, which only a line longer than a row may be has to do without.
   */
  #skipLine(
    bytes: Uint8Array,
    position: number,
    code: 'row-quotes' | 'row-columns' | 'row-too-long',
  ): number {
    let end = position;
    while (end < bytes.length && bytes[end] !== LF && bytes[end] !== CR) end++;
    const isInSight = end + 1 < bytes.length || bytes[end] === LF || this.#isEnd;
    if (!isInSight && bytes.length - position <= ROW_BYTES_MAX) return -1;
    this.#sink.bad(this.#line, code);
    this.#line++;
    if (!isInSight) {
      this.#isInSkippedLine = true;
      return bytes.length;
    }
    if (bytes[end] === CR && bytes[end + 1] === LF) end++;
    return Math.min(end + 1, bytes.length);
  }

  /** The rest of a line that was too long; the position after it, or the end of the bytes. */
  #skipRest(bytes: Uint8Array): number {
    const end = bytes.findIndex((byte) => byte === LF || byte === CR);
    if (end < 0) return bytes.length;
    if (end + 1 === bytes.length && bytes[end] === CR && !this.#isEnd) return end;
    this.#isInSkippedLine = false;
    return bytes[end] === CR && bytes[end + 1] === LF ? end + 2 : end + 1;
  }

  /** Places of the fields of the row at `position`. Reads only; sets #next and #newlines. */
  #findRow(bytes: Uint8Array, position: number): number {
    // No row sees further than a row may be long, so that it does not matter how much is there.
    const length = Math.min(bytes.length, position + ROW_BYTES_MAX + 1);
    const isEnd = this.#isEnd && length === bytes.length;
    const separator = this.#separator;
    const marks = this.#marks;
    let mark = this.#mark;
    const starts = this.#starts;
    const ends = this.#ends;
    let field = 0;
    let newlines = 0;
    let hasDoubled = false;
    let i = position;
    for (;;) {
      if (field === COLUMNS_MAX) return TOO_MANY;
      this.#doubled[field] = 0;
      if (i < length && bytes[i] === QUOTE) {
        let doubled = 0;
        i++;
        starts[field] = i;
        for (;;) {
          if (i >= length) return INCOMPLETE;
          const byte = bytes[i]!;
          if (byte === QUOTE) {
            if (i + 1 >= length && !isEnd) return INCOMPLETE;
            if (bytes[i + 1] !== QUOTE) break;
            doubled = 1;
            hasDoubled = true;
            i++;
          } else if (byte === LF) {
            newlines++;
          }
          i++;
        }
        ends[field] = i;
        this.#doubled[field] = doubled;
        i++;
        if (i < length) {
          const after = bytes[i]!;
          if (after !== separator && after !== LF && after !== CR) return BAD_QUOTES;
        }
      } else {
        starts[field] = i;
        let end = marks[mark]!;
        // A quote in the middle of a field is a character like any other.
        while (end < length && (end < i || bytes[end] === QUOTE)) end = marks[++mark]!;
        i = Math.min(end, length);
        ends[field] = i;
      }
      field++;
      if (i >= length) {
        if (!isEnd) return INCOMPLETE;
        break;
      }
      const byte = bytes[i]!;
      i++;
      if (byte === separator) continue;
      if (byte === CR) {
        if (i >= length && !isEnd) return INCOMPLETE;
        if (i < length && bytes[i] === LF) i++;
      }
      newlines++;
      break;
    }
    this.#mark = mark;
    this.#fieldCount = field;
    this.#next = i;
    this.#newlines = newlines;
    this.#hasDoubled = hasDoubled;
    return COMPLETE;
  }

  /** The row with "" as " again, in bytes of our own; the places of the fields are those in there. */
  #undouble(bytes: Uint8Array, position: number): Uint8Array {
    const length = this.#next - position;
    if (this.#undoubled.length < length) this.#undoubled = new Uint8Array(2 * length);
    const row = this.#undoubled;
    let to = 0;
    for (let field = 0; field < this.#fieldCount; field++) {
      const end = this.#ends[field]!;
      const isDoubled = this.#doubled[field] === 1;
      let from = this.#starts[field]!;
      this.#starts[field] = to;
      for (; from < end; from++) {
        const byte = bytes[from]!;
        row[to++] = byte;
        if (isDoubled && byte === QUOTE) from++;
      }
      this.#ends[field] = to;
    }
    return row;
  }
}
