/**
 * Stolen and lost passports of Ukraine, as its interior ministry publishes them: a JSON array
 * `mvswantedpassport_*.json` with D_SERIES (empty for cards), D_NUMBER, D_TYPE, D_STATUS (free text).
 *
 * Series are Cyrillic; canonicalNumber writes them as the MRZ does. The types are free text, so they
 * are told apart by a word in them, and a text without such a word stands under every class.
 */

import type { DocumentClass } from '../../../src/document/document-class.ts';
import type { Profile } from '../profile.ts';

/** Words in D_TYPE, in this order; the passport for travel is named after the same "passport". */
const TYPE_WORDS: readonly (readonly [string, readonly DocumentClass[]])[] = [
  ['закордон', ['passport']],
  ['для виїзду', ['passport']],
  ['дипломатичн', ['passport']],
  ['службов', ['passport']],
  ['проїзний', ['passport', 'identity', 'other']],
  // The internal passport: a booklet without an MRZ, or a card (I); officers call it a passport.
  ['паспорт', ['identity', 'passport']],
  ['посвід', ['identity', 'visa', 'other']],
];

export const UA_MVS: Profile = {
  name: 'ua-mvs',
  title: 'Ukrainian stolen and lost passports: D_SERIES, D_NUMBER, D_TYPE, D_STATUS (JSON)',
  encoding: 'utf-8',
  number: [{ column: 'D_SERIES', optional: true }, { column: 'D_NUMBER' }],
  columns: {
    type: ['D_TYPE'],
    category: ['D_STATUS'],
    dateOfTheft: ['THEFT_DATA'],
    reportedAt: ['INSERT_DATE'],
    nationalReference: ['ID'],
    placeOfTheft: ['OVD'],
  },
  constants: { state: 'UKR' },
  categories: {
    викрадено: 'stolen',
    викрадений: 'stolen',
    викрадення: 'stolen',
    крадіжка: 'stolen',
    втрачено: 'lost',
    втрачений: 'lost',
    втрата: 'lost',
    недійсний: 'invalid',
    недійсне: 'invalid',
  },
  classesOf: (type) => {
    const text = type.toLowerCase();
    return TYPE_WORDS.find(([word]) => text.includes(word))?.[1];
  },
  coverage: 'partial',
};
