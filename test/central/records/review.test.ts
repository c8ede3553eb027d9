/** A record is looked at again, or expires: never before its bureau has heard of it. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CentralDatabase } from '../../../central/database/schema.ts';
import { loadRecords } from '../../../central/load/load.ts';
import { operationsAfter } from '../../../central/records/operation-log.ts';
import { sweepReviews } from '../../../central/records/review.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, SPECIMEN_KEY, stream } from '../records.ts';
import { centralWorld, directToken, question, type World } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const DAY_MS = 86_400_000;

describe.each(kinds)('a review on $name', ({ create }) => {
  let database: TestDatabase;
  let db: CentralDatabase;
  let central: World;
  beforeEach(async () => {
    database = await create();
    ({ db } = database);
    await loadRecords(db, stream([record()]), { asOf: AS_OF_MS, clock: () => NOW_MS });
    central = await centralWorld(db);
  });
  afterEach(() => database.remove());

  const send = async (method: string, path: string, body: object, version?: number) => {
    const token = await directToken({ role: 'ncb', tenant: 'NCB-UTO' });
    const response = await central.request(path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...(version === undefined ? {} : { 'if-match': `"${version}"` }),
      },
      body: JSON.stringify(body),
    });
    return (await response.json()) as { id: string; version: number };
  };
  const report = (documentNumber: string, reviewDate: string) =>
    send('POST', '/v1/records', {
      ...{ issuingState: 'UTO', documentNumber, documentType: 'PAS', category: 'lost' },
      reviewDate,
    });
  const sweep = (days: number) => sweepReviews(db, NOW_MS + days * DAY_MS);
  /** What bureaus were told, in order. */
  const told = async () => {
    const rows = await db.selectFrom('notifications').selectAll().orderBy('created_at').execute();
    return rows.map(({ tenant, type, body }) => ({ tenant, type, data: JSON.parse(body).data }));
  };
  const isListed = async (...keys: string[]) =>
    (await central.confirm(question(keys))).results.map(({ listed }) => listed);

  it('is due 90 days before its date, once, and then the record expires', async () => {
    const { id } = await report('R1', '2027-04-01'); // day 130
    expect(await sweep(39)).toEqual({ noticed: 0, expired: 0 });
    expect(await sweep(41)).toEqual({ noticed: 1, expired: 0 });
    expect(await sweep(42)).toEqual({ noticed: 0, expired: 0 });
    const data = { record: id, reviewDate: '2027-04-01' };
    expect(await told()).toEqual([{ tenant: 'NCB-UTO', type: 'record.review-due', data }]);
    expect(await sweep(130)).toEqual({ noticed: 0, expired: 0 });
    expect(await isListed('PUTOR1')).toEqual([true]);
    expect(await sweep(131)).toEqual({ noticed: 0, expired: 1 });
    expect(await isListed('PUTOR1')).toEqual([false]);
    expect((await told()).at(-1)).toEqual({ tenant: 'NCB-UTO', type: 'record.expired', data });
    const last = (await operationsAfter(db, 0, 10)).at(-1);
    expect(last).toMatchObject({ kind: 'withdrawn', key: 'PUTOR1' });
    const lines = await db
      .selectFrom('record_history')
      .select('action')
      .orderBy('number')
      .execute();
    expect(lines.map(({ action }) => action)).toEqual(['reported', 'review-noticed', 'expired']);
  });

  it('lets nothing expire of which its bureau heard less than 30 days before', async () => {
    await report('R1', '2027-04-01');
    // Nothing was swept for half a year.
    expect(await sweep(200)).toEqual({ noticed: 1, expired: 0 });
    expect(await sweep(229)).toEqual({ noticed: 0, expired: 0 });
    expect(await isListed('PUTOR1')).toEqual([true]);
    expect(await sweep(230)).toEqual({ noticed: 0, expired: 1 });
  });

  it('is put off by a correction, and then told anew', async () => {
    const { id } = await report('R1', '2027-04-01');
    await sweep(50);
    await send('PATCH', `/v1/records/${id}`, { reviewDate: '2030-01-01' }, 2);
    expect(await sweep(400)).toEqual({ noticed: 0, expired: 0 });
    expect(await sweep(1_100)).toEqual({ noticed: 1, expired: 0 });
  });

  it('goes through any number of records', async () => {
    for (let i = 0; i < 3; i++) await report(`R${i}`, '2027-04-01');
    const rows = Array.from({ length: 1_100 }, (_, i) => record({ number: `M${i}` }));
    await loadRecords(db, stream([record(), ...rows]), { asOf: AS_OF_MS, clock: () => NOW_MS });
    await db
      .updateTable('records')
      .set({ review_date: '2027-04-01' })
      .where('number', 'like', 'M%')
      .execute();
    expect(await sweep(100)).toEqual({ noticed: 1_103, expired: 0 });
    expect(await sweep(140)).toEqual({ noticed: 0, expired: 1_103 });
  });

  it('is not of records that an export brings', async () => {
    expect(await sweep(4_000)).toEqual({ noticed: 0, expired: 0 });
    expect(await isListed(SPECIMEN_KEY)).toEqual([true]);
  });

  describe('of a record that an export lists again', () => {
    const R1 = record({ number: 'R1', category: 'lost', nationalReference: undefined });
    const load = (days: number, ...records: ReturnType<typeof record>[]) => {
      const asOf = NOW_MS + days * DAY_MS;
      return loadRecords(db, stream(records), { asOf, clock: () => asOf });
    };
    const sweepToEnd = async () => {
      for (let days = 150; days <= 400; days += 10) {
        expect(await sweep(days)).toEqual({ noticed: 0, expired: 0 });
      }
      expect(await isListed('PUTOR1')).toEqual([true]);
    };

    it('is over: what expired does not expire a second time', async () => {
      await report('R1', '2027-04-01');
      await sweep(41);
      expect(await sweep(131)).toEqual({ noticed: 0, expired: 1 });
      await load(140, record(), R1);
      await sweepToEnd();
    });

    it('is over: what its bureau withdrew is for exports to decide', async () => {
      const { id } = await report('R1', '2027-04-01');
      await sweep(41);
      await send('POST', `/v1/records/${id}/withdrawal`, { reason: 'found' }, 2);
      await load(42, record());
      await load(140, record(), R1);
      await sweepToEnd();
    });

    it('is as it was where the export only corrects what is listed', async () => {
      await report('R1', '2027-04-01');
      await load(1, record(), R1);
      await load(2, record(), { ...R1, placeOfTheft: 'Nadir' });
      expect(await sweep(41)).toEqual({ noticed: 1, expired: 0 });
    });
  });
});
