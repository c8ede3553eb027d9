/**
 * How a setting is read: whatever is wrong with one is told by its name alone, never its value.
 */

import { SltdError } from './errors.ts';
import { type VerifyKey, verifyKeys } from './format/signature.ts';

/** Settings by name; all are text. */
type Settings<Name extends string> = Readonly<Partial<Record<Name, string>>>;

type KeysName = 'EDITION_KEYS' | 'OVERLAY_KEYS' | 'HEAD_KEYS' | 'CENTRAL_KEYS' | 'TOKEN_KEYS';

/** Public keys of one role; 'config-invalid'. */
export const publicKeys = (env: Settings<KeysName>, name: KeysName): Promise<VerifyKey[]> =>
  setting(name, () => verifyKeys(env[name]!));

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** An address of HTTPS, or of HTTP on this machine; 'config-invalid'. */
export function urlOf(name: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Plain HTTP would show the list or the questions to whoever is on the line.
  const isLoopback = url?.protocol === 'http:' && LOOPBACK.has(url.hostname);
  if (!url || (url.protocol !== 'https:' && !isLoopback)) throw invalid(name);
  return url.href;
}

type NumberName =
  | 'FRESH_SECONDS'
  | 'STALE_SECONDS'
  | 'POLL_SECONDS'
  | 'SEQUENCE_FLOOR'
  | 'FILTER_ARENA_BYTES'
  | 'MATCH_ARENA_BYTES';

/** A whole number from 1 to `max`: the limits of freshness can only be made stricter. */
export function numberOf(
  env: Settings<NumberName>,
  name: NumberName,
  preset: number,
  max: number,
): number {
  const text = env[name];
  if (!text) return preset;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max) throw invalid(name);
  return value;
}

const UTC_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z$/;

/** A time in milliseconds since 1970; 0 if there is none. */
export function timeOf(name: string, text: string | undefined): number {
  if (!text) return 0;
  const time = UTC_TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (!(time > 0)) throw invalid(name);
  return time;
}

/** What `read` makes of a setting; whatever goes wrong there is told by the setting's name alone. */
export function setting<T>(name: string, read: () => T): T {
  try {
    const value = read();
    if (value instanceof Promise) return value.catch(() => Promise.reject(invalid(name))) as T;
    return value;
  } catch {
    throw invalid(name);
  }
}

/** The error of a bad setting. */
export const invalid = (name: string) => new SltdError('config-invalid', { detail: name });
