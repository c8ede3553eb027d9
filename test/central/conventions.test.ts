/**
 * What holds at every address of central that answers JSON, whichever it is: lists are paged by cursor,
 * times are UTC in ISO 8601, identifiers tell nothing.
 */

import { afterAll, describe, expect, it } from 'vitest';
import { databaseKinds, type TestDatabase } from '../support/postgres.ts';
import { isOneOf, RIGHTS } from '../support/rights.ts';
import { PERSONS, type RightsWorld, rightsWorld } from '../support/rights-world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

/** One thing with its parts: what its bureau sent, as it was sent. */
const IS_NO_LIST = ['GET /v1/held-bulks/:id'];
const READS = Object.entries(RIGHTS).filter(
  ([address, { allowed }]) => address.startsWith('GET /v1/') && Array.isArray(allowed),
);
const IDENTIFIER = /^(id|record|case|challenge|bulk|.*Id)$/;
const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** Milliseconds of this century: a time that forgot to become text. */
const isTimeNumber = (value: number) => value > 946_684_800_000 && value < 4_102_444_800_000;

/** Every member of a JSON value, with its name. */
function* membersOf(value: unknown, name = ''): Generator<[string, unknown]> {
  yield [name, value];
  if (value === null || typeof value !== 'object') return;
  for (const [key, member] of Object.entries(value)) {
    yield* membersOf(member, Array.isArray(value) ? name : key);
  }
}

describe.each(kinds)('every address on $name', ({ create }) => {
  it('pages its lists, and says times in UTC and identifiers that tell nothing', async () => {
    const database: TestDatabase = await create();
    const world: RightsWorld = await rightsWorld(database);
    const lists: string[] = [];
    let timeCount = 0;
    for (const [address, { path, allowed }] of READS) {
      const person = PERSONS.find(({ name }) => isOneOf(name, allowed as string[]))!;
      const url = path?.(world) ?? address.slice('GET '.length);
      const get = async (query: string) => {
        const answered = await world.request(person, 'GET', query === '' ? url : join(url, query));
        const isJson = /json/.test(answered.headers.get('content-type') ?? '');
        if (!isJson) await answered.body?.cancel();
        return isJson ? ((await answered.json()) as Record<string, unknown>) : undefined;
      };
      const body = await get('');
      if (body === undefined) continue;
      for (const [name, value] of membersOf(body)) {
        const at = `${address} ${name}`;
        if (typeof value === 'number') expect([at, isTimeNumber(value)]).toEqual([at, false]);
        if (typeof value !== 'string') continue;
        if (IDENTIFIER.test(name))
          expect([at, value]).toEqual([at, expect.stringMatching(/^[\w-]{22}$/)]);
        if (!/^\d{4}-\d\d-\d\dT/.test(value)) continue;
        timeCount++;
        expect([at, value]).toEqual([at, expect.stringMatching(UTC)]);
      }
      if (!('items' in body) || IS_NO_LIST.includes(address)) continue;
      lists.push(address);
      const first = await get('limit=1');
      const count = (first!.items as unknown[]).length;
      expect([address, count]).toEqual([address, Math.min(1, (body.items as unknown[]).length)]);
      expect([address, (await get('limit=0'))?.code]).toEqual([address, 'request-invalid']);
      expect([address, (await get('cursor=x'))?.code]).toEqual([address, 'cursor-invalid']);
      if ((body.items as unknown[]).length > 1) {
        const rest = await get(`limit=200&cursor=${first!.next}`);
        const both = [...(first!.items as unknown[]), ...(rest!.items as unknown[])];
        expect([address, both]).toEqual([address, body.items]);
      }
    }
    expect(lists.length).toBeGreaterThanOrEqual(17);
    expect(timeCount).toBeGreaterThan(20);
    world.remove();
    await database.remove();
  });
});

const join = (url: string, query: string): string =>
  `${url}${url.includes('?') ? '&' : '?'}${query}`;
