/** The history of a record says what a load did to it, and what it was before. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadRecords } from '../../../central/load/load.ts';
import { sweepReviews } from '../../../central/records/review.ts';
import type { ImportedRecord } from '../../../data-build/import/record.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, stream } from '../records.ts';
import { centralWorld, directToken, type World } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const DAY_MS = 86_400_000;
/** Keeps the list from being empty. */
const OTHER = record({ number: 'X1' });

describe.each(kinds)('the history of a record after a load on $name', ({ create }) => {
  let database: TestDatabase;
  let central: World;
  let id: string;
  beforeEach(async () => {
    database = await create();
    await load(0, record());
    ({ id } = await database.db.selectFrom('records').select('id').executeTakeFirstOrThrow());
    central = await centralWorld(database.db);
  });
  afterEach(() => database.remove());

  const load = (days: number, ...records: ImportedRecord[]) => {
    const clock = () => NOW_MS + days * DAY_MS;
    return loadRecords(database.db, stream(records), { asOf: AS_OF_MS + days * DAY_MS, clock });
  };
  const history = async (recordId = id, claims: object = {}) => {
    const token = await directToken({ role: 'ncb', tenant: 'NCB-UTO', ...claims });
    const headers = { authorization: `Bearer ${token}` };
    const response = await central.request(`/v1/records/${recordId}/history`, { headers });
    const { items } = (await response.json()) as { items: { action: string; before?: object }[] };
    return items.map(({ action, before }) => (before ? [action, before] : [action]));
  };

  it('has no line of the first list', async () => {
    expect(await history()).toEqual([]);
  });

  it('has every field that an export corrected, as it was, and no other', async () => {
    await load(1, record({ placeOfTheft: 'Nadir', noticeColor: undefined }), OTHER);
    await load(
      2,
      record({
        ...{
          numberAsReported: 'L898902C3',
          dateOfTheft: undefined,
          placeOfTheft: 'A "\\\n\u0001ü',
        },
        ...{ countryOfTheft: 'D', dateOfIssue: '2020-04-17', dateOfExpiry: '2030-04-16' },
        ...{ noticeColor: 'red', ncb: 'IP Nadir', reportedAt: '2026-03-03' },
        blankRange: { from: 'L898902C0', to: 'L898902C9' },
      }),
      OTHER,
    );
    await load(3, record(), OTHER);
    expect(await history()).toEqual([
      ['load-corrected', { placeOfTheft: 'Zenith', noticeColor: 'blue' }],
      [
        'load-corrected',
        {
          ...{ documentNumber: 'L 898902 C3', dateOfTheft: '2026-03-01', placeOfTheft: 'Nadir' },
          ...{ countryOfTheft: 'UTO', dateOfIssue: '2020-04-16', dateOfExpiry: '2030-04-15' },
          ...{ noticeColor: null, ncb: 'IP Zenith', reportedAt: '2026-03-02', blankRange: null },
        },
      ],
      [
        'load-corrected',
        {
          ...{ documentNumber: 'L898902C3', dateOfTheft: null, placeOfTheft: 'A "\\\n\u0001ü' },
          ...{ countryOfTheft: 'D', dateOfIssue: '2020-04-17', dateOfExpiry: '2030-04-16' },
          ...{ noticeColor: 'red', ncb: 'IP Nadir', reportedAt: '2026-03-03' },
          blankRange: { from: 'L898902C0', to: 'L898902C9' },
        },
      ],
    ]);
    const audit = await history(id, { role: 'auditor' });
    expect(audit).toEqual(Array(3).fill(['load-corrected']));
  });

  it('has a line of each export that came or went with it, with values where they changed', async () => {
    await load(1, OTHER);
    await load(2, record(), OTHER);
    await load(3, OTHER);
    await load(4, record({ placeOfTheft: 'Nadir' }), OTHER);
    await load(5, record({ placeOfTheft: 'Nadir' }), OTHER);
    expect(await history()).toEqual([
      ...[['load-withdrawn'], ['loaded-again'], ['load-withdrawn']],
      ['loaded-again', { placeOfTheft: 'Zenith' }],
    ]);
    const other = await database.db
      .selectFrom('records')
      .select('id')
      .where('number', '=', 'X1')
      .executeTakeFirstOrThrow();
    expect(await history(other.id)).toEqual([['loaded']]);
  });

  it('has the review date that ended when an export listed the record again', async () => {
    const reviewDate = '2027-04-01';
    await database.db.updateTable('records').set({ review_date: reviewDate }).execute();
    await sweepReviews(database.db, NOW_MS + 100 * DAY_MS);
    await sweepReviews(database.db, NOW_MS + 140 * DAY_MS);
    await load(150, record(), OTHER);
    const lines = [['review-noticed'], ['expired'], ['loaded-again', { reviewDate }]];
    expect(await history()).toEqual(lines);
  });
});
