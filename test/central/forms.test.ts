/**
 * Forms of what enters central at any of its addresses: both databases refuse the same, in good time
 * and with a code. PostgreSQL alone cannot store a NUL or take a number that its column cannot hold.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseKinds, type TestDatabase } from '../support/postgres.ts';
import { isOneOf, RIGHTS } from '../support/rights.ts';
import { PERSONS, type RightsWorld, rightsWorld } from '../support/rights-world.ts';
import { directToken, edgeToken, problemCode, question } from './world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const NUL = '\0';
const WITH_TOKENS = Object.entries(RIGHTS).filter(([, { allowed }]) => Array.isArray(allowed));
const LISTS = WITH_TOKENS.filter(
  ([address, { inside }]) => address.startsWith('GET /v1/') && inside === undefined,
);
/** Positions of lists of ours, each out of its form or its bounds. */
const POSITIONS: readonly unknown[] = [
  ...[NUL, 'x'.repeat(23), [1, NUL], [NUL, 1], [1, ''], [Number.MAX_SAFE_INTEGER, NUL]],
  ...[2 ** 31, Number.MAX_SAFE_INTEGER, -1, 0.5, 1e300, {}, null, []],
  ...[
    [Number.MIN_SAFE_INTEGER, 'x'.repeat(22)],
    [Number.MAX_SAFE_INTEGER, 'x'.repeat(22)],
  ],
  ...[
    [Number.MIN_SAFE_INTEGER, 'gate', 'entry'],
    [20_000, NUL, 'entry'],
    [20_779, 'gate', NUL],
  ],
];
const CROSSING = { site: 'gate', day: '2026-11-22', direction: 'entry', crossings: 1 };
const CONTACT_OF_NONE = { contacts: [{ label: 'a', address: '+00', endpointId: NUL }] };
const personOf = (allowed: unknown) =>
  PERSONS.find(({ name }) => isOneOf(name, allowed as string[]))!;
const urlOf = (address: string, world: RightsWorld) =>
  RIGHTS[address]!.path?.(world) ?? address.split(' ')[1]!;

/** The address with something else in the place of each of its parameters, one at a time. */
function* spoiled(address: string, world: RightsWorld): Generator<string> {
  const names = address.split(' ')[1]!.split('/');
  const parts = urlOf(address, world).split('/');
  for (const [place, name] of names.entries()) {
    if (!name.startsWith(':')) continue;
    for (const bad of ['%00', `${'x'.repeat(21)}%00`, 'x'.repeat(23), '%E2%80%AE', '2147483648']) {
      yield parts.map((part, index) => (index === place ? bad : part)).join('/');
    }
  }
}

