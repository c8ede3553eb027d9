/** When a failed delivery is tried again. */

import { describe, expect, it } from 'vitest';
import { ATTEMPTS_MAX, retryDelayMs } from '../../../central/notifications/back-off.ts';

describe('the delay before the next attempt', () => {
  it('grows threefold, half of it by chance, up to six hours', () => {
    const longest = Array.from({ length: ATTEMPTS_MAX - 1 }, (_, i) =>
      retryDelayMs(i + 1, { random: 1 }),
    );
    expect(longest).toEqual([
      5_000, 15_000, 45_000, 135_000, 405_000, 1_215_000, 3_645_000, 10_935_000, 21_600_000,
      21_600_000, 21_600_000,
    ]);
    expect(retryDelayMs(1, { random: 0 })).toBe(2_500);
    expect(retryDelayMs(1, { random: 0.5, firstDelayMs: 100 })).toBe(75);
  });

  it('ends after the last attempt, within a day', () => {
    expect(retryDelayMs(ATTEMPTS_MAX, { random: 0 })).toBeUndefined();
    let totalMs = 0;
    for (let i = 1; i < ATTEMPTS_MAX; i++) totalMs += retryDelayMs(i, { random: 1 })!;
    expect(totalMs / 3_600_000).toBeGreaterThan(22);
    expect(totalMs / 3_600_000).toBeLessThan(24);
  });

  it('is as long as the receiver asks, within an hour', () => {
    expect(retryDelayMs(1, { random: 1, askedMs: 60_000 })).toBe(60_000);
    expect(retryDelayMs(1, { random: 1, askedMs: 9e9 })).toBe(3_600_000);
    expect(retryDelayMs(1, { random: 1, askedMs: 1 })).toBe(5_000);
  });
});
