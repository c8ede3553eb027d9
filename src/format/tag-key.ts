/**
 * Tag keys: under what a document that was checked is recognized again, and for how long.
 *
 * A chain of monthly keys of 32 bytes, each made from the one before by HMAC-SHA-256 and never the
 * other way round: who holds the key of a month can make the later ones, nobody can make the earlier
 * ones again. To destroy a month's key is therefore to put the next one in its place, at the edge and
 * at central. Every day has a key of its own under that of its month, so that without the month's key
 * two checks of one document on two days cannot be told to be of one document.
 *
 *     month + 1 = HMAC-SHA-256(month, 'sltd-tag-month YYYY-MM')      32 bytes; the month that follows
 *     day       = HMAC-SHA-256(month, 'sltd-tag-day YYYY-MM-DD')     its first 16 bytes
 *     tag       = SipHash-2-4-128(day, issuing state and number)     its first 8 bytes
 *
 * Issuing state and number are the canonical key without its class letter: the same document asked
 * under another class is the same document. Days are days of UTC. docs/privacy.md says what tags are for.
 */

import { base64url } from 'jose';

const KEY_BYTES = 32;
const DAY_KEY_BYTES = 16;
const DAY_MS = 86_400_000;
/** A chain this long is a wrong clock. */
const MONTHS_MAX = 1_200;

/** Length of a tag in bytes: 100 million of them meet 1,000 others by chance once in 180 million runs. */
export const TAG_BYTES = 8;

/** How long a tag is kept, in milliseconds: 30 days. */
export const TAG_KEPT_MS = 30 * DAY_MS;

/** The key of one month; what comes later can be made from it. */
export interface TagKey {
  /** `2026-11`. */
  month: string;
  /** 32 bytes. */
  bytes: Uint8Array;
}

/** The key in a setting, `2026-11:<base64url of 32 bytes>`; undefined if it is not one. */
export function parseTagKey(text: string): TagKey | undefined {
  const [, month, key] = /^(\d{4}-(?:0[1-9]|1[0-2])):([\w-]{43})$/.exec(text) ?? [];
  if (month === undefined || key === undefined) return undefined;
  const bytes = base64url.decode(key);
  return bytes.length === KEY_BYTES ? { month, bytes } : undefined;
}

/** The key as a setting spells it. */
export const tagKeyText = ({ month, bytes }: TagKey): string =>
  `${month}:${base64url.encode(bytes)}`;

/** `2026-11` of a time in milliseconds since 1970. */
export const monthOf = (ms: number): string => new Date(ms).toISOString().slice(0, 7);

/** Days since 1970-01-01 of a time in milliseconds since then. */
export const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);

/** The start of a day in milliseconds since 1970. */
const dayStartMs = (day: number): number => day * DAY_MS;

/** The key of a month made from an earlier one; undefined for a month before it. */
export async function tagKeyOfMonth(key: TagKey, month: string): Promise<TagKey | undefined> {
  if (month < key.month) return undefined;
  let made = key;
  for (let step = 0; made.month !== month; step++) {
    if (step === MONTHS_MAX) return undefined;
    const next = followingMonth(made.month);
    made = { month: next, bytes: await hmac(made.bytes, `sltd-tag-month ${next}`) };
  }
  return made;
}

function followingMonth(month: string): string {
  const [year, number] = month.split('-').map(Number) as [number, number];
  return new Date(Date.UTC(year, number, 1)).toISOString().slice(0, 7);
}

async function hmac(key: Uint8Array, text: string): Promise<Uint8Array> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const raw = key as Uint8Array<ArrayBuffer>;
  const secret = await crypto.subtle.importKey('raw', raw, algorithm, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', secret, new TextEncoder().encode(text)));
}

/** Keys of days, made once each: a day has millions of checks. */
export class DayKeys {
  /** Days in use at once: those of which tags are kept, and some to come. */
  static readonly #KEPT_MAX = 64;
  readonly #key: TagKey;
  readonly #byDay = new Map<number, Uint8Array>();

  constructor(key: TagKey) {
    this.#key = key;
  }

  /** The 16 bytes for a day; undefined for a day whose key is destroyed. */
  async of(day: number): Promise<Uint8Array | undefined> {
    const made = this.#byDay.get(day);
    if (made) return made;
    const date = new Date(dayStartMs(day)).toISOString().slice(0, 10);
    const month = await tagKeyOfMonth(this.#key, date.slice(0, 7));
    if (!month) return undefined;
    const key = (await hmac(month.bytes, `sltd-tag-day ${date}`)).subarray(0, DAY_KEY_BYTES);
    if (this.#byDay.size >= DayKeys.#KEPT_MAX) this.#byDay.clear();
    this.#byDay.set(day, key);
    return key;
  }
}
