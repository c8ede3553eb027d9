/** Records of a specimen state, and the moment at which the tests of central stand. */

import type { ImportedRecord } from '../../data-build/import/record.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';

export const NOW_MS = Date.UTC(2026, 10, 22, 12);
export const AS_OF_MS = Date.UTC(2026, 10, 22, 3);

/** A record of a specimen state; the changes are what the test is about. */
export const record = (changes: Partial<ImportedRecord> = {}): ImportedRecord => ({
  state: 'UTO' as StateCode,
  typeCode: 'PAS',
  classes: ['passport'],
  number: 'L898902C3',
  numberAsReported: 'L 898902 C3',
  category: 'stolen',
  dateOfTheft: '2026-03-01',
  placeOfTheft: 'Zenith',
  countryOfTheft: 'UTO',
  dateOfIssue: '2020-04-16',
  dateOfExpiry: '2030-04-15',
  nationalReference: 'UTO-2026-17',
  noticeColor: 'blue',
  ncb: 'IP Zenith',
  reportedAt: '2026-03-02',
  line: 2,
  ...changes,
});

export const SPECIMEN_KEY = 'PUTOL898902C3';

/** Records one by one, as the reader of an export delivers them. */
export async function* stream(records: Iterable<ImportedRecord>) {
  for (const each of records) yield each;
}
