/** Retro-match of what bureaus correct: a report stays one whatever becomes of its record, and is told once. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeEvents } from '../../../central/check-events/take-events.ts';
import { operationsAfter } from '../../../central/records/operation-log.ts';
import { matchReports } from '../../../central/retro-match/match-reports.ts';
import type { CheckEvent } from '../../../src/format/check-event.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { checkEvent, DAY_MS, dayKeys } from '../check-events/events.ts';
import { NOW_MS } from '../records.ts';
import { centralWorld, directToken } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const HOUR_MS = 3_600_000;
const iso = (ms: number) => new Date(ms).toISOString();

describe.each(kinds)('retro-match of corrections on $name', ({ create }) => {
  let database: TestDatabase;
  let central: Awaited<ReturnType<typeof centralWorld>>;
  let token: string;
  let nowMs: number;
  beforeEach(async () => {
    database = await create();
    nowMs = NOW_MS;
    central = await centralWorld(database.db, { clock: () => nowMs });
    token = await directToken({ role: 'ncb', tenant: 'NCB-UTO' });
  });
  afterEach(() => database.remove());

  const take = (...events: CheckEvent[]) => takeEvents(database.db, events, { nowMs });
  const run = () => matchReports(database.db, { dayKeys, nowMs });
  const matches = () =>
    database.db
      .selectFrom('retro_matches')
      .select(['record_id', 'place'])
      .orderBy('place')
      .execute();

  /** Sends a change of the record in the version that it has, an hour after the one before. */
  const send = async (method: 'POST' | 'PATCH', path: string, body: object) => {
    nowMs += HOUR_MS;
    const id = path.split('/')[3];
    const before = await database.db
      .selectFrom('records')
      .select('version')
      .where('id', '=', id ?? '')
      .executeTakeFirst();
    const answer = await central.request(path, {
      ...{ method, body: JSON.stringify(body) },
      headers: {
        ...{ authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(before ? { 'if-match': `"${before.version}"` } : {}),
      },
    });
    expect(answer.status).toBeLessThan(300);
    return ((await answer.json()) as { id: string }).id;
  };
  const report = (fields: object = {}) =>
    send('POST', '/v1/records', {
      ...{ issuingState: 'UTO', documentNumber: 'X1', documentType: 'PAS', category: 'lost' },
      ...fields,
    });
  const correct = (id: string, changes: object) => send('PATCH', `/v1/records/${id}`, changes);
  const withdraw = (id: string) =>
    send('POST', `/v1/records/${id}/withdrawal`, { reason: 'found again' });

  it.each([{ category: 'stolen' }, { nationalReference: 'UTO-2' }, { documentType: 'DIP' }])(
    'a report that was corrected before it was compared is compared: %j',
    async (changes) => {
      await take(await checkEvent({ time: iso(nowMs - 3 * DAY_MS), names: ['UTOX1'] }));
      const corrected = await correct(await report(), changes);
      expect((await run()).found).toBe(1);
      expect(await matches()).toEqual([{ record_id: corrected, place: 0 }]);
    },
  );

  it('a report that was corrected meets checks that come late', async () => {
    const asOf = iso(nowMs - HOUR_MS);
    const corrected = await correct(await report(), { category: 'stolen' });
    expect((await run()).found).toBe(0);
    await take(await checkEvent({ names: ['UTOX1'], time: iso(nowMs), asOf }));
    expect((await run()).found).toBe(1);
    expect(await matches()).toEqual([{ record_id: corrected, place: 0 }]);
  });

  it('so does one that was corrected into a record that was withdrawn before', async () => {
    const first = await report();
    await withdraw(first);
    expect(await correct(await report({ category: 'stolen' }), { category: 'lost' })).toBe(first);
    await database.db.deleteFrom('operations').where('at', '<', nowMs).execute();
    await take(await checkEvent({ names: ['UTOX1'] }));
    expect((await run()).found).toBe(1);
  });

  it('who was told of a report is not told of its correction', async () => {
    await take(await checkEvent({ names: ['UTOX1'] }), await checkEvent({ names: ['UTOX1'] }));
    const id = await report();
    expect((await run()).found).toBe(2);
    const stolen = await correct(id, { category: 'stolen' });
    expect((await run()).found).toBe(0);
    await correct(stolen, { documentType: 'IDC' });
    expect((await run()).found).toBe(0);
  });

  it('a correction of the class meets the checks of that class, and tells nobody again', async () => {
    await take(await checkEvent({ names: ['UTOX1', 'UTOX1', 'UTOX1'], classes: '12f' }));
    const id = await report();
    expect((await run()).found).toBe(2);
    await correct(id, { documentType: 'IDC' });
    expect((await run()).found).toBe(1);
    expect((await matches()).map(({ place }) => place)).toEqual([0, 1, 2]);
  });

  it('a correction of the number is a report, and one that leaves the record what it is is none', async () => {
    const id = await report();
    await run();
    await correct(id, { dateOfTheft: '2026-01-01', category: 'lost', documentNumber: 'X-1' });
    // What an edge without a list let pass meanwhile.
    await take(await checkEvent({ names: ['UTOX1', 'UTOX2'], answers: 'uu', asOf: undefined }));
    await database.db.updateTable('check_event_state').set({ matched_number: 1 }).execute();
    expect((await operationsAfter(database.db, 0, 10)).map(({ kind }) => kind)).toEqual([
      ...['added', 'withdrawn', 'added'],
    ]);
    expect((await run()).found).toBe(0);
    await correct(id, { documentNumber: 'X2' });
    expect((await run()).found).toBe(1);
    expect((await matches()).map(({ place }) => place)).toEqual([1]);
  });

  it('a check between a withdrawal and the next report meets that one, also where it comes late', async () => {
    const id = await report();
    await withdraw(id);
    const passed = await checkEvent({
      ...{ names: ['UTOX1'], time: iso(nowMs + HOUR_MS / 2), asOf: iso(nowMs + HOUR_MS / 4) },
    });
    const older = await checkEvent({ names: ['UTOX9'], asOf: iso(nowMs - 4 * HOUR_MS) });
    await report();
    await run();
    await take(passed, older);
    expect((await run()).found).toBe(1);
  });
});
