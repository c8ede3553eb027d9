/**
 * Difference of two large multisets of slots, in memory that does not grow with them.
 *
 * A slot is fingerprint and category, 36 bits. First pass: for each of 4,096 groups by the top bits of
 * the fingerprint, a count and two sums of hashes, in which equal slots of both sides cancel. Second
 * pass: the slots of groups that did not come out even are counted one by one. Two records are taken
 * for each other only if their fingerprints are equal: 2^-32.
 */

const GROUP_BITS = 12;
const GROUPS = 2 ** GROUP_BITS;
/** Groups that are counted one by one; more differ only between lists of different worlds. */
const GROUPS_COUNTED_MAX = 64;

/** Slots of one side only. */
export interface SlotDifference {
  /** In the base alone. */
  lost: number;
  /** In the next one alone. */
  appeared: number;
  /** There are more. */
  isAtLeast: boolean;
}

/** Takes slots of the next list with sign 1, those of the base with -1. */
export class SlotSums {
  readonly #counts = new Int32Array(GROUPS);
  readonly #sums = new Int32Array(GROUPS);
  readonly #otherSums = new Int32Array(GROUPS);

  take(fingerprint: number, category: number, sign: 1 | -1): void {
    const group = groupOf(fingerprint);
    const hash = mix(fingerprint ^ Math.imul(category + 1, 0x9e3779b1));
    this.#counts[group]! += sign;
    this.#sums[group]! += sign * hash;
    this.#otherSums[group]! += sign * mix(hash ^ 0x7f4a7c16);
  }

  /** Groups in which the sides differ. */
  uneven(): number[] {
    const groups: number[] = [];
    for (let group = 0; group < GROUPS; group++) {
      if (this.#counts[group] || this.#sums[group] || this.#otherSums[group]) groups.push(group);
    }
    return groups;
  }
}

/** Counts the slots of some groups one by one. */
export class SlotCounts {
  readonly #counts = new Map<number, number>();
  readonly #groups: ReadonlySet<number>;
  readonly #isAtLeast: boolean;

  constructor(groups: readonly number[]) {
    this.#groups = new Set(groups.slice(0, GROUPS_COUNTED_MAX));
    this.#isAtLeast = groups.length > GROUPS_COUNTED_MAX;
  }

  take(fingerprint: number, category: number, sign: 1 | -1): void {
    if (!this.#groups.has(groupOf(fingerprint))) return;
    const slot = fingerprint * 16 + category;
    const count = (this.#counts.get(slot) ?? 0) + sign;
    if (count === 0) this.#counts.delete(slot);
    else this.#counts.set(slot, count);
  }

  difference(): SlotDifference {
    let lost = 0;
    let appeared = 0;
    for (const count of this.#counts.values()) {
      if (count < 0) lost -= count;
      else appeared += count;
    }
    return { lost, appeared, isAtLeast: this.#isAtLeast };
  }
}

const groupOf = (fingerprint: number) => fingerprint >>> (32 - GROUP_BITS);

/** The finalizer of MurmurHash3 (Appleby, 2011): every bit of the input moves half of the output's. */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
