/**
 * What a proof is: a claim that must hold, tried out on the real system, with one figure at the end.
 *
 * `npm run prove -- NAME` runs one at its full size; the tests run each one small.
 */

import type { Caller } from '../../src/check/caller.ts';

/** Who asks where a proof calls the check itself, without a token. */
export const CALLER: Caller = {
  ...{ role: 'officer', tenant: 'UTO', site: 'proof', subject: 'proof' },
  ...{ state: undefined, collections: ['sltd'] },
};

export interface ProofRun {
  /** Seed of everything random in the run. */
  seed: number;
  /** In the proof's own unit; see `sizes`. */
  size: number;
  /** Tells what has been done; at most a line a second reaches the terminal. */
  progress(text: string): void;
  /** An empty directory of the run's own, removed afterwards. */
  workDir: string;
}

export interface ProofResult {
  holds: boolean;
  /** The figure, in a sentence. */
  figure: string;
  /** Numbers behind it, for the JSON file. */
  details: Record<string, number | string | boolean>;
}

export interface Proof {
  name: string;
  /** What must hold. */
  claim: string;
  sizes: { full: number; small: number; unit: string };
  run(run: ProofRun): Promise<ProofResult>;
}

/** Uniform u32s by xorshift128 (Marsaglia, 2003): the same seed gives the same run everywhere. */
export function randomSource(seed: number): { u32(): number; below(limit: number): number } {
  let x = (seed ^ 0x9e3779b9) >>> 0;
  let y = 0x243f6a88;
  let z = 0xb7e15162;
  let w = (Math.imul(seed, 0x85ebca6b) ^ 0xdeadbeef) >>> 0;
  const u32 = () => {
    const t = x ^ (x << 11);
    x = y;
    y = z;
    z = w;
    w = (w ^ (w >>> 19) ^ t ^ (t >>> 8)) >>> 0;
    return w;
  };
  for (let i = 0; i < 20; i++) u32();
  return { u32, below: (limit) => Math.floor((u32() / 2 ** 32) * limit) };
}

/** Tries until `count` tries have succeeded, at most `triesMax` times; how many have. */
export async function untilCounted(
  count: number,
  triesMax: number,
  attempt: () => Promise<boolean>,
): Promise<number> {
  let counted = 0;
  for (let tries = 0; counted < count && tries < triesMax; tries++) {
    if (await attempt()) counted++;
  }
  return counted;
}
