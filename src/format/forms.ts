/**
 * Forms of identifiers, lines, times and days, wherever one enters: in an address, a cursor, a body, a token.
 *
 * They are narrower than what one database or one parser would still take: a NUL that PostgreSQL
 * cannot store, a 31st of February that Date.parse() moves into March.
 */

import * as v from 'valibot';

/** What central names by itself: 16 random bytes in base64url. */
export const ID = /^[\w-]{22}$/;
export const Id = v.pipe(v.string(), v.regex(ID));

const NAME_LENGTH_MAX = 128;

/** True for one line that can be shown and stored: well-formed, and without a control character. */
export const isLine = (text: string): boolean => text.isWellFormed() && !/\p{Cc}/u.test(text);

/** True for a name of a tenant, a site or a person, in a token and wherever one is named again. */
export const isName = (text: string): boolean =>
  text !== '' && text.length <= NAME_LENGTH_MAX && isLine(text);
export const Name = v.pipe(v.string(), v.check(isName));

/** True for a day that is in the calendar, `2026-11-22`. */
function isDay(text: string): boolean {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** True for a time with its zone (RFC 3339) on a day that is in the calendar. */
const isTime = (text: string): boolean =>
  TIME.test(text) && isDay(text.slice(0, 10)) && !Number.isNaN(Date.parse(text));
const TIME = /^\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** A day as text. */
export const Day = v.pipe(v.string(), v.check(isDay));
/** A time as text that Date.parse() reads. */
export const Time = v.pipe(v.string(), v.check(isTime));
