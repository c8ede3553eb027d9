/** When central is left alone, and when it is tried again. */

import { expect, it } from 'vitest';
import { CircuitBreaker } from '../../src/check/circuit-breaker.ts';

function failing(count: number, nowMs = 0): CircuitBreaker {
  const breaker = new CircuitBreaker();
  for (let i = 0; i < count; i++) {
    expect(breaker.allows(nowMs)).toBe(true);
    breaker.failed(nowMs);
  }
  return breaker;
}

it('opens after five failures in a row, not after four', () => {
  expect(failing(4).allows(0)).toBe(true);
  expect(failing(5).allows(0)).toBe(false);
});

it('counts from the start again after a success', () => {
  const breaker = failing(4);
  breaker.succeeded();
  breaker.failed(0);
  expect(breaker.allows(0)).toBe(true);
});

it('lets one try through every five seconds, however that try ends', () => {
  const breaker = failing(5);
  expect(breaker.allows(4_999)).toBe(false);
  expect(breaker.allows(5_000)).toBe(true);
  // That try was broken off: nothing is told, and the next is let through in its time.
  expect(breaker.allows(5_001)).toBe(false);
  expect(breaker.allows(10_000)).toBe(true);
  breaker.failed(10_500);
  expect(breaker.allows(15_499)).toBe(false);
  expect(breaker.allows(15_500)).toBe(true);
  breaker.succeeded();
  expect(breaker.allows(15_500)).toBe(true);
  expect(breaker.allows(15_500)).toBe(true);
});
