/**
 * How garbage collection and publishers keep out of each other's way, in a store that has no locks.
 *
 * A collector leaves a mark before it looks at the store, and takes the mark away after its last
 * request. Who puts objects that may be old, looks for marks afterwards: without one, every collector
 * to come sees the objects as young; with one, it waits until the mark is gone, and then proves that
 * everything is there. A collector that was killed leaves its mark: after SETTLE_MS no request of it
 * can be under way, and the mark is taken away.
 */

import { setTimeout } from 'node:timers/promises';
import type { ObjectStore } from './object-store.ts';

/** Longer than a batch of a collector and all tries of its last request (s3-client.ts) take. */
const SETTLE_MS = 4 * 60_000;
const POLL_MS = 1_000;

/** Does `work` under a mark. */
export async function asCollector<T>(store: ObjectStore, work: () => Promise<T>): Promise<T> {
  // Random, so that it is nobody else's.
  const { sha256 } = await store.put('gc', crypto.getRandomValues(new Uint8Array(16)));
  await store.flush();
  try {
    return await work();
  } finally {
    await store.delete(`gc/${Buffer.from(sha256).toString('hex')}`);
  }
}

/** Waits until every collector has ended that is at work now. */
export async function awaitCollectors(
  store: ObjectStore,
  {
    settleMs = SETTLE_MS,
    signal,
  }: { settleMs?: number | undefined; signal?: AbortSignal | undefined },
): Promise<void> {
  const names = async () => (await store.list('gc')).map(({ name }) => name);
  const deadline = performance.now() + settleMs;
  let atWork = await names();
  while (atWork.length > 0 && performance.now() < deadline) {
    await setTimeout(Math.min(POLL_MS, settleMs), undefined, { signal });
    // One that came since has seen what was put.
    const now = new Set(await names());
    atWork = atWork.filter((name) => now.has(name));
  }
  for (const name of atWork) await store.delete(name);
}
