/**
 * A promise with an end: what has not come in time has failed.
 *
 * The work itself may go on; its result is then thrown away.
 */

/** The promise's value; rejects with `onTimeout()` after `timeoutMs` milliseconds. */
export async function withDeadline<T>(
  promise: Promise<T>,
  { timeoutMs, onTimeout }: { timeoutMs: number; onTimeout: () => Error },
): Promise<T> {
  let stop = () => {};
  const late = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(onTimeout()), timeoutMs);
    stop = () => clearTimeout(timer);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop();
    // A late failure of the work is nobody's any more.
    promise.catch(() => {});
  }
}
