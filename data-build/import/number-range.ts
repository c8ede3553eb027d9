/**
 * A range of blank documents: stolen blanks are reported as first and last number.
 *
 * Both ends have one form: the same length, the same text up to a run of digits at the end. Anything
 * else (a check letter at the end, other lengths) cannot be counted through and is rejected.
 */

import { RANGE_NUMBERS_MAX } from './input-limits.ts';

export type RangeResult =
  | { ok: true; count: number }
  | { ok: false; code: 'range-invalid' | 'range-too-large' };

/** How many numbers lie between two canonical numbers, both included. */
export function measureRange(from: string, to: string): RangeResult {
  if (from.length !== to.length) return { ok: false, code: 'range-invalid' };
  const digits = Math.min(trailingDigits(from), trailingDigits(to));
  const prefix = from.length - digits;
  if (digits === 0 || from.slice(0, prefix) !== to.slice(0, prefix)) {
    return { ok: false, code: 'range-invalid' };
  }
  // Up to 32 digits: more than a number holds exactly.
  const count = BigInt(to.slice(prefix)) - BigInt(from.slice(prefix)) + 1n;
  if (count < 1n) return { ok: false, code: 'range-invalid' };
  if (count > BigInt(RANGE_NUMBERS_MAX)) return { ok: false, code: 'range-too-large' };
  return { ok: true, count: Number(count) };
}

/** The next number, in place: ASCII digits at the end are counted up. */
export function incrementNumber(number: Uint8Array, length: number): void {
  for (let i = length - 1; i >= 0; i--) {
    if (number[i] !== 0x39) {
      number[i]!++;
      return;
    }
    number[i] = 0x30;
  }
}

function trailingDigits(number: string): number {
  let count = 0;
  while (count < number.length) {
    const code = number.charCodeAt(number.length - 1 - count);
    if (code < 0x30 || code > 0x39) break;
    count++;
  }
  return count;
}
