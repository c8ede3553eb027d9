/**
 * Invalid documents of the Czech Republic, as its interior ministry publishes them: one zip a kind of
 * document, rows `number;d.M.yyyy` or `number;series;d.M.yyyy`, CRLF, no header. A zip with two
 * entries is a difference to the day before: added rows, then removed rows.
 *
 * The file does not say its kind, only its address does (typ_dokladu: 0 and 1 identity cards, 2 and 3
 * passports). So there is a profile a kind, and one for whoever does not know: both classes. That one
 * takes full lists only: a number removed as an identity card may still be listed as a passport.
 */

import type { DocumentClass } from '../../../src/document/document-class.ts';
import type { Profile } from '../profile.ts';

const profile = (
  name: string,
  title: string,
  classes: readonly DocumentClass[],
  differencePair: Profile['differencePair'],
): Profile => ({
  name,
  title,
  encoding: 'utf-8',
  separator: ';',
  headerless: [
    ['number', 'date'],
    ['number', 'series', 'date'],
  ],
  // Printed as series, then number: "AB12 345678".
  number: [{ column: 'series', optional: true }, { column: 'number' }],
  columns: { reportedAt: ['date'] },
  constants: { state: 'CZE', category: 'invalid' },
  categories: {},
  classesOf: () => classes,
  coverage: 'partial',
  differencePair,
});

export const CZ_MVCR = profile(
  'cz-mvcr',
  'Czech invalid documents of either kind: number;date or number;series;date (zip or plain)',
  ['identity', 'passport'],
  { refuse: 'a difference needs the profile cz-mvcr-identity or cz-mvcr-passport' },
);
export const CZ_MVCR_IDENTITY = profile(
  'cz-mvcr-identity',
  'Czech invalid identity cards (typ_dokladu 0 and 1)',
  ['identity'],
  'apply',
);
export const CZ_MVCR_PASSPORT = profile(
  'cz-mvcr-passport',
  'Czech invalid passports (typ_dokladu 2 and 3)',
  ['passport'],
  'apply',
);
