/** A report that comes by a load alone meets past checks like any other, though no log of operations has it. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeEvents } from '../../../central/check-events/take-events.ts';
import { openDatabase } from '../../../central/database/database.ts';
import { loadRecords } from '../../../central/load/load.ts';
import { matchReports } from '../../../central/retro-match/match-reports.ts';
import type { ImportedRecord } from '../../../data-build/import/record.ts';
import type { CheckEvent } from '../../../src/format/check-event.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { checkEvent, DAY_MS, dayKeys } from '../check-events/events.ts';
import { AS_OF_MS, NOW_MS, record, stream } from '../records.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const HOUR_MS = 3_600_000;
const iso = (ms: number) => new Date(ms).toISOString();

describe.each(kinds)('loaded reports on $name', ({ name, create }) => {
  let database: TestDatabase;
  const listed = (...numbers: string[]): ImportedRecord[] =>
    numbers.map((number, index) => record({ number, line: index + 2 }));
  const load = (numbers: string[], { atMs = NOW_MS, asOf = AS_OF_MS } = {}) =>
    loadRecords(database.db, stream(listed(...numbers)), {
      ...{ asOf, clock: () => atMs, acceptShrink: true },
    });
  /** A load of BASE and of these, a millisecond after the one before. */
  const loadAlso = (...records: Partial<ImportedRecord>[]) => {
    const options = { asOf: AS_OF_MS, clock: () => NOW_MS + 1, acceptShrink: true };
    return loadRecords(database.db, stream([...listed('BASE'), ...records.map(record)]), options);
  };
  const take = (...events: CheckEvent[]) => takeEvents(database.db, events, { nowMs: NOW_MS });
  const run = (nowMs = NOW_MS) => matchReports(database.db, { dayKeys, nowMs });
  const foundAt = async (nowMs: number) => (await run(nowMs)).found;
  const waiting = () => database.db.selectFrom('loaded_reports').selectAll().execute();

  beforeEach(async () => {
    database = await create();
    await load(['BASE']);
  });
  afterEach(() => database.remove());

  it('finds the checks of what a load has listed, and tells the same three', async () => {
    await take(await checkEvent({ names: ['UTOBASE', 'UTOX1'], time: iso(NOW_MS - 3 * DAY_MS) }));
    await load(['BASE', 'X1']);
    expect(await run()).toMatchObject({ reports: 1, found: 1 });
    const told = await database.db
      .selectFrom('notifications')
      .select(['tenant', 'type', 'body'])
      .orderBy('tenant')
      .execute();
    expect(told.map(({ tenant, type }) => [tenant, type])).toEqual([
      ['BORDER-UTO', 'retro-match.found'],
      ['NCB-UTO', 'retro-match.found'],
    ]);
    expect(JSON.parse(told[0]!.body).data).toMatchObject({
      ...{ issuingState: 'UTO', reportedAt: iso(NOW_MS) },
      checks: [{ checkedAt: iso(NOW_MS - 3 * DAY_MS), answered: 'clear' }],
    });
  });

  it('goes through no keys of the list, which are in the order of keys and not of records', async () => {
    await take(await checkEvent({ names: ['UTOX1'] }), await checkEvent({ names: ['UTOX1'] }));
    await load(['BASE', 'X1']);
    await database.db.schema.alterTable('record_keys').renameTo('not_read').execute();
    expect(await run()).toMatchObject({ reports: 1, found: 2 });
    await take(await checkEvent({ names: ['UTOX1'] }));
    expect(await foundAt(NOW_MS + HOUR_MS)).toBe(1);
  });

  it('finds nothing of a first load, of what stays, is corrected or is withdrawn', async () => {
    await take(await checkEvent({ names: ['UTOBASE', 'UTOGONE'] }));
    await load(['BASE', 'GONE']);
    await load(['BASE']);
    expect(await foundAt(NOW_MS)).toBe(0);
    const corrected = [record({ number: 'BASE', dateOfTheft: '2026-03-05' })];
    const options = { asOf: AS_OF_MS, clock: () => NOW_MS };
    await loadRecords(database.db, stream(corrected), options);
    expect(await foundAt(NOW_MS + HOUR_MS)).toBe(0);
  });

  it('finds what is listed again after it was withdrawn', async () => {
    await load(['BASE', 'X1']);
    await run();
    await load(['BASE']);
    await take(await checkEvent({ names: ['UTOX1'] }));
    expect(await foundAt(NOW_MS)).toBe(0);
    await load(['BASE', 'X1'], { atMs: NOW_MS + 1 });
    expect(await foundAt(NOW_MS + 1)).toBe(1);
  });

  it('finds what an older edition lets pass after the load, under an overlay that is newer', async () => {
    await load(['BASE', 'X1']);
    expect(await foundAt(NOW_MS)).toBe(0);
    const asOf = iso(NOW_MS + HOUR_MS / 2);
    await take(await checkEvent({ names: ['UTOX1'], time: iso(NOW_MS + HOUR_MS / 2), asOf }));
    expect(await foundAt(NOW_MS + HOUR_MS - 1)).toBe(0);
    expect(await foundAt(NOW_MS + HOUR_MS)).toBe(1);
    expect(await foundAt(NOW_MS + 2 * HOUR_MS)).toBe(0);
  });

  it('looks after 1, 2, 4 and so on to 512 hours, and then no more', async () => {
    await load(['BASE', 'X1']);
    const turns: number[] = [];
    for (let hour = 0; hour <= 1_030; hour++) {
      if ((await run(NOW_MS + hour * HOUR_MS)).reports > 0) turns.push(hour);
    }
    expect(turns).toEqual([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
    expect(await waiting()).toEqual([]);
  });

  it('looks a last time after 64 hours also when it slept before', async () => {
    await load(['BASE', 'X1']);
    await run();
    await run(NOW_MS + 33 * HOUR_MS);
    expect(await waiting()).toMatchObject([{ due_at: NOW_MS + 64 * HOUR_MS }]);
  });

  it('tells a check once, also where the document comes back as another record', async () => {
    await take(await checkEvent({ names: ['UTOX1'] }));
    await load(['BASE', 'X1']);
    expect(await foundAt(NOW_MS)).toBe(1);
    await loadAlso(
      { number: 'X1', category: 'lost' },
      { number: 'X1', nationalReference: 'UTO-2' },
    );
    expect((await run(NOW_MS + 1)).found).toBe(0);
  });

  it('takes another record of a document that was listed long ago for no report', async () => {
    await take(await checkEvent({ names: ['UTOBASE'], answers: 'u', asOf: undefined }));
    await loadAlso({ number: 'BASE', nationalReference: 'UTO-2' });
    expect(await run(NOW_MS + 1)).toMatchObject({ reports: 0, found: 0 });
  });

  it.each([{ category: 'lost' as const }, { nationalReference: 'UTO-2' }])(
    'compares a document on that the next load brings as another record: %j',
    async (changes) => {
      await load(['BASE', 'X1']);
      await run();
      await loadAlso({ number: 'X1', ...changes }, { number: 'X2' });
      // By an edition that knows neither.
      await take(await checkEvent({ names: ['UTOX1'], time: iso(NOW_MS + HOUR_MS) }));
      expect(await foundAt(NOW_MS + 2 * HOUR_MS)).toBe(1);
    },
  );

  it('compares a document of which another is listed under the same number, in each class of its own', async () => {
    await loadAlso({ number: 'X1', classes: ['identity'] });
    await database.db.deleteFrom('loaded_reports').execute();
    const answered = { names: ['UTOX1'], time: iso(NOW_MS - DAY_MS) };
    await take(
      await checkEvent({ ...answered, classes: '1' }),
      await checkEvent({ ...answered, classes: '4' }),
    );
    await loadAlso(
      { number: 'X1', classes: ['identity'] },
      { number: 'X1', classes: ['passport'] },
      { number: 'X1', classes: ['identity', 'visa'] },
    );
    expect(await foundAt(NOW_MS + 1)).toBe(2);
  });

  it('tells a check once, where two records of the document come at the same time', async () => {
    await take(await checkEvent({ names: ['UTOX1'] }));
    const both = [...listed('BASE', 'X1'), record({ number: 'X1', category: 'lost' })];
    const options = { asOf: AS_OF_MS, clock: () => NOW_MS };
    await loadRecords(database.db, stream(both), options);
    expect(await run()).toMatchObject({ reports: 2, found: 1 });
  });

  it('a large load is compared some at a time, and no report waits for it', async () => {
    const numbers = Array.from({ length: 1_500 }, (_, index) => `N${index}`);
    await take(await checkEvent({ names: ['UTON3', 'UTON1499'] }));
    await load(['BASE', ...numbers]);
    expect(await run()).toMatchObject({ reports: 1_000, isMore: true });
    expect(await run()).toMatchObject({ reports: 500, isMore: false });
    const matches = await database.db.selectFrom('retro_matches').select('place').execute();
    expect(matches.map(({ place }) => place).sort()).toEqual([0, 1]);
  });

  it('a load that begins while others are compared keeps its own turn', async () => {
    await load(['BASE', 'X1']);
    await load(['BASE']);
    const first = run();
    await load(['BASE', 'X1'], { atMs: NOW_MS + 1 });
    await first;
    await take(await checkEvent({ names: ['UTOX1'] }));
    expect(await foundAt(NOW_MS + 1)).toBe(1);
  });

  // On SQLite whoever writes waits for a load, and a run fails and comes again.
  it.runIf(name === 'PostgreSQL')(
    'waits for no load that is under way, nor does what comes after',
    async () => {
      const numbers = Array.from({ length: 1_000 }, (_, index) => `N${index}`);
      await load(['BASE', ...numbers]);
      const other = openDatabase(database.location);
      const loading = await other.startTransaction().execute();
      const again = { at: NOW_MS + 1, due_at: NOW_MS + 1 };
      await loading.updateTable('loaded_reports').set(again).execute();
      await take(await checkEvent({ names: ['UTON3'] }));
      expect(await run()).toMatchObject({ found: 1, isMore: false });
      await take(await checkEvent({ names: ['UTON4'] }));
      await loading.commit().execute();
      await other.destroy();
      expect(await run(NOW_MS + 1)).toMatchObject({ reports: 1_000, found: 1, isMore: true });
    },
  );
});
