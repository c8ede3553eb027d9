/**
 * Why a document is listed: the 4-bit category of a slot (docs/format.md section 7).
 *
 * The order is the code, and it is the order of weight: of several records of one key, the highest
 * stands.
 */

/** Names by code, 0 to 5. */
export const CATEGORIES = [
  'unspecified',
  'lost',
  'invalid',
  'revoked',
  'stolen',
  'stolen-blank',
] as const;

export type Category = (typeof CATEGORIES)[number];

/** The category of a code; codes that no version has yet given a meaning are unspecified. */
export function categoryOf(code: number): Category {
  return CATEGORIES[code] ?? 'unspecified';
}
