/**
 * JSON by bytes: the objects of one array, or one object a line, as rows of columns.
 *
 * The scanner only finds where each object ends; JSON.parse reads it. So a broken object costs itself
 * alone and its line is known, and a file of any size goes through a window. A whole number is taken
 * as its digits; other values in a column that is read, and a number with an exponent, reject the row,
 * because they would be guesses.
 * An object that has a member twice stops the reading: one of the two would be lost without a word.
 */

import { SltdError } from '../../src/errors.ts';
import { ROW_BYTES_MAX } from './input-limits.ts';
import { foldName } from './profile.ts';
import type { RowSink } from './row-sink.ts';

const LF = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** What a number with an exponent looks like; text within a string may look the same. */
const EXPONENT = /\d[eE][+-]?\d/;

/** Names remembered; a file with more has each further one looked at every time. */
const NAMES_MAX = 4096;

export class JsonScanner {
  readonly #sink: RowSink;
  readonly #columns: readonly string[];
  /** For each column whether any object had it. */
  readonly seen: Uint8Array;
  /** For each column whether any object had a member whose name is the same only when folded. */
  readonly seenFolded: Uint8Array;
  /** Objects handed on so far. */
  rowCount = 0;
  #mode: 'unknown' | 'array' | 'lines' | 'done' = 'unknown';
  #buffer: Uint8Array = new Uint8Array(0);
  #line = 1;
  #needsComma = false;
  /** Names of members met so far. */
  readonly #names = new Set<string>();
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  #fields = new Uint8Array(4096);
  readonly #decoder = new TextDecoder();
  readonly #encoder = new TextEncoder();

  readonly #members: ((names: readonly string[]) => void) | undefined;

  /**
   * `columns` are the members to read; the sink gets them in this order. `members` is told the names
   * of all members of each object.
   */
  constructor(options: {
    sink: RowSink;
    columns: readonly string[];
    members?: (names: readonly string[]) => void;
  }) {
    this.#members = options.members;
    this.#sink = options.sink;
    this.#columns = options.columns;
    this.seen = new Uint8Array(options.columns.length);
    this.seenFolded = new Uint8Array(options.columns.length);
    this.#starts = new Int32Array(options.columns.length);
    this.#ends = new Int32Array(options.columns.length);
  }

