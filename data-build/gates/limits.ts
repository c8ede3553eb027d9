/**
 * Limits of the gates: how unlike the last list a list may be. One table for `--limits`, for the
 * `[gates]` of `sltd nightly` and for docs/operations.md.
 *
 * A day brings 11,000 to 36,000 reports to a list of 100 million: 0.04 %. The defaults let a month of
 * them through and stop what no day brings. A state of few records moves by large shares, so besides
 * its share each has an allowance in records.
 */

import { SltdError } from '../../src/errors.ts';

interface Limit {
  fallback: number;
  max: number;
  help: string;
}

export const LIMITS = {
  'shrink-total-percent': limit(1, 100, 'records of the whole list that may be gone'),
  'shrink-total-records': limit(
    100,
    1e12,
    'so many may be gone from a small list, up to half of it',
  ),
  'shrink-state-percent': limit(5, 100, 'records of a state that may be gone'),
  'shrink-state-records': limit(
    25,
    1e12,
    'so many may be gone from a small state, up to half of it',
  ),
  'growth-total-percent': limit(5, 1e9, 'records that may be new in the whole list'),
  'growth-total-records': limit(1_000, 1e12, 'so many may be new in a small list'),
  'growth-state-percent': limit(50, 1e9, 'records that may be new in a state'),
  'growth-state-records': limit(10_000, 1e12, 'so many may be new in a small state'),
  'duplicates-points': limit(5, 100, 'points that the share of equal keys may rise by'),
  'file-size-times': limit(
    2,
    1e9,
    'times that a file may be larger, or smaller, than the last one',
  ),
} as const satisfies Record<string, Limit>;

/** Name of a limit. */
export type LimitName = keyof typeof LIMITS;

/** A value for each limit. */
export type GateLimits = Readonly<Record<LimitName, number>>;

const NAMES = Object.keys(LIMITS) as LimitName[];

/** What holds if nothing else is told. */
export const DEFAULT_LIMITS = Object.fromEntries(
  NAMES.map((name) => [name, LIMITS[name].fallback]),
) as GateLimits;

/** The defaults with some changed; 'config-invalid' names what is no limit, or out of its range. */
export function gateLimits(changed: Readonly<Record<string, unknown>>): GateLimits {
  for (const [name, value] of Object.entries(changed)) {
    const row = NAMES.includes(name as LimitName) ? LIMITS[name as LimitName] : undefined;
    if (!row) invalid(`there is no limit ${name}; the limits are ${NAMES.join(', ')}`);
    if (typeof value !== 'number' || !(value >= 0 && value <= row.max)) {
      invalid(`the limit ${name} takes a number from 0 to ${row.max}`);
    }
  }
  return { ...DEFAULT_LIMITS, ...changed };
}

/** The same from a command line: 'shrink-total-percent=2,file-size-times=3'. */
export function parseLimits(text: string | undefined): GateLimits {
  if (text === undefined) return DEFAULT_LIMITS;
  const entries = text.split(',').map((part) => {
    const [name, value, ...more] = part.split('=');
    const isNumber = value !== undefined && /^\d+(\.\d+)?$/.test(value) && more.length === 0;
    return [name, isNumber ? Number(value) : undefined];
  });
  return gateLimits(Object.fromEntries(entries));
}

function limit(fallback: number, max: number, help: string): Limit {
  return { fallback, max, help };
}

function invalid(detail: string): never {
  throw new SltdError('config-invalid', { detail });
}
