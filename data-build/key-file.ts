/**
 * Canonical key file: every document of the export as one key and one category, in row order.
 *
 * It lies in the build's private folder between import and verification: the pages are made from it,
 * and at the end each of its keys is asked of the written pages again.
 */

import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { CanonicalKey } from '../src/document/canonical-key.ts';
import { CLASS_LETTER } from '../src/document/document-class.ts';
import type { StateCode } from '../src/document/issuing-state.ts';
import { CATEGORIES } from '../src/format/category.ts';
import type { RecordConsumer, RowReader } from './import/row-reader.ts';

/*
 * struct Entry {
 *   u8 category
 *   u8 keyLength
 *   u8[keyLength] key           // ASCII
 * }
 */

const BUFFER_BYTES = 1024 * 1024;
const ENTRY_BYTES_MAX = 2 + 36;
const BATCH_KEYS = 8192;

const CLASS_CODES = Object.fromEntries(
  Object.entries(CLASS_LETTER).map(([name, letter]) => [name, letter.charCodeAt(0)]),
) as Record<keyof typeof CLASS_LETTER, number>;
const CATEGORY_CODES = new Map(CATEGORIES.map((category, code) => [category, code]));

interface StateKeys {
  /** Three characters, padded with '<'. */
  prefix: Uint8Array;
  keyCount: number;
}

/** Writes keys as rows are accepted; leaves out what a later difference file takes away. */
export class KeyFileWriter implements RecordConsumer {
  keyCount = 0;
  /** Documents left out because a later file takes them out of the list. */
  withdrawnCount = 0;
  readonly #file: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #length = 0;
  #isOpen = true;
  readonly #states = new Map<StateCode, StateKeys>();
  readonly #removedBy: ReadonlyMap<string, number>;
  #fileIndex = 0;

  /** `removedBy` gives for a key the index of the last input file that takes it away. */
  constructor(path: string, removedBy: ReadonlyMap<string, number>) {
    this.#file = openSync(path, 'wx', 0o600);
    this.#removedBy = removedBy;
  }

  /** From which input file, counted from 0, the next rows come. */
  startFile(index: number): this {
    this.#fileIndex = index;
    return this;
  }

  accept(row: RowReader): void {
    const state = this.#stateKeys(row.state);
    const category = CATEGORY_CODES.get(row.category)!;
    for (const documentClass of row.classes) {
      if (this.#length + ENTRY_BYTES_MAX > BUFFER_BYTES) this.#flush();
      const buffer = this.#buffer;
      const start = this.#length;
      const { number, numberLength } = row;
      buffer[start] = category;
      buffer[start + 1] = 4 + numberLength;
      buffer[start + 2] = CLASS_CODES[documentClass];
      buffer[start + 3] = state.prefix[0]!;
      buffer[start + 4] = state.prefix[1]!;
      buffer[start + 5] = state.prefix[2]!;
      for (let i = 0; i < numberLength; i++) buffer[start + 6 + i] = number[i]!;
      const end = start + 6 + numberLength;
      if (this.#removedBy.size > 0 && this.#isRemoved(start + 2, end)) {
        this.withdrawnCount++;
        continue;
      }
      this.#length = end;
      state.keyCount++;
      this.keyCount++;
    }
  }

  /** Ends the file; for each state the number of its keys, equal ones counted each time. */
  close(): ReadonlyMap<StateCode, number> {
    this.#flush();
    this.abandon();
    return new Map([...this.#states].map(([state, { keyCount }]) => [state, keyCount]));
  }

  /** Lets go of the file, whole or not. */
  abandon(): void {
    if (this.#isOpen) closeSync(this.#file);
    this.#isOpen = false;
  }

  #isRemoved(start: number, end: number): boolean {
    const key = Buffer.from(this.#buffer.buffer, start, end - start).toString('latin1');
    return (this.#removedBy.get(key) ?? -1) > this.#fileIndex;
  }

  #stateKeys(state: StateCode): StateKeys {
    let keys = this.#states.get(state);
    if (keys === undefined) {
      keys = { prefix: new TextEncoder().encode(state.padEnd(3, '<')), keyCount: 0 };
      this.#states.set(state, keys);
    }
    return keys;
  }

  #flush(): void {
    writeAll(this.#file, this.#buffer.subarray(0, this.#length));
    this.#length = 0;
  }
}

export interface KeyBatch {
  keys: CanonicalKey[];
  /** Category code of each. */
  categories: Uint8Array;
}

/** All keys in row order, in batches of at most 8,192. */
export function* readKeyFile(path: string): Generator<KeyBatch> {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(BUFFER_BYTES);
    let length = 0;
    let keys: CanonicalKey[] = [];
    let categories = new Uint8Array(BATCH_KEYS);
    for (;;) {
      const count = readSync(file, buffer, length, BUFFER_BYTES - length, null);
      length += count;
      // One string for the whole buffer: its pieces then cost no copy each.
      const text = buffer.toString('latin1', 0, length);
      let position = 0;
      while (position + 2 <= length) {
        const end = position + 2 + buffer[position + 1]!;
        if (end > length) break;
        categories[keys.length] = buffer[position]!;
        keys.push(text.substring(position + 2, end) as CanonicalKey);
        position = end;
        if (keys.length === BATCH_KEYS) {
          yield { keys, categories };
          keys = [];
          categories = new Uint8Array(BATCH_KEYS);
        }
      }
      buffer.copyWithin(0, position, length);
      length -= position;
      if (count === 0) break;
    }
    if (length > 0) throw new Error('the key file is cut off');
    if (keys.length > 0) yield { keys, categories: categories.slice(0, keys.length) };
  } finally {
    closeSync(file);
  }
}

/** Writes all of it: one write may take less. */
export function writeAll(file: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(file, bytes, written);
}
