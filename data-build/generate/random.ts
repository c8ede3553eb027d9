/**
 * Random numbers that are the same for the same seed, on every machine.
 *
 * sfc32 (Chris Doty-Humphrey, PractRand): three words of state and a counter; not for secrets.
 */

export class Random {
  #a: number;
  #b: number;
  #c = 0x2545f491;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = ~seed | 0;
    for (let i = 0; i < 15; i++) this.next();
  }

  /** 32 bits, 0 to 2^32 - 1. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** 0 to limit - 1. */
  below(limit: number): number {
    return Math.floor((this.next() * limit) / 2 ** 32);
  }

  /** True so often in a thousand. */
  perMille(times: number): boolean {
    return this.below(1000) < times;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
}
