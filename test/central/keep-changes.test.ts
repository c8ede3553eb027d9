/** What a bureau did at central stands until an export has it, and exports that have not are told of. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CentralDatabase } from '../../central/database/schema.ts';
import { loadRecords } from '../../central/load/load.ts';
import { OverlaySource } from '../../central/overlay/overlay-source.ts';
import { sweepReviews } from '../../central/records/review.ts';
import type { ImportedRecord } from '../../data-build/import/record.ts';
import { databaseKinds, type TestDatabase } from '../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, SPECIMEN_KEY, stream } from './records.ts';
import { centralWorld, directToken, type World } from './world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const REPORTED_KEY = 'PUTOZ77';
/** What a bureau reports as Z77, as an export brings it. */
const Z77 = record({ number: 'Z77', numberAsReported: 'Z77', nationalReference: undefined });

describe.each(kinds)('a change by a bureau on $name', ({ create }) => {
  let database: TestDatabase;
  let db: CentralDatabase;
  let central: World;
  let nowMs: number;
  beforeEach(async () => {
    database = await create();
    ({ db } = database);
    nowMs = NOW_MS;
    await load([record()], AS_OF_MS);
    central = await centralWorld(db, { clock: () => nowMs });
  });
  afterEach(() => database.remove());

  /** Load an export that is complete up to a time, half an hour later. */
  const load = (records: ImportedRecord[], asOf: number, options: object = {}) => {
    nowMs = Math.max(nowMs, asOf + HOUR_MS / 2);
    return loadRecords(db, stream(records), { asOf, clock: () => nowMs, ...options });
  };
  const send = async (method: string, path: string, body: object, headers: object = {}) => {
    const token = await directToken({ role: 'ncb', tenant: 'NCB-UTO', nowMs });
    const response = await central.request(path, {
      method,
      headers: {
        ...{ authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...headers,
      },
      body: JSON.stringify(body),
    });
    expect(response.ok).toBe(true);
    return (await response.json()) as { id: string };
  };
  const report = (changes: object = {}) =>
    send('POST', '/v1/records', {
      ...{ issuingState: 'UTO', documentNumber: 'Z77', documentType: 'PAS', category: 'stolen' },
      ...changes,
    });
  const specimenId = async () =>
    (await db.selectFrom('records').select('id').executeTakeFirstOrThrow()).id;
  const withdraw = (id: string) =>
    send('POST', `/v1/records/${id}/withdrawal`, { reason: 'an innocent holder' });
  const isListed = async () => {
    const rows = await db
      .selectFrom('record_keys')
      .innerJoin('records', 'records.id', 'record_keys.record_id')
      .select('record_keys.key')
      .where('withdrawn_at', 'is', null)
      .execute();
    return [SPECIMEN_KEY, REPORTED_KEY].map((key) => rows.some((row) => row.key === key));
  };
  const told = async () => {
    const rows = await db.selectFrom('notifications').selectAll().orderBy('created_at').execute();
    return rows.map(({ tenant, type, body }) => ({ tenant, type, data: JSON.parse(body).data }));
  };

  it('is not reversed by the export of the next day, nor of any day after', async () => {
    await withdraw(await specimenId());
    await report();
    for (let days = 1; days <= 5; days++) {
      const asOf = AS_OF_MS + days * DAY_MS;
      expect(await load([record()], asOf)).toMatchObject({
        ...{ listedCount: 1, withdrawnCount: 0, contradictedCount: 2 },
      });
      expect(await isListed()).toEqual([false, true]);
    }
  });

  it('that exports contradict is told to the bureau, once, after the export had a day for it', async () => {
    const withdrawn = await specimenId();
    await withdraw(withdrawn);
    const { id } = await report();
    await load([record()], NOW_MS + DAY_MS - 1);
    expect(await told()).toEqual([]);
    const asOf = NOW_MS + DAY_MS;
    await load([record()], asOf);
    await load([record()], asOf + DAY_MS);
    expect(await told()).toEqual([
      {
        ...{ tenant: 'NCB-UTO', type: 'record.export-differs' },
        data: {
          asOf: new Date(asOf).toISOString(),
          records: [
            { record: id, stands: 'listed' },
            { record: withdrawn, stands: 'withdrawn' },
          ].sort((a, b) => (a.record < b.record ? -1 : 1)),
        },
      },
    ]);
  });

  it('is told with all other records of its bureau, a hundred in one notification', async () => {
    for (let i = 0; i < 101; i++) await report({ documentNumber: `Z${i}` });
    await load([record()], NOW_MS + DAY_MS);
    const counts = (await told()).map(({ data }) => (data.records as object[]).length);
    expect(counts.sort()).toEqual([1, 100]);
  });

  it('that an export has confirmed is for exports to decide again', async () => {
    const id = await specimenId();
    await withdraw(id);
    await report();
    const asOf = NOW_MS + DAY_MS;
    expect(await load([Z77], asOf)).toMatchObject({ contradictedCount: 0 });
    expect(await isListed()).toEqual([false, true]);
    expect(await load([record()], asOf + DAY_MS)).toMatchObject({ contradictedCount: 0 });
    expect(await isListed()).toEqual([true, false]);
    expect(await told()).toEqual([]);
  });

  it('is not confirmed by an export of before it', async () => {
    const id = await specimenId();
    await withdraw(id);
    await send('POST', '/v1/records', {
      ...{ issuingState: 'UTO', documentNumber: 'L898902C3', documentType: 'PAS' },
      ...{ category: 'stolen', nationalReference: 'UTO-2026-17' },
    });
    await load([record()], AS_OF_MS + 1);
    await load([Z77], NOW_MS + DAY_MS, { acceptShrink: true });
    expect(await isListed()).toEqual([true, true]);
  });

  it('that a later export confirmed outlives the way back to an earlier one', async () => {
    await report();
    await load([record()], NOW_MS + HOUR_MS);
    await load([record(), Z77], NOW_MS + DAY_MS);
    await load([record()], NOW_MS + HOUR_MS, { allowOlder: true });
    expect(await isListed()).toEqual([true, true]);
  });

  it('of a field is kept until an export has the field', async () => {
    const id = await specimenId();
    await send('PATCH', `/v1/records/${id}`, { placeOfTheft: 'Nadir' }, { 'if-match': '"1"' });
    const place = async () =>
      (await db.selectFrom('records').selectAll().executeTakeFirstOrThrow()).place_of_theft;
    const asOf = NOW_MS + DAY_MS;
    expect(await load([record()], asOf)).toMatchObject({ contradictedCount: 1 });
    expect(await place()).toBe('Nadir');
    expect((await told())[0]?.data.records).toEqual([{ record: id, stands: 'corrected' }]);
    // Its other columns are the export's all the same.
    await load([record({ placeOfTheft: 'Nadir', ncb: 'IP Nadir' })], asOf + DAY_MS);
    await load([record({ placeOfTheft: 'Zenith' })], asOf + 2 * DAY_MS);
    expect(await place()).toBe('Zenith');
  });

  it('is not what central itself lets expire', async () => {
    await report({ reviewDate: '2027-04-01' });
    await sweepReviews(db, NOW_MS + 100 * DAY_MS);
    expect(await sweepReviews(db, NOW_MS + 140 * DAY_MS)).toMatchObject({ expired: 1 });
    await load([record(), Z77], NOW_MS + 150 * DAY_MS);
    expect(await isListed()).toEqual([true, true]);
  });

  it('goes to the edges with every edition whose export has not confirmed it', async () => {
    await withdraw(await specimenId());
    await report();
    const late = NOW_MS + 10 * DAY_MS;
    await load([record()], late);
    const rows = async (asOf: number) => {
      const source = new OverlaySource(db, { asOf, states: () => [].values() });
      await source.update();
      expect(source.lastOperation).toBe(2);
      return [...source.folded.rowsAfter(0)].map(({ key, kind }) => `${kind} ${key}`).sort();
    };
    const both = [`added ${REPORTED_KEY}`, `withdrawn ${SPECIMEN_KEY}`];
    expect(await rows(late)).toEqual(both);
    await load([Z77], late + DAY_MS);
    expect(await rows(late + 3 * DAY_MS)).toEqual([]);
    // The edition before is still in force, or comes back under the overlay of the one that has them.
    expect(await rows(late)).toEqual(both);
    expect(await rows(late + DAY_MS)).toEqual(both);
  });
});
