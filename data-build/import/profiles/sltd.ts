/**
 * The SLTD export: one row a document or a range of blanks.
 *
 * Column names are documented in docs/export-profiles.md. INTERPOL publishes no file format: the
 * fields are the ones that the SLTD asks of a record (mandatory: number, type, issuing state,
 * category of fraud; desirable: the rest), the names are ours.
 */

import { classesOfRecord } from '../../../src/document/document-class.ts';
import type { Profile } from '../profile.ts';

export const SLTD: Profile = {
  name: 'sltd',
  title: 'SLTD export: number or range, state, type, category and the desirable fields',
  encoding: 'utf-8',
  // Optional because a row may have a range instead; a row with neither is rejected.
  number: [{ column: 'number', optional: true }],
  columns: {
    state: ['issuing_state', 'country_of_issue', 'state'],
    type: ['document_type', 'type'],
    category: ['category', 'category_of_fraud'],
    numberFrom: ['number_from'],
    numberTo: ['number_to'],
    dateOfTheft: ['date_of_theft'],
    placeOfTheft: ['place_of_theft'],
    countryOfTheft: ['country_of_theft'],
    dateOfIssue: ['date_of_issue'],
    dateOfExpiry: ['date_of_expiry'],
    nationalReference: ['national_reference'],
    noticeColor: ['notice_color', 'notice_colour'],
    ncb: ['owner_ncb', 'ncb'],
    reportedAt: ['reported_at'],
  },
  constants: {},
  categories: {
    lost: 'lost',
    invalid: 'invalid',
    invalidated: 'invalid',
    revoked: 'revoked',
    cancelled: 'revoked',
    stolen: 'stolen',
    'stolen-blank': 'stolen-blank',
    'stolen blank': 'stolen-blank',
    stolen_blank: 'stolen-blank',
    blank: 'stolen-blank',
  },
  classesOf: (type) => classesOfRecord(type.trim().toUpperCase()),
  coverage: 'reports',
};