describe.each(kinds)('central on $name', ({ create }) => {
  let database: TestDatabase;
  let world: RightsWorld;
  beforeAll(async () => {
    database = await create();
    world = await rightsWorld(database);
  });
  afterAll(async () => {
    world.remove();
    await database.remove();
  });
  const asOwner = (method: string, path: string, body?: object) =>
    world.request(personOf(['ncb@issuing']), method, path, body);

  it('finds nothing at an identifier that is none', async () => {
    let urlCount = 0;
    for (const [address, { allowed, body, headers }] of WITH_TOKENS) {
      const [method] = address.split(' ') as [string];
      for (const url of spoiled(address, world)) {
        urlCount++;
        const person = personOf(allowed);
        const answered = await world.request(person, method, url, body?.(world), headers);
        expect([address, url, await problemCode(answered)]).toEqual([address, url, 'not-found']);
      }
    }
    expect(urlCount).toBeGreaterThan(150);
  }, 60_000);

  it('takes a cursor within its bounds or refuses it, whatever is in it', async () => {
    let refusedCount = 0;
    for (const [address, { allowed }] of LISTS) {
      for (const position of POSITIONS) {
        const url = new URL(urlOf(address, world), 'http://central.invalid');
        const cursor = Buffer.from(JSON.stringify(position)).toString('base64url');
        url.searchParams.set('cursor', cursor);
        const path = url.pathname + url.search;
        const answered = await world.request(personOf(allowed), 'GET', path);
        const at = `${address} ${JSON.stringify(position)}`;
        if (answered.ok) await answered.body?.cancel();
        else expect([at, await problemCode(answered)]).toEqual([at, 'cursor-invalid']);
        if (!answered.ok) refusedCount++;
      }
    }
    expect(refusedCount).toBeGreaterThan(150);
  }, 60_000);

  it.each([
    ['a contact', 'PUT', '/v1/contacts', { contacts: [{ label: `a${NUL}b`, address: '+00' }] }],
    ['an endpoint of a contact', 'PUT', '/v1/contacts', CONTACT_OF_NONE],
    ['an operation', 'POST', '/v1/joint-operations', { name: `a${NUL}` }],
    ['its posts', 'POST', '/v1/joint-operations', { posts: [{ tenant: 'A', site: `a${NUL}` }] }],
    ['crossings', 'PUT', '/v1/coverage/crossings', { site: `gate${NUL}` }],
    ['a message', 'POST', 'messages', { text: `a${NUL}` }],
    ['a reason', 'POST', 'transitions', { to: 'recovered', reason: `a${NUL}` }],
    ['coverage', 'GET', '/v1/coverage?from=2026-11-22&to=2026-11-22&site=a%00', undefined],
    ['a record of cases', 'GET', '/v1/cases?record=%00', undefined],
    ['a state of cards', 'GET', '/v1/cards?state=%00', undefined],
  ])('refuses control characters in %s', async (_, method, address, change) => {
    const path = address.startsWith('/') ? address : `/v1/cases/${world.caseId}/${address}`;
    const body = path.endsWith('crossings')
      ? { crossings: [{ ...CROSSING, ...change }] }
      : path.endsWith('joint-operations')
        ? { ...world.operation, ...change }
        : change;
    expect(await problemCode(await asOwner(method, path, body))).toBe('request-invalid');
  });

  it('takes a message of several lines', async () => {
    const message = { text: 'The first line.\r\n\tThe second one.' };
    const path = `/v1/cases/${world.caseId}/messages`;
    expect((await asOwner('POST', path, message)).status).toBe(201);
  });

  it.each([
    ...['2026-02-31T00:00:00Z', '2026-11-22T00:00:00+01', '2026-11-22 00:00:00Z'],
    ...['2026-11-22', '2026-11-22T24:00:00Z', '2026-11-22T00:00:00+99:00'],
  ])('takes %s for no time', async (time) => {
    const replay = `/v1/endpoints/${world.endpointId}/replay`;
    const operation = { ...world.operation, startsAt: time };
    for (const answer of [
      await asOwner('POST', replay, { since: time }),
      await asOwner('POST', '/v1/joint-operations', operation),
    ]) {
      expect(await problemCode(answer)).toBe('request-invalid');
    }
  });

  it.each(['2026-02-31', '2026-13-01', '2026-1-1', '2026-11-22T00:00:00Z'])(
    'takes %s for no day',
    async (day) => {
      const crossings = [{ ...CROSSING, day }];
      for (const answer of [
        await asOwner('PUT', '/v1/coverage/crossings', { crossings }),
        await asOwner('GET', `/v1/coverage?from=${day}&to=2026-12-31`),
      ]) {
        expect(await problemCode(answer)).toBe('request-invalid');
      }
    },
  );

  it.each(['tenant', 'site', 'sub'])('takes no token with a NUL in its %s', async (claim) => {
    const claims = { role: 'officer', [claim]: `BORDER-D${NUL}` };
    const direct = await world.central.request('/v1/cases', {
      headers: { authorization: `Bearer ${await directToken(claims)}` },
    });
    expect(await problemCode(direct)).toBe('unauthenticated');
    const asked = await world.central.ask(question(['PUTOL898902C3']), await edgeToken(claims));
    expect(await problemCode(asked)).toBe('unauthenticated');
  });
});
