/**
 * When a delivery that failed is tried again: exponential, with jitter, and an end.
 *
 * Twelve attempts within a day (11 to 23 hours) with the default first delay of 5 seconds: a receiver may be
 * away for a night. Jitter, so that what failed together does not come back together.
 */

/** After this many failed attempts a delivery is a dead letter. */
export const ATTEMPTS_MAX = 12;
export const FIRST_DELAY_MS = 5_000;
const GROWTH = 3;
const DELAY_MAX_MS = 6 * 3_600_000;
/** A receiver may ask for more time by Retry-After, up to this. */
const ASKED_MAX_MS = 3_600_000;

/**
 * Milliseconds until the next attempt, or undefined if there is none. `attemptCount` counts those
 * made, `random` is of [0, 1): half of the delay is fixed, half by chance.
 */
export function retryDelayMs(
  attemptCount: number,
  { random, firstDelayMs = FIRST_DELAY_MS, askedMs = 0 }: RetryOptions,
): number | undefined {
  if (attemptCount >= ATTEMPTS_MAX) return undefined;
  const full = Math.min(firstDelayMs * GROWTH ** (attemptCount - 1), DELAY_MAX_MS);
  return Math.round(Math.max(full * (0.5 + random / 2), Math.min(askedMs, ASKED_MAX_MS)));
}

interface RetryOptions {
  random: number;
  firstDelayMs?: number | undefined;
  /** What the receiver's Retry-After asked for. */
  askedMs?: number | undefined;
}
