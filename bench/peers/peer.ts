/** One way to keep a list of string keys and to ask it, measured in turn with the others. */

import type { CanonicalKey } from '../../src/document/canonical-key.ts';

/** A flight: the largest batch that the service takes. Who takes batches gets this many. */
export const BATCH_KEYS = 1_000;

export interface Peer {
  /** Part of a measurement's id. */
  id: string;
  /** With the size of its set where that is not everybody's. */
  name: string;
  /** In the set. */
  keyCount: number;
  buildMs: number;
  /** What the set takes up, wherever it lies. */
  bytes: number;
  /** Of what others are asked in a round, the share this one is asked: 1 but for the slow. */
  share: number;
  /** Another process does the work: only the clock on the wall knows what that takes. */
  isServer?: true;
  /** How many of the keys it says are listed. */
  count(keys: readonly CanonicalKey[]): number | Promise<number>;
  close?(): void | Promise<void>;
}

/** Milliseconds that `work` takes, and what it gives. */
export async function timed<T>(work: () => T | Promise<T>): Promise<{ made: T; ms: number }> {
  const start = performance.now();
  const made = await work();
  return { made, ms: performance.now() - start };
}

/** Batch after batch; the sum of the answers. */
export async function inBatches(
  keys: readonly CanonicalKey[],
  ask: (batch: CanonicalKey[]) => number | Promise<number>,
): Promise<number> {
  let found = 0;
  for (let first = 0; first < keys.length; first += BATCH_KEYS) {
    found += await ask(keys.slice(first, first + BATCH_KEYS));
  }
  return found;
}

/** A string of its own, in one piece, without a hash yet: what comes out of a request. */
export const freshKey = (key: CanonicalKey): CanonicalKey =>
  Buffer.from(key, 'latin1').toString('latin1') as CanonicalKey;
