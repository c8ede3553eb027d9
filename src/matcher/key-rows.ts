/**
 * Rows of keys in wasm memory (struct Key in assembly/areas.ts), a chunk at a time.
 *
 * A row is written once, whatever number of editions it is looked up in. A change is written as such:
 * the wasm spells it out, so a dozen spellings of a document cost no string each.
 */

import { type CanonicalKey, NUMBER_LENGTH_MAX } from '../document/canonical-key.ts';
import type { Change } from '../document/look-alike.ts';
import { assert } from '../errors.ts';
import type { StateEntry } from '../format/manifest.ts';
import type { MatcherCore } from './matcher-core.ts';

/** A key as bytes: its ASCII characters from 0, its length as u32 at KEY_ROW_LENGTH. */
export const KEY_ROW_BYTES = 48;
export const KEY_ROW_LENGTH = 36;

const ROW_WORDS = KEY_ROW_BYTES / 4;
const LENGTH_WORD = KEY_ROW_LENGTH / 4;

export class KeyRows {
  /** All of the wasm's memory. */
  readonly #words: Uint32Array;
  readonly #firstWord: number;
  readonly #rowsMax: number;
  readonly #firstPageWord: number;
  readonly #shardCountWord: number;
  readonly #isChange: number;
  /** Where the rows of keys that are no changes begin, in `#words`. */
  readonly #exactRows: Uint32Array;
  /** For each row how many keys that are no changes stand before it and in it. */
  readonly #exactsTo: Uint16Array;
  #exactCount = 0;

  constructor(core: MatcherCore, words: Uint32Array) {
    const isOurs =
      core.KEY_STRIDE.value === KEY_ROW_BYTES && core.KEY_LENGTH.value === KEY_ROW_LENGTH;
    assert(isOurs, 'the wasm has the same rows');
    this.#words = words;
    this.#firstWord = core.KEYS.value >> 2;
    this.#rowsMax = core.CHUNK_KEYS.value;
    this.#firstPageWord = core.KEY_FIRST_PAGE.value >> 2;
    this.#shardCountWord = core.KEY_SHARD_COUNT.value >> 2;
    this.#isChange = core.KEY_IS_CHANGE.value;
    this.#exactRows = new Uint32Array(this.#rowsMax);
    this.#exactsTo = new Uint16Array(this.#rowsMax);
  }

  /**
   * Writes the keys from `first` on, as many as there is room for; answers how many. A key and its
   * changes stay together.
   */
  write(keys: readonly (CanonicalKey | Change)[], first: number): number {
    let end = Math.min(first + this.#rowsMax, keys.length);
    if (end < keys.length) while (typeof keys[end] === 'number') end--;
    assert(end > first, 'a key has fewer changes than a chunk has rows');
    this.#exactCount = 0;
    let row = this.#firstWord;
    for (let i = first; i < end; i++) {
      const key = keys[i]!;
      if (typeof key === 'string') {
        this.#exactRows[this.#exactCount++] = row;
        this.#writeKey(row, key);
      } else {
        assert(this.#exactCount > 0, 'a change follows a key');
        this.#writeChange(row, key);
      }
      this.#exactsTo[i - first] = this.#exactCount;
      row += ROW_WORDS;
    }
    return end - first;
  }

  /** Keys written that are no changes. */
  get exactCount(): number {
    return this.#exactCount;
  }

  /** Which of the keys written that are no changes the key of a row is, or is a change of. */
  exactOf(row: number): number {
    return this.#exactsTo[row]! - 1;
  }

  /** Where the filter page of each key is: `entries` from `from` on belong to those that are no changes. */
  writePlaces(
    entries: readonly (StateEntry | undefined)[],
    from: number,
    firstPageId: number,
  ): void {
    const words = this.#words;
    for (let i = 0; i < this.#exactCount; i++) {
      const entry = entries[from + i];
      const row = this.#exactRows[i]!;
      words[row + this.#firstPageWord] = entry ? firstPageId + entry.firstShard : 0;
      words[row + this.#shardCountWord] = entry ? entry.shardCount : 0;
    }
  }

  /** Four characters at a time: for keys this short quicker than TextEncoder. */
  #writeKey(row: number, key: CanonicalKey): void {
    const words = this.#words;
    const { length } = key;
    assert(length <= KEY_ROW_LENGTH, 'a canonical key has at most 36 characters');
    words[row + LENGTH_WORD] = length;
    let word = row;
    let allBits = 0;
    let i = 0;
    for (; i + 4 <= length; i += 4) {
      const a = key.charCodeAt(i);
      const b = key.charCodeAt(i + 1);
      const c = key.charCodeAt(i + 2);
      const d = key.charCodeAt(i + 3);
      allBits |= a | b | c | d;
      words[word++] = a | (b << 8) | (c << 16) | (d << 24);
    }
    let tail = 0;
    for (let shift = 0; i < length; i++, shift += 8) {
      const code = key.charCodeAt(i);
      allBits |= code;
      tail |= code << shift;
    }
    // At 36 characters there is no tail, and the word behind them is the length.
    if (length < KEY_ROW_LENGTH) words[word] = tail;
    assert(allBits < 128, 'a canonical key is ASCII');
  }

  /** A change of the nearest key before. */
  #writeChange(row: number, change: Change): void {
    // Both places at once: the second is 0 if there is none.
    assert(((change | (change >> 16)) & 0xff) < NUMBER_LENGTH_MAX, 'a change lies in the number');
    this.#words[row] = change;
    this.#words[row + LENGTH_WORD] = this.#isChange;
  }
}
