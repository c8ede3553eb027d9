/** Check events at central: once each, in any order, in a chain that shows what was changed. */

import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signCheckpoints, verifyChains } from '../../../central/check-events/audit-chain.ts';
import { mergeTags } from '../../../central/check-events/merge-tags.ts';
import { tagOfName } from '../../../central/check-events/tag-of-name.ts';
import {
  findStagedTags,
  findTags,
  removeOldTags,
  stagedDays,
} from '../../../central/check-events/tags.ts';
import { batchLength, takeEvents } from '../../../central/check-events/take-events.ts';
import type { CheckEvent } from '../../../src/format/check-event.ts';
import { signingKey, verifyKeys } from '../../../src/format/signature.ts';
import { dayOf } from '../../../src/format/tag-key.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { NOW_MS } from '../records.ts';
import {
  CENTRAL_JWK,
  centralWorld,
  createJwk,
  directToken,
  edgeToken,
  problemCode,
  type World,
} from '../world.ts';
import { checkEvent, DAY_MS, dayKeys } from './events.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

describe.each(kinds)('check events on $name', ({ create }) => {
  let database: TestDatabase;
  let central: World;
  beforeEach(async () => {
    database = await create();
    central = await centralWorld(database.db);
  });
  afterEach(() => database.remove());

  const take = (events: readonly CheckEvent[], nowMs = NOW_MS) =>
    takeEvents(database.db, events, { nowMs });
  const post = async (body: string | Uint8Array<ArrayBuffer>, headers: object = {}) =>
    central.request('/v1/check-events', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await edgeToken()}`,
        'content-type': 'application/x-ndjson',
        ...headers,
      },
      body,
    });
  /** All that the events have become, but their numbers and chains: those are of the order. */
  const content = async () => {
    const { db } = database;
    const [counters, matches, tags] = await Promise.all([
      db.selectFrom('check_counters').selectAll().orderBy('site').orderBy('hour').execute(),
      db.selectFrom('check_matches').selectAll().orderBy('request_id').orderBy('place').execute(),
      db.selectFrom('staged_tags').select(['day']).orderBy('day').execute(),
    ]);
    return { counters, matches, tags };
  };

  it('are taken once, however often they come', async () => {
    const event = await checkEvent({ names: ['UTOX1', 'UTOX2', ''], answers: 'cui' });
    expect((await take([event, event])).size).toBe(1);
    expect((await take([event])).size).toBe(0);
    const { counters, tags } = await content();
    expect(counters).toEqual([
      expect.objectContaining({ searches: 3, clears: 1, unknowns: 1, invalids: 1 }),
    ]);
    expect(tags.length).toBe(2);
  });

  it('give the same in every order', async () => {
    const first = await checkEvent({ answers: 'ha', names: ['UTOX1', 'UTOX2'], site: 'desk-1' });
    const again = (answers: string, seconds: number) =>
      checkEvent({
        ...{ route: 'GET /v1/checks/:id', site: 'second-line', answers, names: ['UTOX2'] },
        time: new Date(NOW_MS + seconds * 1000).toISOString(),
        first: { requestId: first.requestId, place: 1, time: first.time },
      });
    const events = [first, await again('a', 5), await again('h', 30), await again('h', 60)];
    const orders = fc.shuffledSubarray(events, { minLength: 4 });
    let expected: unknown;
    await fc.assert(
      fc.asyncProperty(orders, async (order) => {
        const { db } = database;
        for (const table of ['check_events', 'audit_chains', 'check_counters'] as const) {
          await db.deleteFrom(table).execute();
        }
        await db.deleteFrom('check_matches').execute();
        await db.deleteFrom('staged_tags').execute();
        for (const event of order) await take([event]);
        const got = await content();
        expected ??= got;
        expect(got).toEqual(expected);
        expect(got.matches).toEqual([
          expect.objectContaining({ place: 0, outcome: 2, confirmed_after_ms: 2 }),
          expect.objectContaining({
            ...{ place: 1, outcome: 2, confirmed_after_ms: 30_000, site: 'desk-1' },
          }),
        ]);
      }),
      { numRuns: 6 },
    );
  });

  it('of training are in the chain and nowhere else', async () => {
    await take([await checkEvent({ purpose: 'training', answers: 'h' })]);
    expect(await content()).toEqual({ counters: [], matches: [], tags: [] });
    expect((await verifyChains(database.db, [])).events).toBe(1);
  });

  it('leave tags for 30 days, and none when they come later', async () => {
    const at = (days: number) => new Date(NOW_MS - days * DAY_MS).toISOString();
    await take([await checkEvent({ time: at(0) }), await checkEvent({ time: at(30) })]);
    await take([await checkEvent({ time: at(31) })]);
    expect((await content()).tags.length).toBe(2);
    await mergeTags(database.db, NOW_MS + DAY_MS);
    await removeOldTags(database.db, NOW_MS + DAY_MS);
    expect((await database.db.selectFrom('check_tags').select('day').execute()).length).toBe(1);
  });

  it('leave the tag of a match for 30 days as well', async () => {
    const at = (days: number) => new Date(NOW_MS - days * DAY_MS).toISOString();
    const matched = (days: number) => checkEvent({ answers: 'h', time: at(days) });
    await take([await matched(30), await matched(31)]);
    await removeOldTags(database.db, NOW_MS);
    const { matches } = await content();
    expect(matches.map(({ tag, tag_day: day }) => [tag !== null, day !== null]).sort()).toEqual([
      [false, false],
      [true, true],
    ]);
  });

  it('lose the tags of a day that is over in portions', async () => {
    const rows = Array.from(
      { length: 12_000 },
      (_, i) => `(${i % 2 ? -i : i}, ${i}, ${i < 11_000 ? 100 : 101})`,
    );
    await sql`insert into check_tags (tag, reference, day) values ${sql.raw(rows.join())}`.execute(
      database.db,
    );
    const removed: number[] = [];
    const db = database.db.withPlugin({
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        if (result.rows.length === 0) removed.push(Number(result.numAffectedRows ?? 0));
        return result;
      },
    });
    await removeOldTags(db, (101 + 30) * DAY_MS);
    expect(Math.max(...removed)).toBe(5_000);
    const left = await database.db.selectFrom('check_tags').select('day').execute();
    expect(left.map(({ day }) => day)).toEqual(Array(1_000).fill(101));
  });

  it('have tags that are found before, while and after they are put in order', async () => {
    const { db } = database;
    const yesterday = new Date(NOW_MS - DAY_MS).toISOString();
    const names = Array.from({ length: 900 }, (_, index) => `UTOX${index}`);
    await take([await checkEvent({ names, time: yesterday })]);
    const day = dayOf(Date.parse(yesterday));
    const key = (await dayKeys.of(day))!;
    const wanted = names.map((name) => tagOfName(name, key));
    const found = async (find: typeof findTags) => (await find(db, day, wanted)).length;
    expect([await found(findStagedTags), await found(findTags)]).toEqual([900, 0]);
    expect([...(await stagedDays(db))]).toEqual([day]);
    expect(await mergeTags(db, NOW_MS)).toBe(900);
    expect([await found(findStagedTags), await found(findTags)]).toEqual([0, 900]);
    // As after a crash between the two steps.
    await sql`insert into staged_tags (tag, reference, day)
      select tag, reference, day from check_tags order by reference limit 100`.execute(db);
    expect(await mergeTags(db, NOW_MS)).toBe(100);
    expect([await found(findStagedTags), await found(findTags)]).toEqual([0, 900]);
    await take([await checkEvent()]);
    expect(await mergeTags(db, NOW_MS)).toBe(0);
  });

  it('come in by HTTP as lines, plain and packed, among others, from an edge alone', async () => {
    const events = await Promise.all([checkEvent(), checkEvent(), checkEvent()]);
    const [plain, packed, traced] = events.map((event) => JSON.stringify(event));
    const answer = await post(`${plain}\n{"event":"error"}\nnoise\n{"event":"check"}\n`);
    expect(await answer.json()).toEqual({ taken: 1, repeated: 0, passedOver: 2, malformed: 1 });
    const trace = JSON.stringify({ Logs: [{ Level: 'log', Message: [traced] }] });
    const zipped = new Uint8Array(gzipSync(`${packed}\n${plain}\n${trace}`));
    const second = await post(zipped, { 'content-encoding': 'gzip' });
    expect(await second.json()).toEqual({ taken: 2, repeated: 1, passedOver: 0, malformed: 0 });
    const asPerson = { authorization: `Bearer ${await directToken()}` };
    expect(await problemCode(await post(plain!, asPerson))).toBe('unauthenticated');
    expect(await problemCode(await post('x', { 'content-type': 'text/plain' }))).toBe(
      'content-type',
    );
    expect(await problemCode(await post('x', { 'content-encoding': 'gzip' }))).toBe(
      'body-not-json',
    );
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(17 * 1024 * 1024)));
    expect(await problemCode(await post(bomb, { 'content-encoding': 'gzip' }))).toBe(
      'body-too-large',
    );
  });

  it('that arrive at once are all taken, each once', async () => {
    const events = await Promise.all(Array.from({ length: 150 }, () => checkEvent()));
    const bodies = [...events, ...events].map((event) => JSON.stringify(event));
    const answers = await Promise.all(
      bodies.map(async (body) => (await (await post(body)).json()) as { taken: number }),
    );
    expect(answers.reduce((sum, { taken }) => sum + taken, 0)).toBe(150);
    expect((await verifyChains(database.db, [])).broken).toEqual([]);
  });

  describe('in the chain of a tenant', () => {
    const signer = () => signingKey(CENTRAL_JWK);
    const keys = () => verifyKeys(String(CENTRAL_JWK.x));
    const verify = async () => verifyChains(database.db, await keys());
    beforeEach(async () => {
      for (const tenant of ['A', 'B']) {
        await take(await Promise.all([1, 2, 3].map(() => checkEvent({ tenant }))));
      }
      await signCheckpoints(database.db, { signer: await signer(), nowMs: NOW_MS });
    });
    const ofA = () =>
      database.db
        .updateTable('check_events')
        .where('tenant', '=', 'A')
        .where('tenant_number', '=', 2);

    it('are whole', async () => {
      expect(await verify()).toEqual({ tenants: 2, events: 6, checkpoints: 2, broken: [] });
      expect(await signCheckpoints(database.db, { signer: await signer(), nowMs: NOW_MS })).toBe(0);
    });

    it('show an entry that was changed', async () => {
      await ofA().set({ entry: '{}' }).execute();
      expect((await verify()).broken).toEqual([{ tenant: 'A', number: 2, reason: 'changed' }]);
    });

    it.each([2, 3])('show that link %i was removed', async (number) => {
      await database.db
        .deleteFrom('check_events')
        .where('tenant', '=', 'A')
        .where('tenant_number', '=', number)
        .execute();
      expect((await verify()).broken).toEqual([{ tenant: 'A', number, reason: 'missing' }]);
    });

    it('show a chain that was made anew, by the checkpoint', async () => {
      const { db } = database;
      await db.deleteFrom('check_events').where('tenant', '=', 'A').execute();
      await db.deleteFrom('audit_chains').where('tenant', '=', 'A').execute();
      await take(await Promise.all([1, 2, 3].map(() => checkEvent({ tenant: 'A' }))));
      expect((await verify()).broken).toEqual([{ tenant: 'A', number: 3, reason: 'checkpoint' }]);
    });

    it('show a checkpoint that another key has signed', async () => {
      const other = await verifyKeys(String(createJwk().x));
      expect((await verifyChains(database.db, other)).broken.length).toBe(2);
    });

    it('are read by the auditor of the tenant alone', async () => {
      const read = async (path: string, claims: object) =>
        central.request(path, {
          headers: { authorization: `Bearer ${await directToken(claims)}` },
        });
      const auditor = { role: 'auditor', tenant: 'A' };
      const page = (await (await read('/v1/audit/events?limit=2', auditor)).json()) as {
        items: { number: number; entry: string }[];
        next: string;
      };
      expect(page.items.map(({ number }) => number)).toEqual([1, 2]);
      expect(JSON.parse(page.items[0]!.entry)).toMatchObject({ tenant: 'A', answers: 'c' });
      expect(page.items[0]!.entry).not.toContain('tags');
      const rest = await read(`/v1/audit/events?limit=2&cursor=${page.next}`, auditor);
      expect(((await rest.json()) as { items: unknown[] }).items.length).toBe(1);
      const points = await read('/v1/audit/checkpoints', auditor);
      expect(((await points.json()) as { items: unknown[] }).items.length).toBe(1);
      for (const path of ['/v1/audit/events', '/v1/audit/checkpoints']) {
        expect(await problemCode(await read(path, { role: 'officer', tenant: 'A' }))).toBe(
          'forbidden',
        );
      }
    });
  });
});

describe('a batch', () => {
  const limits = { eventsMax: 3, documentsMax: 10 };
  it.each([
    [[4, 4, 4], 2],
    [[1, 1, 1, 1], 3],
    [[50, 1], 1],
    [[10], 1],
    [[], 0],
  ])('of %j documents ends after %i events', (sizes, count) => {
    const events = sizes.map((size) => ({ answers: 'c'.repeat(size) }) as CheckEvent);
    expect(batchLength(events, limits)).toBe(count);
  });
});
