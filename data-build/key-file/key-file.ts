/**
 * Canonical key file: every document of the export with its category, in row order.
 *
 * It lies in the build's private folder between import and verification: the pages are made from it,
 * and at the end each of its keys is asked of the written pages again. Entries are those of
 * key-encoder.ts; they come in blocks, each read as a whole, so that threads can share the work.
 */

import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import { CLASS_LETTER, DOCUMENT_CLASSES } from '../../src/document/document-class.ts';
import { KEY_ROW_BYTES, KEY_ROW_LENGTH } from '../../src/matcher/key-rows.ts';
import { incrementNumber } from '../import/number-range.ts';
import { ENTRY_HEAD_BYTES, type EncodedKeys, RANGE_FLAG } from './key-encoder.ts';
import { STATE_ORDER } from './state-order.ts';

/** Whole entries, one after the other. */
export interface KeyBlock {
  offset: number;
  length: number;
  keyCount: number;
}

/** A written key file. */
export interface KeyFile {
  path: string;
  blocks: readonly KeyBlock[];
  /** Keys in all blocks: one a class and a number; equal ones each time. */
  keyCount: number;
  /** Keys of each state of STATE_ORDER. */
  keyCounts: Float64Array;
}

/** Writes blocks of entries one behind the other. */
export class KeyFileWriter {
  withdrawnCount = 0;
  readonly #path: string;
  readonly #file: number;
  #isOpen = true;
  #length = 0;
  #keyCount = 0;
  readonly #keyCounts = new Float64Array(STATE_ORDER.length);
  readonly #blocks: KeyBlock[] = [];

  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, 'wx', 0o600);
  }

  append({ entries, keyCount, keyCounts, withdrawnCount }: EncodedKeys): void {
    this.withdrawnCount += withdrawnCount;
    if (entries.length === 0) return;
    writeAll(this.#file, entries);
    this.#blocks.push({ offset: this.#length, length: entries.length, keyCount });
    this.#length += entries.length;
    this.#keyCount += keyCount;
    for (let state = 0; state < keyCounts.length; state++) {
      this.#keyCounts[state]! += keyCounts[state]!;
    }
  }

  close(): KeyFile {
    this.abandon();
    return {
      ...{ path: this.#path, blocks: this.#blocks },
      ...{ keyCount: this.#keyCount, keyCounts: this.#keyCounts },
    };
  }

  /** Lets go of the file, whole or not. */
  abandon(): void {
    if (this.#isOpen) closeSync(this.#file);
    this.#isOpen = false;
  }
}

/** Keys as the matcher takes them, with what the file says of each. */
export interface KeyBatch {
  count: number;
  /** Rows of KEY_ROW_BYTES. */
  rows: Uint8Array;
  /** The same bytes, as words. */
  words: Uint32Array;
  categories: Uint8Array;
  /** Index in STATE_ORDER. */
  states: Uint16Array;
}

/** Keys in a batch at most. */
export const BATCH_KEYS = 4096;
const NUMBER_LENGTH_MAX = 32;
const CLASS_BITS = DOCUMENT_CLASSES.length;
const ROW_WORDS = KEY_ROW_BYTES / 4;
const LENGTH_WORD = KEY_ROW_LENGTH / 4;

/** First four characters of a key as a word, by state and class: 'PITA', 'ID<<'. */
const PREFIXES = Uint32Array.from(prefixWords());

function* prefixWords(): Generator<number> {
  for (const state of STATE_ORDER) {
    for (const documentClass of DOCUMENT_CLASSES) {
      const text = CLASS_LETTER[documentClass] + state.padEnd(3, '<');
      yield [...text].reduce((word, letter, i) => word | (letter.charCodeAt(0) << (8 * i)), 0) >>>
        0;
    }
  }
}

/** Reads blocks of a key file, key by key, without making an object for one. */
export class KeyReader {
  readonly batch: KeyBatch;
  readonly #file: number;
  readonly #blocks: readonly KeyBlock[];
  readonly #wanted: Uint8Array | undefined;
  #nextBlock = 0;
  #buffer = new Uint8Array(0);
  #at = 0;
  #end = 0;
  /** The entry at hand: numbers still to come, of which #number is the next. */
  #left = 0;
  #mask = 0;
  #category = 0;
  #state = 0;
  readonly #number = new Uint8Array(NUMBER_LENGTH_MAX);
  #numberLength = 0;

  /** With `wanted`, only keys of the states of STATE_ORDER that are 1 in it. */
  constructor(path: string, blocks: readonly KeyBlock[], wanted?: Uint8Array) {
    this.#file = openSync(path, 'r');
    this.#blocks = blocks;
    this.#wanted = wanted;
    const rows = new Uint8Array(BATCH_KEYS * KEY_ROW_BYTES);
    this.batch = {
      ...{ count: 0, rows, words: new Uint32Array(rows.buffer) },
      categories: new Uint8Array(BATCH_KEYS),
      states: new Uint16Array(BATCH_KEYS),
    };
  }

  /** Fills the batch with the next keys; false if there are none left. */
  next(): boolean {
    const { batch } = this;
    const { rows, words, categories, states } = batch;
    let count = 0;
    while (count + CLASS_BITS <= BATCH_KEYS) {
      if (this.#left === 0 && !this.#nextEntry()) break;
      const length = this.#numberLength;
      const number = this.#number;
      for (let bit = 0; bit < CLASS_BITS; bit++) {
        if ((this.#mask & (1 << bit)) === 0) continue;
        const word = count * ROW_WORDS;
        words[word] = PREFIXES[this.#state * CLASS_BITS + bit]!;
        words[word + LENGTH_WORD] = 4 + length;
        const to = count * KEY_ROW_BYTES + 4;
        for (let i = 0; i < length; i++) rows[to + i] = number[i]!;
        categories[count] = this.#category;
        states[count] = this.#state;
        count++;
      }
      this.#left--;
      if (this.#left > 0) incrementNumber(number, length);
    }
    batch.count = count;
    return count > 0;
  }

  close(): void {
    closeSync(this.#file);
  }

  /** The next entry of a wanted state; false after the last. */
  #nextEntry(): boolean {
    for (;;) {
      if (this.#at === this.#end && !this.#readBlock()) return false;
      const buffer = this.#buffer;
      const at = this.#at;
      const head = buffer[at + 1]! | (buffer[at + 2]! << 8);
      const length = buffer[at + 3]!;
      const behind = at + ENTRY_HEAD_BYTES + length;
      const isRange = (head & RANGE_FLAG) !== 0;
      this.#at = isRange ? behind + 4 : behind;
      const state = head & ~RANGE_FLAG;
      if (this.#wanted !== undefined && this.#wanted[state] !== 1) continue;
      const first = buffer[at]!;
      this.#mask = first & 15;
      this.#category = first >> 4;
      this.#state = state;
      this.#numberLength = length;
      const number = this.#number;
      for (let i = 0; i < length; i++) number[i] = buffer[at + ENTRY_HEAD_BYTES + i]!;
      this.#left = isRange ? wordAt(buffer, behind) : 1;
      return true;
    }
  }

  #readBlock(): boolean {
    const block = this.#blocks[this.#nextBlock++];
    if (block === undefined) return false;
    if (this.#buffer.length < block.length) this.#buffer = new Uint8Array(block.length);
    readAll(this.#file, this.#buffer.subarray(0, block.length), block.offset);
    this.#at = 0;
    this.#end = block.length;
    return true;
  }
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;

/** Every key as text, with its category code: for samples and tests. */
export function* readKeyFile({ path, blocks }: KeyFile): Generator<[CanonicalKey, number]> {
  const reader = new KeyReader(path, blocks);
  try {
    while (reader.next()) {
      const { batch } = reader;
      for (let i = 0; i < batch.count; i++) yield [keyOfRow(batch, i), batch.categories[i]!];
    }
  } finally {
    reader.close();
  }
}

function keyOfRow({ rows, words }: KeyBatch, index: number): CanonicalKey {
  const from = index * KEY_ROW_BYTES;
  const to = from + words[index * ROW_WORDS + LENGTH_WORD]!;
  return Buffer.from(rows.buffer, from, to - from).toString('latin1') as CanonicalKey;
}

/** Fills the bytes from a place in the file; throws if it ends before. */
export function readAll(file: number, bytes: Uint8Array, offset: number): void {
  let done = 0;
  while (done < bytes.length) {
    const count = readSync(file, bytes, done, bytes.length - done, offset + done);
    if (count === 0) throw new Error('a temporary file is cut off');
    done += count;
  }
}

/** Writes all of it: one write may take less. */
export function writeAll(file: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(file, bytes, written);
}
