/** Who may talk to central directly, and what of a list a page shows. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadRecords } from '../../central/load/load.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { databaseKinds, type TestDatabase } from '../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, stream } from './records.ts';
import {
  centralWorld,
  createJwk,
  directToken,
  edgeToken,
  problemCode,
  type World,
} from './world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

interface Listed {
  items: { id: string; issuingState: string; documentNumber: string }[];
  next?: string;
}

describe.each(kinds)('a direct caller on $name', ({ create }) => {
  let database: TestDatabase;
  let central: World;
  beforeAll(async () => {
    database = await create();
    central = await centralWorld(database.db);
    const own = Array.from({ length: 25 }, (_, i) => record({ number: `N${i}` }));
    const other = record({ state: 'D' as StateCode });
    const options = { asOf: AS_OF_MS, clock: () => NOW_MS };
    await loadRecords(database.db, stream([...own, other]), options);
  });
  afterAll(() => database.remove());

  const get = async (path: string, token: Promise<string>) =>
    central.request(path, { headers: { authorization: `Bearer ${await token}` } });
  const bureau = (claims: object = {}) =>
    directToken({ role: 'ncb', tenant: 'NCB-UTO', ...claims });

  it.each<[string, () => Promise<string>]>([
    ['whose token lives for more than 12 hours', () => bureau({ lifetimeSeconds: 13 * 3600 })],
    ['whose token has expired', () => bureau({ lifetimeSeconds: -10 })],
    ['whose token is for the edge', () => bureau({ aud: 'sltd-edge' })],
    ['whose token is of another issuer', () => bureau({ iss: 'someone' })],
    ['whose token an edge signed', () => edgeToken({ role: 'ncb', tenant: 'NCB-UTO' })],
    ['whose token has a control character', () => bureau({ site: 'Zenith\0' })],
    ['whose token somebody else signed', () => directToken({ role: 'ncb' }, createJwk())],
  ])('%s is refused', async (_, token) => {
    const response = await get('/v1/records', token());
    expect([response.status, await problemCode(response)]).toEqual([401, 'unauthenticated']);
  });

  it('lists the records of its own state, a page at a time, each once', async () => {
    const seen: Listed['items'] = [];
    let path: string | undefined = '/v1/records?limit=10';
    const sizes: number[] = [];
    while (path) {
      const page = (await (await get(path, bureau())).json()) as Listed;
      sizes.push(page.items.length);
      seen.push(...page.items);
      path = page.next && `/v1/records?limit=10&cursor=${page.next}`;
    }
    expect(sizes).toEqual([10, 10, 5]);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(25);
    expect(new Set(seen.map(({ issuingState }) => issuingState))).toEqual(new Set(['UTO']));
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'limit='])(
    'asks for no page of %s',
    async (query) => {
      const response = await get(`/v1/records?${query}`, bureau());
      expect(await problemCode(response)).toBe('request-invalid');
    },
  );

  it.each(['', 'x', 'IiI', Buffer.from('"../"').toString('base64url'), 'A'.repeat(600)])(
    'is told of a cursor that is none: %s',
    async (cursor) => {
      const response = await get(`/v1/records?cursor=${cursor}`, bureau());
      expect([response.status, await problemCode(response)]).toEqual([422, 'cursor-invalid']);
    },
  );

  it.each([
    ['officer', 'NCB-UTO'],
    ['auditor', 'NCB-UTO'],
    ['ncb', 'BORDER-UTO'],
    ['ncb', 'NCB-'],
  ])('gets no list as %s of %s', async (role, tenant) => {
    const response = await get('/v1/records', directToken({ role, tenant }));
    expect([response.status, await problemCode(response)]).toEqual([403, 'forbidden']);
  });
});
