/** Retro-match: every check that let a reported document pass is found, and told once. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeEvents } from '../../../central/check-events/take-events.ts';
import { appendOperations } from '../../../central/records/operation-log.ts';
import { findChecks } from '../../../central/retro-match/find-checks.ts';
import { matchReports } from '../../../central/retro-match/match-reports.ts';
import type { CanonicalKey } from '../../../src/document/canonical-key.ts';
import type { CheckEvent } from '../../../src/format/check-event.ts';
import { DayKeys, dayOf } from '../../../src/format/tag-key.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { reportKeys } from '../../support/reported-records.ts';
import { checkEvent, DAY_MS, dayKeys } from '../check-events/events.ts';
import { NOW_MS } from '../records.ts';
import { centralWorld, directToken, problemCode } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const iso = (ms: number) => new Date(ms).toISOString();

describe.each(kinds)('retro-match on $name', ({ create }) => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await create();
  });
  afterEach(() => database.remove());

  const take = (...events: CheckEvent[]) => takeEvents(database.db, events, { nowMs: NOW_MS });
  const report = (key: string, { at = NOW_MS, recordId = 'record-1' } = {}) =>
    database.db.transaction().execute((trx) => reportKeys(trx, [{ key, recordId, at }]));
  const withdraw = (key: string, { at = NOW_MS, recordId = 'record-1' } = {}) =>
    database.db.transaction().execute(async (trx) => {
      const gone = { kind: 'withdrawn', category: 'stolen', recordId, at } as const;
      await appendOperations(trx, [{ ...gone, key: key as CanonicalKey }]);
      await trx
        .updateTable('records')
        .set({ withdrawn_at: at })
        .where('id', '=', recordId)
        .execute();
    });
  const run = (nowMs = NOW_MS) => matchReports(database.db, { dayKeys, nowMs });
  const told = async () => {
    const rows = await database.db
      .selectFrom('notifications')
      .select(['tenant', 'type', 'body'])
      .orderBy('tenant')
      .execute();
    return rows.map(({ tenant, type, body }) => ({ ...JSON.parse(body).data, tenant, type }));
  };

  it('tells the post, its bureau and the issuing bureau, once, with when and where', async () => {
    const checkedAt = iso(NOW_MS - 3 * DAY_MS);
    await take(
      await checkEvent({ names: ['D<<OTHER', 'D<<C01X00T47'], time: checkedAt, direction: 'exit' }),
    );
    await report('PD<<C01X00T47');
    expect(await run()).toMatchObject({ reports: 1, found: 1 });
    expect(await run()).toMatchObject({ reports: 0, found: 0 });
    const notices = await told();
    expect(notices.map(({ tenant }) => tenant)).toEqual(['BORDER-UTO', 'NCB-D', 'NCB-UTO']);
    expect(notices[0]).toMatchObject({
      ...{ type: 'retro-match.found', recordId: 'record-1', issuingState: 'D', site: 'desk-1' },
      checks: [{ checkedAt, direction: 'exit', answered: 'clear' }],
    });
    expect(notices[1]).toMatchObject({ post: 'desk-1', checks: [{ checkedAt }] });
    expect(JSON.stringify(notices)).not.toContain('C01X00T47');
  });

  it('tells the bureau of the state for which the agency works, whatever its tenant is called', async () => {
    await take(await checkEvent({ names: ['UTOX1'], tenant: 'BUNDESPOLIZEI', state: 'D' }));
    await report('PUTOX1');
    await run();
    expect((await told()).map(({ tenant }) => tenant)).toEqual([
      ...['BUNDESPOLIZEI', 'NCB-D', 'NCB-UTO'],
    ]);
  });

  it('shows the issuing bureau the post, and neither the desk nor the request', async () => {
    const central = await centralWorld(database.db);
    const at = (site: string) => checkEvent({ names: ['D<<X1'], site });
    await take(await at('FRA/7'), await at('FRA/8'));
    await report('PD<<X1');
    await run();
    const seenBy = async (tenant: string) => {
      const headers = { authorization: `Bearer ${await directToken({ role: 'ncb', tenant })}` };
      const answer = await central.request('/v1/retro-matches', { headers });
      const { items } = (await answer.json()) as { items: object[] };
      return JSON.stringify([items, (await told()).filter((notice) => notice.tenant === tenant)]);
    };
    for (const tenant of ['BORDER-UTO', 'NCB-UTO']) {
      expect(await seenBy(tenant)).toMatch(/"site":"FRA\/7".*"requestId":/);
    }
    const seen = await seenBy('NCB-D');
    expect(seen).toContain('"post":"FRA"');
    expect(seen).not.toMatch(/FRA\/|"requestId"|"place"|"site"/);
    // One notification for the post, with the checks of both desks.
    expect((await told()).filter(({ tenant }) => tenant === 'NCB-D')).toMatchObject([
      { checks: [{}, {}] },
    ]);
  });

  it.each([30, 15, 1, 0])('finds a check of %i days ago', async (days) => {
    await take(await checkEvent({ names: ['UTOX1'], time: iso(NOW_MS - days * DAY_MS) }));
    await report('PUTOX1');
    expect((await run()).found).toBe(1);
  });

  it('finds a document whose class the check does not tell, and one that was answered unknown', async () => {
    await take(await checkEvent({ names: ['UTOX1', 'UTOX2'], answers: 'cu' }));
    await report('IUTOX1');
    await report('PUTOX2', { recordId: 'record-2' });
    expect((await run()).found).toBe(2);
    expect((await told()).flatMap(({ checks }) => checks[0].answered).sort()).toEqual([
      ...['clear', 'clear', 'unknown', 'unknown'],
    ]);
  });

  it('finds a document in the classes alone in which it was asked', async () => {
    const names = ['UTOX1', 'UTOX2', 'UTOX3', 'UTOX4'];
    await take(
      await checkEvent({ names, classes: '12f3' }),
      await checkEvent({ names, classes: '1' }),
    );
    for (const number of ['X1', 'X2', 'X3', 'X4'])
      await report(`IUTO${number}`, { recordId: number });
    expect((await run()).found).toBe(3);
    const rows = await database.db.selectFrom('retro_matches').selectAll().execute();
    expect(rows.map((row) => [row.event_number, row.place]).sort()).toEqual([
      ...[
        [1, 1],
        [1, 2],
        [1, 3],
      ],
    ]);
  });

  it('finds the document of a record of several classes in each of them', async () => {
    await take(await checkEvent({ names: ['UTOX1', 'UTOX1', 'UTOX1'], classes: '124' }));
    await report('PUTOX1');
    await report('IUTOX1');
    expect((await run()).found).toBe(2);
  });

  it('finds nothing in a hit, in a withdrawal, in another document or under another key', async () => {
    await take(await checkEvent({ names: ['UTOX1', 'UTOX2', 'UTOX3'], answers: 'hac' }));
    for (const number of ['X1', 'X2', 'X4']) {
      await report(`PUTO${number}`, { recordId: `record-${number}` });
    }
    await report('PUTOX3');
    await withdraw('PUTOX3');
    expect((await run()).found).toBe(0);
    await report('PUTOX3', { at: NOW_MS + 1 });
    const other = new DayKeys({ month: '2026-01', bytes: new Uint8Array(32).fill(9) });
    expect((await matchReports(database.db, { dayKeys: other, nowMs: NOW_MS })).found).toBe(0);
  });

  it('is the same whichever came first, and however the runs fall between', async () => {
    const late = () => checkEvent({ names: ['UTOX1'], asOf: iso(NOW_MS - DAY_MS) });
    await report('PUTOX1');
    await run();
    const event = await late();
    await take(event);
    expect((await run()).found).toBe(1);
    await take(event, await late());
    expect((await run()).found).toBe(1);
    await run();
    expect((await told()).length).toBe(2 * 2);
  });

  it('leaves alone a check whose list had the report already', async () => {
    await report('PUTOX1', { at: NOW_MS - DAY_MS });
    await run();
    // Cleared by central, say, because it was withdrawn since.
    await take(await checkEvent({ names: ['UTOX1'], asOf: iso(NOW_MS - 1) }));
    expect((await run()).found).toBe(0);
    const older = await checkEvent({ names: ['UTOX1'], asOf: iso(NOW_MS - 2 * DAY_MS) });
    await take(await checkEvent({ names: ['UTOX1'], asOf: iso(NOW_MS - 1) }), older);
    expect((await run()).found).toBe(1);
  });

  it('compares a check without a list with the reports of 30 days, and with no older ones', async () => {
    await report('PUTOX1', { at: NOW_MS - 31 * DAY_MS, recordId: 'old' });
    await report('PUTOX2', { at: NOW_MS - 29 * DAY_MS, recordId: 'late' });
    await run();
    const names = ['UTOX1', 'UTOX2'];
    await take(await checkEvent({ names, answers: 'uu', asOf: undefined }));
    expect((await run()).found).toBe(1);
    expect((await told()).map(({ recordId }) => recordId)).toEqual(['late', 'late']);
  });

  it('reads reports for a check that has tags, and for no other', async () => {
    await report('PUTOX1');
    await run();
    let read = 0;
    const db = database.db.withPlugin({
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        read += result.rows.filter((row) => 'record_id' in row && 'seq' in row).length;
        return result;
      },
    });
    const asOf = undefined;
    await take(
      await checkEvent({ asOf, purpose: 'training' }),
      await checkEvent({ asOf, purpose: 'test' }),
    );
    await matchReports(db, { dayKeys, nowMs: NOW_MS });
    expect(read).toBe(0);
    await take(await checkEvent({ asOf, sub: '"purpose":"test"' }));
    await matchReports(db, { dayKeys, nowMs: NOW_MS });
    expect(read).toBe(1);
  });

  it('leaves alone a report that was a mistake, and withdrawn before anybody compared it', async () => {
    await report('PUTOX1', { at: NOW_MS - 60_000 });
    await run();
    await withdraw('PUTOX1');
    await take(
      await checkEvent({ names: ['UTOX1'], asOf: iso(NOW_MS - 1) }),
      await checkEvent({ names: ['UTOX1'], answers: 'u', asOf: undefined }),
    );
    expect((await run()).found).toBe(0);
  });

  it('finds a candidate that was cleared when it was asked about again', async () => {
    const first = await checkEvent({ names: ['UTOX1'], answers: 'a' });
    const again = await checkEvent({ names: ['UTOX1'], route: 'GET /v1/checks/:id' });
    await take(first, again);
    await report('PUTOX1');
    expect((await run()).found).toBe(1);
    const matches = await database.db.selectFrom('retro_matches').selectAll().execute();
    expect(matches).toMatchObject([{ event_number: 2, answer: 'clear' }]);
  });

  it('tells nothing twice when two run at once', async () => {
    await take(await checkEvent({ names: ['UTOX1'] }));
    await report('PUTOX1');
    await Promise.all([run(), run()]);
    await run();
    expect((await told()).length).toBe(2);
  });

  it('is listed for those concerned alone', async () => {
    const central = await centralWorld(database.db);
    await take(await checkEvent({ names: ['D<<X1'] }), await checkEvent({ names: ['D<<X1'] }));
    await report('PD<<X1');
    await run();
    const list = async (claims: object, query = '') =>
      central.request(`/v1/retro-matches${query}`, {
        headers: { authorization: `Bearer ${await directToken(claims)}` },
      });
    const count = async (tenant: string) => {
      const answer = (await (await list({ role: 'ncb', tenant })).json()) as { items: object[] };
      return answer.items.length;
    };
    expect(await count('BORDER-UTO')).toBe(2);
    expect(await count('NCB-UTO')).toBe(2);
    expect(await count('NCB-D')).toBe(2);
    expect(await count('NCB-FRA')).toBe(0);
    expect(await count('BORDER-D')).toBe(0);
    const first = (await (await list({ tenant: 'BORDER-UTO' }, '?limit=1')).json()) as {
      next: string;
      items: { requestId: string }[];
    };
    const rest = await list({ tenant: 'BORDER-UTO' }, `?limit=1&cursor=${first.next}`);
    const second = (await rest.json()) as typeof first;
    expect(second.items.length).toBe(1);
    expect(second.items[0]!.requestId).not.toBe(first.items[0]!.requestId);
    expect(await problemCode(await list({ role: 'carrier' }))).toBe('forbidden');
  });
});

/** On SQLite calls are synchronous: without a pause nothing else would come to its turn. */
it('comparing many reports leaves others their turn on SQLite', async () => {
  const database = await kinds.find(({ name }) => name === 'SQLite')!.create();
  try {
    const today = { first: dayOf(NOW_MS), last: dayOf(NOW_MS) };
    const turnsOf = async (count: number) => {
      const reports = Array.from({ length: count }, (_, index) => ({
        ...{ recordId: 'record-1', at: NOW_MS, knownAfter: NOW_MS, classes: 1 },
        key: `PUTOR${index}` as CanonicalKey,
      }));
      let turns = 0;
      let isOver = false;
      const others = (async () => {
        for (; !isOver; turns++) await new Promise(setImmediate);
      })();
      await findChecks(database.db, dayKeys, reports, today);
      isOver = true;
      await others;
      return turns;
    };
    await turnsOf(1);
    const few = await turnsOf(1);
    expect((await turnsOf(10_000)) - few).toBeGreaterThanOrEqual(9);
  } finally {
    await database.remove();
  }
});
