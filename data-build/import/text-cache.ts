/**
 * What a short text means, remembered by its bytes: a column of states has 200 spellings in ten
 * million rows, so each is interpreted once and found again without making a string.
 *
 * An open-addressed table with linear probing; when it is full, further texts are interpreted each
 * time. Bytes are compared, so two texts are never taken for one. All texts lie in one array: a
 * look-up touches two or three cache lines.
 */

const SLOTS = 4096; // a power of two
const ENTRIES_MAX = 1024; // a quarter full at most, so that a probe ends soon
const TEXT_BYTES_MAX = 64;

export class TextCache<T> {
  readonly #interpret: (text: string) => T;
  readonly #slots = new Int32Array(SLOTS); // entry + 1, 0 is free
  readonly #texts = new Uint8Array(ENTRIES_MAX * TEXT_BYTES_MAX);
  readonly #lengths = new Uint8Array(ENTRIES_MAX);
  readonly #values: T[] = [];
  readonly #decoder = new TextDecoder();

  constructor(interpret: (text: string) => T) {
    this.#interpret = interpret;
  }

  /** What the UTF-8 text from `start` to `end` means. */
  get(bytes: Uint8Array, start: number, end: number): T {
    const length = end - start;
    if (length > TEXT_BYTES_MAX) return this.#compute(bytes, start, end);
    let hash = 0x811c9dc5; // FNV-1a
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    let slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    for (;;) {
      const entry = this.#slots[slot]! - 1;
      if (entry < 0) break;
      if (this.#lengths[entry] === length) {
        const text = entry * TEXT_BYTES_MAX;
        let i = 0;
        while (i < length && this.#texts[text + i] === bytes[start + i]) i++;
        if (i === length) return this.#values[entry]!;
      }
      slot = (slot + 1) & (SLOTS - 1);
    }
    const value = this.#compute(bytes, start, end);
    const entry = this.#values.length;
    if (entry < ENTRIES_MAX) {
      this.#texts.set(bytes.subarray(start, end), entry * TEXT_BYTES_MAX);
      this.#lengths[entry] = length;
      this.#values.push(value);
      this.#slots[slot] = entry + 1;
    }
    return value;
  }

  #compute(bytes: Uint8Array, start: number, end: number): T {
    return this.#interpret(this.#decoder.decode(bytes.subarray(start, end)));
  }
}
