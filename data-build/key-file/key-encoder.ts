/**
 * Accepted rows to entries of the key file: what an import leaves of an export.
 *
 * A document of several classes and a range of blanks are one entry each, so that what a row may add
 * has a bound and the list of a whole world fits a small disk. Runs once a row, on bytes.
 */

import {
  CLASS_LETTER,
  DOCUMENT_CLASSES,
  type DocumentClass,
} from '../../src/document/document-class.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { assert } from '../../src/errors.ts';
import { CATEGORIES } from '../../src/format/category.ts';
import { incrementNumber } from '../import/number-range.ts';
import type { RecordConsumer, RowReader } from '../import/row-reader.ts';
import { STATE_INDEX, STATE_ORDER } from './state-order.ts';

/*
 * struct Entry {
 *   u8 classes | category << 4  // bit i: DOCUMENT_CLASSES[i]
 *   u16 state | isRange << 15   // index in STATE_ORDER
 *   u8 numberLength             // 1 to 32
 *   u8[numberLength] number     // A-Z 0-9
 *   u32 count                   // of a range: so many numbers, this one first
 * }
 */

export const ENTRY_HEAD_BYTES = 4;
export const RANGE_FLAG = 0x8000;
const ENTRY_BYTES_MAX = ENTRY_HEAD_BYTES + 32 + 4;
const START_BYTES = 64 * 1024;

const CATEGORY_CODES = new Map(CATEGORIES.map((category, code) => [category, code]));

/** What a block of rows became. */
export interface EncodedKeys {
  entries: Uint8Array;
  /** Keys in the entries: one a class and a number. */
  keyCount: number;
  /** Keys of each state of STATE_ORDER. */
  keyCounts: Float64Array;
  /** Keys left out because a later file takes them out of the list. */
  withdrawnCount: number;
}

/** Collects entries in memory; leaves out what a later difference file takes away. */
export class KeyEncoder implements RecordConsumer {
  readonly #removedBy: ReadonlyMap<string, number>;
  #fileIndex = 0;
  #bytes = new Uint8Array(START_BYTES);
  #length = 0;
  #keyCount = 0;
  #keyCounts = new Float64Array(STATE_ORDER.length);
  #withdrawnCount = 0;
  /** Class sets recur as the same few arrays. */
  readonly #masks = new Map<readonly DocumentClass[], number>();
  #lastClasses: readonly DocumentClass[] | undefined;
  #lastMask = 0;
  #lastState: StateCode | undefined;
  #lastIndex = 0;

  /** `removedBy` gives for a key the index of the last input file that takes it away. */
  constructor(removedBy: ReadonlyMap<string, number>) {
    this.#removedBy = removedBy;
  }

  /** Bytes collected so far. */
  get byteCount(): number {
    return this.#length;
  }

  /** From which input file, counted from 0, the next rows come. */
  startFile(index: number): this {
    this.#fileIndex = index;
    return this;
  }

  accept(row: RowReader): void {
    const mask = this.#classMask(row);
    if (this.#removedBy.size > 0) {
      const left = this.#withoutRemoved(row, mask);
      if (left !== 0) this.#write(row, left, 1);
    } else this.#write(row, mask, 1);
  }

  acceptRange(row: RowReader, count: number): void {
    if (this.#removedBy.size === 0) {
      this.#write(row, this.#classMask(row), count);
      return;
    }
    this.accept(row);
    for (let done = 1; done < count; done++) {
      incrementNumber(row.number, row.numberLength);
      this.accept(row);
    }
  }

  /** Hands over what was collected and begins anew. */
  take(): EncodedKeys {
    const taken = {
      entries: this.#bytes.slice(0, this.#length),
      keyCount: this.#keyCount,
      keyCounts: this.#keyCounts,
      withdrawnCount: this.#withdrawnCount,
    };
    this.#length = 0;
    this.#keyCount = 0;
    this.#keyCounts = new Float64Array(STATE_ORDER.length);
    this.#withdrawnCount = 0;
    return taken;
  }

  #write(row: RowReader, mask: number, count: number): void {
    if (this.#length + ENTRY_BYTES_MAX > this.#bytes.length) this.#grow();
    const bytes = this.#bytes;
    const { number, numberLength } = row;
    const state = this.#stateIndex(row.state);
    let at = this.#length;
    bytes[at] = mask | (CATEGORY_CODES.get(row.category)! << 4);
    bytes[at + 1] = state;
    bytes[at + 2] = (state >> 8) | (count > 1 ? RANGE_FLAG >> 8 : 0);
    bytes[at + 3] = numberLength;
    at += ENTRY_HEAD_BYTES;
    for (let i = 0; i < numberLength; i++) bytes[at + i] = number[i]!;
    at += numberLength;
    if (count > 1) {
      for (let shift = 0; shift < 32; shift += 8) bytes[at++] = count >>> shift;
    }
    this.#length = at;
    const keys = count * (BITS[mask] as number);
    this.#keyCount += keys;
    this.#keyCounts[state]! += keys;
  }

  #grow(): void {
    const larger = new Uint8Array(2 * this.#bytes.length);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }

  #classMask({ classes }: RowReader): number {
    if (classes === this.#lastClasses) return this.#lastMask;
    let mask = this.#masks.get(classes);
    if (mask === undefined) {
      mask = classes.reduce((bits, cls) => bits | (1 << DOCUMENT_CLASSES.indexOf(cls)), 0);
      this.#masks.set(classes, mask);
    }
    this.#lastClasses = classes;
    this.#lastMask = mask;
    return mask;
  }

  #stateIndex(state: StateCode): number {
    if (state === this.#lastState) return this.#lastIndex;
    const index = STATE_INDEX.get(state);
    assert(index !== undefined, 'a state of the table');
    this.#lastState = state;
    this.#lastIndex = index;
    return index;
  }

  /** The classes under which no later file takes the document away. */
  #withoutRemoved(row: RowReader, mask: number): number {
    const number = Buffer.from(row.number.subarray(0, row.numberLength)).toString('latin1');
    const rest = row.state.padEnd(3, '<') + number;
    let left = mask;
    for (const [bit, documentClass] of DOCUMENT_CLASSES.entries()) {
      if ((mask & (1 << bit)) === 0) continue;
      const removedBy = this.#removedBy.get(CLASS_LETTER[documentClass] + rest) ?? -1;
      if (removedBy <= this.#fileIndex) continue;
      left &= ~(1 << bit);
      this.#withdrawnCount++;
    }
    return left;
  }
}

/** Bits set in 0 to 15. */
export const BITS: readonly number[] = Array.from(
  { length: 16 },
  (_, mask) => (mask & 1) + ((mask >> 1) & 1) + ((mask >> 2) & 1) + (mask >> 3),
);
