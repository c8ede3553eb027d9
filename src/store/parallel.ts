/**
 * Work on many things, a few at a time: a Worker may have six connections open at once.
 */

/** Connections that a Worker may hold open (Cloudflare's limit on simultaneous connections). */
const CONNECTIONS_MAX = 6;

/** Runs `work` on every item, at most CONNECTIONS_MAX at once; `work` must not reject. */
export async function forEachParallel<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) await work(items[next++] as T);
  };
  await Promise.all(Array.from({ length: Math.min(CONNECTIONS_MAX, items.length) }, worker));
}
