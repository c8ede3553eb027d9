/**
 * Invalid internal passports of the Russian Federation, as its interior ministry published them:
 * `list_of_expired_passports.csv.bz2`, header PASSP_SERIES,PASSP_NUMBER, four and six digits.
 *
 * The internal passport is an identity document in the form of a passport: booklets since 2011 carry
 * a passport's MRZ ("PN"), older ones none. So a holder may be asked for under either class, and the
 * record stands under both. One class alone would be a false clear under the other.
 */

import type { Profile } from '../profile.ts';

export const RU_MVD: Profile = {
  name: 'ru-mvd',
  title: 'Russian internal passports no longer valid: PASSP_SERIES, PASSP_NUMBER',
  encoding: 'utf-8',
  separator: ',',
  number: [
    { column: 'PASSP_SERIES', padDigits: 4 },
    { column: 'PASSP_NUMBER', padDigits: 6 },
  ],
  columns: {},
  constants: { state: 'RUS', category: 'invalid' },
  categories: {},
  classesOf: () => ['identity', 'passport'],
  // Internal passports only: passports for travel abroad are not in the file.
  coverage: 'partial',
};
