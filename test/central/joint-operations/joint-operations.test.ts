/** Joint operations: what counts for one, who sees what of it, and what its report says. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeEvents } from '../../../central/check-events/take-events.ts';
import { compareWithOwnLists, sweepOwnLists } from '../../../central/joint-operations/own-list.ts';
import { setImmediate as letOthers } from 'node:timers/promises';
import type { DayKeys } from '../../../src/format/tag-key.ts';
import type { CheckEvent } from '../../../src/format/check-event.ts';
import { dayKeys, checkEvent, DAY_MS } from '../check-events/events.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { NOW_MS } from '../records.ts';
import { centralWorld, directToken, problemCode, type World } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const LEAD = { role: 'ncb', tenant: 'NCB-UTO' };
const MEMBER = { role: 'officer', tenant: 'BORDER-D' };
const STRANGER = { role: 'ncb', tenant: 'NCB-FRA' };
const HOUR_MS = 3_600_000;
const NAME = 'Blue <Border> & "more"';
const iso = (ms: number) => new Date(ms).toISOString();
const BODY = {
  name: NAME,
  states: ['UTO', 'D'],
  startsAt: iso(NOW_MS - DAY_MS),
  endsAt: iso(NOW_MS + DAY_MS),
  quota: 1_000,
  posts: [
    { tenant: 'BORDER-UTO', site: 'desk-1' },
    { tenant: 'BORDER-D', site: 'airport' },
  ],
};

// biome-ignore lint/suspicious/noExplicitAny: tests read whatever an answer holds
type Json = any;

describe.each(kinds)('joint operations on $name', ({ create }) => {
  let database: TestDatabase;
  let central: World;
  beforeEach(async () => {
    database = await create();
    central = await centralWorld(database.db);
  });
  afterEach(() => database.remove());

  const call = async (
    method: string,
    path: string,
    claims: object,
    body?: object | string,
    headers: Record<string, string> = {},
  ) =>
    central.request(path, {
      method,
      headers: {
        ...headers,
        authorization: `Bearer ${await directToken(claims)}`,
        'content-type': typeof body === 'string' ? 'text/csv' : 'application/json',
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  const made = async (): Promise<string> => {
    const response = await call('POST', '/v1/joint-operations', LEAD, BODY);
    expect(response.status).toBe(201);
    return ((await response.json()) as Json).id;
  };
  const take = (...events: CheckEvent[]) => takeEvents(database.db, events, { nowMs: NOW_MS });
  const namesKept = async (): Promise<number> =>
    (await database.db.selectFrom('own_list_names').select('name').execute()).length;
  const report = async (id: string, claims: object = LEAD): Promise<Json> =>
    (await call('GET', `/v1/joint-operations/${id}/report`, claims)).json();

  it('count the checks of their posts within their dates, and tell of the others', async () => {
    const id = await made();
    const operation = { operation: id };
    await take(
      await checkEvent({ ...operation, names: ['UTOA1', 'UTOA2', ''], answers: 'chi' }),
      await checkEvent({ ...operation, tenant: 'BORDER-D', site: 'airport', answers: 'u' }),
      await checkEvent({ ...operation, site: 'desk-9' }),
      await checkEvent({ ...operation, time: iso(NOW_MS + DAY_MS) }),
      await checkEvent({ operation: 'x'.repeat(22) }),
      await checkEvent(),
    );
    const { all, posts, strays, quota, hours } = await report(id);
    expect(all).toMatchObject({ searches: 4, clears: 1, hits: 1, candidates: 1, invalids: 1 });
    expect(all).toMatchObject({ unknowns: 1, confirmationMs: { median: 2, p95: 2, max: 2 } });
    expect(posts.map(({ searches }: Json) => searches)).toEqual([1, 3]);
    expect(hours).toEqual([expect.objectContaining({ hour: iso(NOW_MS), searches: 4 })]);
    expect(strays).toEqual([
      { tenant: 'BORDER-UTO', site: 'desk-1', reason: 'outside-dates', searches: 1 },
      { tenant: 'BORDER-UTO', site: 'desk-9', reason: 'not-a-post', searches: 1 },
    ]);
    expect(quota).toEqual({ searches: 1_000, usedPercent: 0.4 });
  });

  it('have all desks of a post that is named without one, and else the desk alone', async () => {
    const posts = ['FRA', 'MUC/1'].map((site) => ({ tenant: 'BORDER-UTO', site }));
    const body = { ...BODY, posts };
    const { id } = (await (await call('POST', '/v1/joint-operations', LEAD, body)).json()) as Json;
    const sites = ['FRA', 'FRA/7', 'FRA/8', 'FRANKFURT', 'MUC/1', 'MUC/2'];
    const at = (site: string) => checkEvent({ operation: id, site });
    await take(...(await Promise.all(sites.map(at))));
    const { all, posts: shown, rows, strays } = await report(id);
    expect(all.searches).toBe(4);
    const searches = (part: Json) => part.map((each: Json) => [each.site, each.searches]);
    expect(searches(shown)).toEqual([
      ['FRA', 3],
      ['MUC/1', 1],
    ]);
    expect(rows.map(({ site }: Json) => site)).toEqual(['FRA', 'FRA/7', 'FRA/8', 'MUC/1']);
    expect(searches(strays)).toEqual([
      ['FRANKFURT', 1],
      ['MUC/2', 1],
    ]);
  });

  it('tell hits that are not on the own list of the agency', async () => {
    const id = await made();
    const hits = { operation: id, names: ['UTOA1', 'UTOA2', 'UTOA3'], answers: 'hhh' };
    await take(await checkEvent(hits));
    expect((await report(id)).all).toMatchObject({ hits: 3, hitsWithoutOwnList: 3 });
    const keeper = { role: 'data-operator', tenant: 'BORDER-UTO' };
    const csv = 'number,issuing_state\r\na-2,UTO\r\nB7,D\r\n';
    const loaded = await call('PUT', '/v1/own-list', keeper, csv);
    expect(await loaded.json()).toEqual({ documents: 2 });
    const { all } = await report(id);
    expect(all).toMatchObject({ hits: 3, hitsWithoutOwnList: 0, hitsNotOnOwnList: 2 });
    expect(await compareWithOwnLists(database.db, dayKeys)).toBe(0);
    for (const [bad, code] of [
      ['A1,XQZ', 'state-unknown'],
      ['A1', 'request-invalid'],
      [',UTO', 'number-missing'],
    ] as const) {
      expect(await problemCode(await call('PUT', '/v1/own-list', keeper, bad))).toBe(code);
    }
    const shown = await call('GET', '/v1/own-list', keeper);
    expect(await shown.json()).toMatchObject({ documents: 2 });
    // What was not taken has left nothing behind.
    expect(await namesKept()).toBe(2);
  });

  it('take an own list a few rows at a time, beside the one in force', async () => {
    const keeper = { role: 'data-operator', tenant: 'BORDER-UTO' };
    await call('PUT', '/v1/own-list', keeper, 'OLD1,UTO\n');
    const shown = async (): Promise<Json> =>
      (await call('GET', '/v1/own-list', keeper)).json() as Promise<Json>;
    const rows = Array.from({ length: 5_000 }, (_, index) => `A${index},UTO`);
    const text = `number,issuing_state\n${[...rows, ...rows].join('\n')}`;
    const counts = new Set<number>();
    let isDone = false;
    const loading = call('PUT', '/v1/own-list', keeper, text).finally(() => {
      isDone = true;
    });
    let turnCount = 0;
    const counting = (async () => {
      for (; !isDone; turnCount++) await letOthers();
    })();
    while (!isDone) counts.add((await shown()).documents);
    await counting;
    expect(await (await loading).json()).toEqual({ documents: 5_000 });
    // 20 batches: others came in between, and found the list before or this one, never a part of it.
    expect(turnCount).toBeGreaterThanOrEqual(20);
    expect([...counts].every((count) => count === 1 || count === 5_000)).toBe(true);
    expect((await shown()).documents).toBe(5_000);
    expect([await sweepOwnLists(database.db, NOW_MS), await namesKept()]).toEqual([0, 5_001]);
    const later = NOW_MS + 2 * 3_600_000;
    expect([await sweepOwnLists(database.db, later), await namesKept()]).toEqual([1, 5_000]);
  });

  it('refuse an own list by its lines, however little is in them', async () => {
    const keeper = { role: 'data-operator', tenant: 'BORDER-UTO' };
    for (const [text, code] of [
      ['\n'.repeat(2_000_001), 'body-too-large'],
      [`${'A'.repeat(300)},UTO`, 'request-invalid'],
    ] as const) {
      expect(await problemCode(await call('PUT', '/v1/own-list', keeper, text))).toBe(code);
    }
    expect(await (await call('GET', '/v1/own-list', keeper)).json()).toEqual({ documents: 0 });
  });

  it('leave a hit open whose list is replaced while it is compared', async () => {
    const id = await made();
    await take(await checkEvent({ operation: id, names: ['UTOA1'], answers: 'h' }));
    const keeper = { role: 'data-operator', tenant: 'BORDER-UTO' };
    await call('PUT', '/v1/own-list', keeper, 'B1,UTO\n');
    const replacing: Pick<DayKeys, 'of'> = {
      of: async (day) => {
        await call('PUT', '/v1/own-list', keeper, 'A1,UTO\n');
        return dayKeys.of(day);
      },
    };
    expect(await compareWithOwnLists(database.db, replacing)).toBe(0);
    expect((await report(id)).all).toMatchObject({ hits: 1, hitsNotOnOwnList: 0 });
  });

  it('are seen by their lead whole, by a member in its own part, by nobody else', async () => {
    const id = await made();
    await take(
      await checkEvent({ operation: id }),
      await checkEvent({ operation: id, tenant: 'BORDER-D', site: 'airport' }),
    );
    const seen = await report(id, MEMBER);
    expect(seen.all.searches).toBe(2);
    expect(seen.posts.map(({ tenant }: Json) => tenant)).toEqual(['BORDER-D']);
    expect(seen.rows.map(({ tenant }: Json) => tenant)).toEqual(['BORDER-D']);
    for (const path of ['', '/report', '/report.csv', '/report.html']) {
      const response = await call('GET', `/v1/joint-operations/${id}${path}`, STRANGER);
      expect(await problemCode(response)).toBe('not-found');
    }
    const first = { 'if-match': '"1"' };
    const change = (claims: object) =>
      call('PUT', `/v1/joint-operations/${id}`, claims, BODY, first);
    expect(await problemCode(await change({ ...MEMBER, role: 'ncb' }))).toBe('forbidden');
    expect(await problemCode(await change(STRANGER))).toBe('not-found');
    expect((await change(LEAD)).status).toBe(200);
    expect(await problemCode(await call('POST', '/v1/joint-operations', MEMBER, BODY))).toBe(
      'forbidden',
    );
    const items = async (claims: object) =>
      ((await (await call('GET', '/v1/joint-operations', claims)).json()) as Json).items.length;
    expect([await items(LEAD), await items(MEMBER), await items(STRANGER)]).toEqual([1, 1, 0]);
  });

  it('are changed by whoever has seen how they stand, and by nobody else', async () => {
    const id = await made();
    const path = `/v1/joint-operations/${id}`;
    const change = (name: string, headers?: Record<string, string>) =>
      call('PUT', path, LEAD, { ...BODY, name }, headers);
    const shown = await call('GET', path, LEAD);
    const seen = { 'if-match': shown.headers.get('etag')! };
    expect(await problemCode(await change('none'))).toBe('version-missing');
    const answers = await Promise.all([change('one', seen), change('other', seen)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
    const taken = answers.find(({ status }) => status === 200)!;
    const now = (await taken.json()) as Json;
    expect(now).toMatchObject({ version: 2, posts: BODY.posts });
    expect(taken.headers.get('etag')).toBe('"2"');
    expect(await (await call('GET', path, LEAD)).json()).toMatchObject({
      name: now.name,
      version: 2,
    });
    expect(await problemCode(await change('late', seen))).toBe('version-changed');
    expect((await change('next', { 'if-match': '"2"' })).status).toBe(200);
  });

  it.each([
    ['no posts', { posts: [] }],
    ['its end before its start', { endsAt: BODY.startsAt }],
    ['a field of its own', { extra: 1 }],
    ['more than a year', { endsAt: iso(NOW_MS + 400 * DAY_MS) }],
    ['a quota of none', { quota: 0 }],
  ])('are refused with %s', async (_, change) => {
    const response = await call('POST', '/v1/joint-operations', LEAD, { ...BODY, ...change });
    expect(await problemCode(response)).toBe('request-invalid');
  });

  it('have a report as page and CSV, in which no name can do harm', async () => {
    const body = { ...BODY, posts: [{ tenant: 'BORDER-UTO', site: '=1+1,"x"' }] };
    const { id } = (await (await call('POST', '/v1/joint-operations', LEAD, body)).json()) as Json;
    await take(await checkEvent({ operation: id, site: '=1+1,"x"' }));
    const csv = await (await call('GET', `/v1/joint-operations/${id}/report.csv`, LEAD)).text();
    expect(csv.split('\r\n')[1]).toBe(`${iso(NOW_MS)},BORDER-UTO,"'=1+1,""x""",1,1,0,0,0,0,0,0,,`);
    const page = await call('GET', `/v1/joint-operations/${id}/report.html`, LEAD);
    const html = await page.text();
    expect(html).toContain('Blue &#60;Border&#62; &#38; &#34;more&#34;');
    expect(html).not.toContain('<Border>');
    expect(html).not.toContain('<script');
    expect(html).toContain('<svg');
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none';/);
  });

  it('have plots in which no bar says more than is true of it, with 200 posts and 200 hours', async () => {
    const posts = Array.from({ length: 200 }, (_, index) => ({
      tenant: 'BORDER-UTO',
      site: `P${String(index).padStart(3, '0')}`,
    }));
    const body = { ...BODY, startsAt: iso(NOW_MS - 200 * HOUR_MS), posts };
    const { id } = (await (await call('POST', '/v1/joint-operations', LEAD, body)).json()) as Json;
    // Two searches at every third post, one at the others, an hour each.
    const at = (site: string, index: number) =>
      checkEvent({
        ...{ operation: id, site, names: index % 3 === 0 ? ['UTOA1', 'UTOA2'] : ['UTOA1'] },
        time: iso(NOW_MS - index * HOUR_MS),
      });
    await take(...(await Promise.all(posts.map(({ site }, index) => at(site, index)))));
    const page = await call('GET', `/v1/joint-operations/${id}/report.html`, LEAD);
    const [hours, searches] = (await page.text())
      .split('<svg')
      .slice(1)
      .map((svg) => [...svg.matchAll(/<rect[^>]*><title>([^<]*)</g)].map(([, text]) => text));
    // Two hours a bar.
    expect(hours).toHaveLength(100);
    expect(hours?.[0]).toBe(`${iso(NOW_MS - 199 * HOUR_MS)} – ${iso(NOW_MS - 198 * HOUR_MS)}: 3`);
    // All that had two, the first 100 of the others, and the rest named as such.
    expect(searches).toHaveLength(168);
    expect(searches?.slice(0, 4)).toEqual([
      ...['BORDER-UTO P000: 2', 'BORDER-UTO P001: 1', 'BORDER-UTO P002: 1', 'BORDER-UTO P003: 2'],
    ]);
    expect(searches?.filter((text) => text?.endsWith(': 2'))).toHaveLength(67);
    expect(searches?.at(-1)).toBe('33 others together: 33');
  });

  it('have a live page for who has the link, until it ends', async () => {
    const id = await made();
    await take(await checkEvent({ operation: id, answers: 'h' }));
    const links = `/v1/joint-operations/${id}/links`;
    const link = (await (await call('POST', links, LEAD, { hours: 8 })).json()) as Json;
    expect(link.expiresAt).toBe(iso(NOW_MS + 8 * 3_600_000));
    const page = await central.request(link.path);
    expect(page.status).toBe(200);
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    expect(await page.text()).toContain('http-equiv="refresh"');
    expect(JSON.stringify(central.log)).not.toContain(link.path.split('/').at(-1));
    const other = await central.request(`/joint-operations/live/${'x'.repeat(43)}`);
    expect(await problemCode(other)).toBe('not-found');
    expect(await problemCode(await call('POST', links, LEAD, { hours: 169 }))).toBe(
      'request-invalid',
    );
    expect((await call('DELETE', links, LEAD)).status).toBe(204);
    expect(await problemCode(await central.request(link.path))).toBe('not-found');
  });
});
