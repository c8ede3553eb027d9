/**
 * Documents that were made up as not listed, and were answered as candidates: false, or listed after
 * all by chance. Which of the two shows when every listed key has been asked; they are kept by the
 * slot that answered, because a listed key finds its own slot anyway.
 */

import { DIGEST_BYTES } from '../../src/format/layout.ts';
import type { Digests } from '../../src/matcher/matcher.ts';

const DIGEST_WORDS = DIGEST_BYTES / 4;

interface Suspect {
  digest: Digests;
  times: number;
  isListed: boolean;
}

export class Suspects {
  readonly #bySlot = new Map<number, Suspect[]>();
  /** A bit for each slot that has suspects. */
  readonly #slots: Uint8Array;

  constructor(slotCount: number) {
    this.#slots = new Uint8Array(Math.ceil(slotCount / 8));
  }

  /** Adds the digest at a place of the list. */
  add(slot: number, digests: Digests, index: number): void {
    const from = DIGEST_WORDS * index;
    const known = this.#bySlot.get(slot) ?? [];
    const same = known.find(({ digest }) => isSame(digest, digests, from));
    if (same) same.times++;
    else {
      const digest = digests.slice(from, from + DIGEST_WORDS);
      known.push({ digest, times: 1, isListed: false });
    }
    this.#bySlot.set(slot, known);
    this.#slots[slot >>> 3]! |= 1 << (slot & 7);
  }

  /** A listed key has this slot: it may be the very document that was suspected. */
  clear(slot: number, digests: Digests, index: number): void {
    if ((this.#slots[slot >>> 3]! & (1 << (slot & 7))) === 0) return;
    for (const suspect of this.#bySlot.get(slot)!) {
      if (isSame(suspect.digest, digests, DIGEST_WORDS * index)) suspect.isListed = true;
    }
  }

  /** How often documents were asked that are listed after all, and that are not. */
  settle(): { listed: number; unlisted: number } {
    const result = { listed: 0, unlisted: 0 };
    for (const { times, isListed } of [...this.#bySlot.values()].flat()) {
      if (isListed) result.listed += times;
      else result.unlisted += times;
    }
    return result;
  }
}

function isSame(digest: Digests, other: Digests, from: number): boolean {
  for (let word = 0; word < DIGEST_WORDS; word++) {
    if (digest[word] !== other[from + word]) return false;
  }
  return true;
}
