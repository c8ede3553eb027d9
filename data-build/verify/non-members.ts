/**
 * Canonical keys that are (nearly surely) not listed, to ask an edition for.
 *
 * The same ones in every run: a generator with a fixed seed (splitmix, Steele et al. 2014). The
 * states come as often as their shards are many, so that every page is asked.
 */

import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import type { StateEntry } from '../../src/format/manifest.ts';

const CLASS_LETTERS = 'PIVO';
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

export class NonMembers {
  readonly #prefixes: string[] = [];
  #state = 0x9e3779b9;

  constructor(states: readonly Pick<StateEntry, 'state' | 'shardCount'>[]) {
    for (const { state, shardCount } of states) {
      for (let shard = 0; shard < shardCount; shard++) this.#prefixes.push(state.padEnd(3, '<'));
    }
  }

  /** The next keys: a letter and nine digits behind class and state. */
  next(count: number): CanonicalKey[] {
    const prefixes = this.#prefixes;
    return Array.from({ length: count }, () => {
      const low = this.#next();
      const high = this.#next();
      const head = CLASS_LETTERS[low & 3]! + prefixes[(low >>> 2) % prefixes.length]!;
      const letter = LETTERS[(high >>> 8) % LETTERS.length]!;
      const digits = String(1_000_000_000 + ((high * 4 + (this.#next() & 3)) % 1_000_000_000));
      return (head + letter + digits.slice(1)) as CanonicalKey;
    });
  }

  /** 32 bits; splitmix32, a bijection of a counter: no short cycles. */
  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let word = this.#state ^ (this.#state >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word ^= word >>> 15;
    word = Math.imul(word, 0x735a2d97);
    return (word ^ (word >>> 15)) >>> 0;
  }
}
