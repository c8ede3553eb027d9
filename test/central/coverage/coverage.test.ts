/** Coverage: checks against declared crossings, by post, day and direction. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeEvents } from '../../../central/check-events/take-events.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { checkEvent } from '../check-events/events.ts';
import { NOW_MS } from '../records.ts';
import { centralWorld, directToken, problemCode, type World } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const KEEPER = { role: 'data-operator', tenant: 'BORDER-UTO' };
const DAY = '2026-11-22';

describe.each(kinds)('coverage on $name', ({ create }) => {
  let database: TestDatabase;
  let central: World;
  beforeEach(async () => {
    database = await create();
    central = await centralWorld(database.db);
  });
  afterEach(() => database.remove());

  const get = async (query: string, claims: object = KEEPER, path = '/v1/coverage') =>
    central.request(`${path}?${query}`, {
      headers: { authorization: `Bearer ${await directToken(claims)}` },
    });
  const declare = async (crossings: object[], claims: object = KEEPER) =>
    central.request('/v1/coverage/crossings', {
      method: 'PUT',
      headers: {
        authorization: `Bearer ${await directToken(claims)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ crossings }),
    });
  const crossing = (changes: object = {}) => ({
    ...{ site: 'desk-1', day: DAY, direction: 'entry', crossings: 8 },
    ...changes,
  });

  it('is the share of crossings that were asked about; both sides are listed', async () => {
    const events = await Promise.all([
      checkEvent({ names: ['UTOA1', 'UTOA2'] }),
      checkEvent({ time: new Date(NOW_MS + 3_600_000).toISOString() }),
      checkEvent({ direction: 'exit', operation: 'x'.repeat(22) }),
      checkEvent({ direction: undefined }),
      checkEvent({ tenant: 'BORDER-D' }),
    ]);
    await takeEvents(database.db, events, { nowMs: NOW_MS });
    await declare([crossing({ crossings: 4 }), crossing({ site: 'harbor' })]);
    await declare([crossing()]);
    const { items } = (await (await get(`from=${DAY}&to=${DAY}`)).json()) as { items: object[] };
    expect(items).toEqual([
      {
        day: DAY,
        site: 'desk-1',
        direction: 'entry',
        checks: 3,
        unanswered: 0,
        crossings: 8,
        percent: 37.5,
      },
      { day: DAY, site: 'desk-1', direction: 'exit', checks: 1, unanswered: 0 },
      {
        day: DAY,
        site: 'harbor',
        direction: 'entry',
        checks: 0,
        unanswered: 0,
        crossings: 8,
        percent: 0,
      },
    ]);
    const csv = await (
      await get(`from=${DAY}&to=${DAY}&site=desk-1`, KEEPER, '/v1/coverage.csv')
    ).text();
    expect(csv.split('\r\n').slice(0, 3)).toEqual([
      'day,site,direction,checks,unanswered,crossings,percent',
      `${DAY},desk-1,entry,3,0,8,37.5`,
      `${DAY},desk-1,exit,1,0,,`,
    ]);
  });

  it('is of documents that were answered: an edge without a list covers nobody', async () => {
    const names = ['UTOA1', 'UTOA2', 'UTOA3', 'UTOA4', 'UTOA5'];
    const events = await Promise.all([
      checkEvent({ names, answers: 'uuuuu' }),
      checkEvent({ names, answers: 'chaui', time: new Date(NOW_MS + 3_600_000).toISOString() }),
    ]);
    await takeEvents(database.db, events, { nowMs: NOW_MS });
    await declare([crossing({ crossings: 10 })]);
    const row = { day: DAY, site: 'desk-1', direction: 'entry' };
    const { items } = (await (await get(`from=${DAY}&to=${DAY}`)).json()) as { items: object[] };
    expect(items).toEqual([{ ...row, checks: 3, unanswered: 7, crossings: 10, percent: 30 }]);
    const csv = await (await get(`from=${DAY}&to=${DAY}`, KEEPER, '/v1/coverage.csv')).text();
    expect(csv.split('\r\n')[1]).toBe(`${DAY},desk-1,entry,3,7,10,30`);
  });

  it('is of a post with all its desks, declared as a whole or desk by desk', async () => {
    const events = await Promise.all(
      ['FRA/7', 'FRA/8', 'FRA', 'FRANKFURT/1', 'MUC/1'].map((site) => checkEvent({ site })),
    );
    await takeEvents(database.db, events, { nowMs: NOW_MS });
    await declare([
      ...[crossing({ site: 'FRA' }), crossing({ site: 'FRA/7', crossings: 2 })],
      ...[crossing({ site: 'MUC/1', crossings: 1 }), crossing({ site: 'MUC/2', crossings: 3 })],
    ]);
    const rows = async (query = ''): Promise<unknown> =>
      ((await (await get(`from=${DAY}&to=${DAY}${query}`)).json()) as { items: object[] }).items;
    const fra = {
      day: DAY,
      site: 'FRA',
      direction: 'entry',
      checks: 3,
      unanswered: 0,
      crossings: 8,
    };
    expect(await rows()).toEqual([
      { ...fra, percent: 37.5 },
      { day: DAY, site: 'FRANKFURT', direction: 'entry', checks: 1, unanswered: 0 },
      {
        day: DAY,
        site: 'MUC',
        direction: 'entry',
        checks: 1,
        unanswered: 0,
        crossings: 4,
        percent: 25,
      },
    ]);
    for (const site of ['FRA', 'FRA/7']) {
      expect(await rows(`&site=${site}`)).toEqual([{ ...fra, percent: 37.5 }]);
    }
  });

  it('is listed page by page, each row once', async () => {
    const days = ['2026-11-20', '2026-11-21', DAY];
    const sites = ['a', 'b', 'c'];
    await declare(days.flatMap((day) => sites.map((site) => crossing({ day, site }))));
    const seen: string[] = [];
    let cursor = '';
    do {
      const page = (await (await get(`from=${days[0]}&to=${DAY}&limit=2${cursor}`)).json()) as {
        items: { day: string; site: string }[];
        next?: string;
      };
      seen.push(...page.items.map(({ day, site }) => day + site));
      cursor = page.next ? `&cursor=${page.next}` : '';
    } while (cursor !== '');
    expect(seen).toEqual(days.flatMap((day) => sites.map((site) => day + site)));
  });

  it('is of the own agency, and refuses what it cannot read', async () => {
    await declare([crossing()]);
    const other = await get(`from=${DAY}&to=${DAY}`, { ...KEEPER, tenant: 'BORDER-D' });
    expect(await other.json()).toEqual({ items: [] });
    expect(await problemCode(await declare([crossing()], { role: 'officer' }))).toBe('forbidden');
    for (const bad of [{ day: 'today' }, { crossings: -1 }, { direction: 'up' }, { x: 1 }]) {
      expect(await problemCode(await declare([crossing(bad)]))).toBe('request-invalid');
    }
    for (const query of [
      '',
      `from=${DAY}`,
      `from=${DAY}&to=2026-11-21`,
      `from=2020-01-01&to=${DAY}`,
    ]) {
      expect(await problemCode(await get(query))).toBe('request-invalid');
    }
  });
});