  /** Takes more bytes and hands on every object that is complete in them. */
  push(chunk: Uint8Array): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    this.#scan(false);
  }

  /** Hands on what is left; 'input-unreadable' if an array is not closed. */
  end(): void {
    this.#scan(true);
    if (this.#mode === 'array') {
      throw new SltdError('input-unreadable', { detail: 'the JSON array is cut off' });
    }
  }

  #scan(isEnd: boolean): void {
    let position = 0;
    for (;;) {
      const next = this.#step(position, isEnd);
      if (next < 0) break;
      position = next;
    }
    this.#buffer = this.#buffer.subarray(position);
  }

  /** One row, bracket or comma; the position after it, or -1 if more bytes are needed. */
  #step(from: number, isEnd: boolean): number {
    const bytes = this.#buffer;
    let position = from;
    while (position < bytes.length && isSpace(bytes[position]!)) {
      if (bytes[position] === LF) this.#line++;
      position++;
    }
    if (position === bytes.length) return position === from ? -1 : position;
    const byte = bytes[position]!;
    if (this.#mode === 'unknown') {
      this.#mode = byte === 0x5b ? 'array' : 'lines';
      return this.#mode === 'array' ? position + 1 : position;
    }
    if (this.#mode === 'done') {
      throw new SltdError('input-unreadable', { detail: 'there is text behind the JSON array' });
    }
    const next = this.#mode === 'lines' ? this.#lineRow(position, isEnd) : this.#arrayRow(position);
    // White space passed over was counted: it must not be seen again.
    return next < 0 && position > from ? position : next;
  }

  #lineRow(position: number, isEnd: boolean): number {
    const bytes = this.#buffer;
    let end = bytes.indexOf(LF, position);
    if (end < 0) {
      if (bytes.length - position > ROW_BYTES_MAX) {
        throw new SltdError('input-unreadable', { detail: 'a line is longer than 1 MiB' });
      }
      if (!isEnd) return -1;
      end = bytes.length;
    }
    this.#row(bytes.subarray(position, end), this.#line);
    return end;
  }

  #arrayRow(position: number): number {
    const bytes = this.#buffer;
    const byte = bytes[position]!;
    if (byte === 0x5d) {
      this.#mode = 'done';
      return position + 1;
    }
    if (this.#needsComma) {
      if (byte !== 0x2c) {
        throw new SltdError('input-unreadable', { detail: 'the JSON array is broken' });
      }
      this.#needsComma = false;
      return position + 1;
    }
    const end = endOfValue(bytes, position);
    if (end < 0) {
      if (bytes.length - position > ROW_BYTES_MAX) {
        throw new SltdError('input-unreadable', { detail: 'an object is longer than 1 MiB' });
      }
      return -1;
    }
    const value = bytes.subarray(position, end);
    this.#row(value, this.#line);
    for (const each of value) if (each === LF) this.#line++;
    this.#needsComma = true;
    return end;
  }

  #row(text: Uint8Array, line: number): void {
    let value: unknown;
    try {
      value = JSON.parse(this.#decoder.decode(text));
    } catch {
      this.#sink.bad(line, 'row-json');
      return;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.#sink.bad(line, 'row-json');
      return;
    }
    const names = Object.keys(value);
    this.#checkNames(text, names);
    this.#members?.(names);
    // A field is at most as long as its JSON text, but for numbers, which have 16 digits at most.
    const room = text.length + 32 * this.#columns.length;
    if (this.#fields.length < room) this.#fields = new Uint8Array(2 * room);
    let to = 0;
    for (let column = 0; column < this.#columns.length; column++) {
      const name = this.#columns[column]!;
      const has = Object.hasOwn(value, name);
      const member = has ? (value as Record<string, unknown>)[name] : null;
      const field = textOf(member);
      if (field === undefined || (typeof member === 'number' && this.#hasExponent(text, name))) {
        this.#sink.bad(line, 'row-value');
        return;
      }
      if (has) this.seen[column] = 1;
      this.#starts[column] = to;
      to += this.#encoder.encodeInto(field, this.#fields.subarray(to)).written;
      this.#ends[column] = to;
    }
    this.rowCount++;
    this.#sink.row(this.#fields, this.#starts, this.#ends, line, this.#columns.length);
  }

  /** Whether a number was written like 1.23457E+11: its last digits are not the document's. */
  #hasExponent(text: Uint8Array, name: string): boolean {
    const source = this.#decoder.decode(text);
    if (!EXPONENT.test(source)) return false;
    // The text of a number reaches a reviver (ECMA-262, JSON.parse source text access), and `this` is the
    // object that it is a member of: one deeper down may have a member of the same name.
    const holders = new Set<unknown>();
    function look(this: unknown, key: string, value: unknown, context?: { source?: string }) {
      if (key === name && typeof value === 'number' && /e/i.test(context?.source ?? '')) {
        holders.add(this);
      }
      return value;
    }
    const row: unknown = JSON.parse(source, look as (key: string, value: unknown) => unknown);
    return holders.has(row);
  }

  /** Notes names that are not quite a column's; 'input-schema' if one object has a member twice. */
  #checkNames(text: Uint8Array, names: readonly string[]): void {
    // JSON.parse keeps the last of two and says nothing.
    if (memberCount(text) !== names.length) {
      throw new SltdError('input-schema', { detail: 'an object has a member twice' });
    }
    for (const name of names) {
      if (this.#names.has(name)) continue;
      if (this.#names.size < NAMES_MAX) this.#names.add(name);
      if (this.#columns.includes(name)) continue;
      const folded = foldName(name);
      const column = this.#columns.findIndex((each) => foldName(each) === folded);
      if (column >= 0) this.seenFolded[column] = 1;
    }
  }
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  return Number.isSafeInteger(value) && (value as number) >= 0 ? String(value) : undefined;
}

const isSpace = (byte: number): boolean =>
  byte === 0x20 || byte === LF || byte === 0x0d || byte === 0x09;

/** Members of the object, equal ones counted each time; the text is valid JSON. */
function memberCount(text: Uint8Array): number {
  let depth = 0;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const byte = text[i]!;
    if (byte === QUOTE) {
      for (i++; text[i] !== QUOTE; i++) if (text[i] === BACKSLASH) i++;
    } else if (byte === 0x3a) {
      if (depth === 1) count++;
    } else if (byte === 0x7b || byte === 0x5b) {
      depth++;
    } else if (byte === 0x7d || byte === 0x5d) {
      depth--;
    }
  }
  return count;
}

/** End of the JSON value at `position`, or -1 if it is not all there yet. */
function endOfValue(bytes: Uint8Array, position: number): number {
  let depth = 0;
  let inString = false;
  for (let i = position; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) {
      inString = true;
    } else if (byte === 0x7b || byte === 0x5b) {
      depth++;
    } else if (byte === 0x7d || byte === 0x5d) {
      if (depth === 0) return i;
      depth--;
      if (depth === 0) return i + 1;
    } else if (byte === 0x2c && depth === 0) {
      return i;
    }
  }
  return -1;
}
