/** What central answers about candidates, on every database. */

import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isPostgres } from '../../central/database/database.ts';
import type { CentralDatabase } from '../../central/database/schema.ts';
import { BODY_BYTES_MAX } from '../../central/http/read-body.ts';
import { loadRecords } from '../../central/load/load.ts';
import { listedQuery } from '../../central/records/find-records.ts';
import type { ImportedRecord } from '../../data-build/import/record.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { databaseKinds, type TestDatabase } from '../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, SPECIMEN_KEY, stream } from './records.ts';
import {
  centralWorld,
  createJwk,
  directToken,
  edgeToken,
  nextEdgeToken,
  problemCode,
  question,
  type World,
} from './world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

describe.each(kinds)('confirmations on $name', ({ name, create }) => {
  let database: TestDatabase;
  let central: World;

  const load = (records: Iterable<ImportedRecord>, asOf = AS_OF_MS) =>
    loadRecords(database.db, stream(records), {
      ...{ asOf, allowOlder: true, acceptShrink: true, clock: () => NOW_MS },
    });

  beforeAll(async () => {
    database = await create();
  });
  beforeEach(async () => {
    central = await centralWorld(database.db);
    await load([record()]);
  });
  afterAll(() => database.remove());

  describe('the answer', () => {
    it('is listed for a listed key and not listed for another, in the order of the keys', async () => {
      const keys = ['PUTOX1', SPECIMEN_KEY, 'PUTOX2', SPECIMEN_KEY];
      const { results } = await central.confirm(question(keys));
      expect(results.map(({ listed }) => listed)).toEqual([false, true, false, true]);
      expect(results[0]).toEqual({ listed: false });
    });

    it('is bound to the nonce and says when it was signed and how complete the data is', async () => {
      const asked = question([SPECIMEN_KEY]);
      const answer = await central.confirm(asked);
      expect(answer).toMatchObject({ nonce: asked.nonce, issuedAt: NOW_MS, asOf: AS_OF_MS });
    });

    it('to another question of the same keys has another hash', async () => {
      const first = await central.confirm(question([SPECIMEN_KEY]));
      const second = await central.confirm(question([SPECIMEN_KEY]));
      expect(second.questionSha256).not.toBe(first.questionSha256);
    });

    it('does not list a withdrawn record', async () => {
      const other = record({ number: 'X9', numberAsReported: 'X9' });
      await load([other], AS_OF_MS + 1);
      const { results, asOf } = await central.confirm(question([SPECIMEN_KEY, 'PUTOX9']));
      expect(results.map(({ listed }) => listed)).toEqual([false, true]);
      expect(asOf).toBe(AS_OF_MS + 1);
    });

    it('finds a record under each of its classes and under no other', async () => {
      const travel = record({ number: 'T1', classes: ['passport', 'identity', 'other'] });
      await load([travel]);
      const { results } = await central.confirm(question(['PUTOT1', 'IUTOT1', 'VUTOT1', 'OUTOT1']));
      expect(results.map(({ listed }) => listed)).toEqual([true, true, false, true]);
    });

    it('does not confuse states, padded or not', async () => {
      const german = record({ state: 'D' as StateCode, number: 'C01X00T47' });
      await load([german]);
      const { results } = await central.confirm(
        question(['PD<<C01X00T47', 'PUTOC01X00T47', 'PDNKC01X00T47']),
      );
      expect(results.map(({ listed }) => listed)).toEqual([true, false, false]);
    });

    it('shows the record of the highest category when a key has several', async () => {
      const categories = ['lost', 'stolen-blank', 'revoked'] as const;
      const records = categories.map((category) => record({ category }));
      await load(records);
      const { results } = await central.confirm(question([SPECIMEN_KEY]));
      expect(results[0]?.record?.category).toBe('stolen-blank');
    });

    it('covers 4,096 keys in one question', async () => {
      const records = Array.from({ length: 2_048 }, (_, i) => record({ number: `N${2 * i}` }));
      await load(records);
      const keys = Array.from({ length: 4_096 }, (_, i) => `PUTON${i}`);
      const { results } = await central.confirm(question(keys));
      expect(results.map(({ listed }) => listed)).toEqual(keys.map((_, i) => i % 2 === 0));
    });

    it('is one that the edge takes, whatever the texts of the export', async () => {
      const long = record({
        typeCode: 'TYPE-CODE-OF-A-STATE',
        dateOfTheft: 'some day in March',
        nationalReference: 'R'.repeat(65),
        noticeColor: undefined,
        ncb: '',
        placeOfTheft: 'a\0b',
      });
      await load([long]);
      const { results } = await central.confirm(question([SPECIMEN_KEY]));
      const id = expect.stringMatching(/^[\w-]{22}$/);
      expect(results[0]).toEqual({
        listed: true,
        record: { id, category: 'stolen', ncb: 'NCB-UTO' },
      });
    });
  });

  describe('there is no answer', () => {
    it('before the first load', async () => {
      const empty = await create();
      try {
        const fresh = await centralWorld(empty.db);
        expect(await problemCode(await fresh.ask(question([SPECIMEN_KEY])))).toBe(
          'edition-missing',
        );
      } finally {
        await empty.remove();
      }
    });

    it('about a collection that is not held here', async () => {
      const asked = question([SPECIMEN_KEY], { collection: 'tdawn' });
      expect(await problemCode(await central.ask(asked))).toBe('not-found');
    });

    it('when the database is gone, and the log does not say what was asked', async () => {
      const gone = await create();
      const broken = await centralWorld(gone.db);
      await gone.remove();
      const response = await broken.ask(question([SPECIMEN_KEY]));
      expect(response.status).toBe(500);
      expect(await problemCode(response)).toBe('internal');
      expect(broken.log.at(-1)?.error?.frames.length).toBeGreaterThan(0);
      expect(JSON.stringify(broken.log)).not.toContain('L898902C3');
    });
  });

  describe('a caller is refused', () => {
    const asked = question([SPECIMEN_KEY]);
    const unsigned = (alg: string) => {
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const claims = { iss: 'sltd-edge', aud: 'sltd-central', sub: 's', tenant: 't', site: 's' };
      const exp = NOW_MS / 1000 + 30;
      return `${part({ alg })}.${part({ ...claims, role: 'officer', exp })}.`;
    };
    const bad: Record<string, () => Promise<string>> = {
      'whose token has expired': () => edgeToken({ lifetimeSeconds: -10 }),
      'whose token lives for more than a minute': () => edgeToken({ lifetimeSeconds: 90 }),
      'whose token is signed by another key': () => edgeToken({}, createJwk()),
      'whose token is for somebody else': () => edgeToken({ aud: 'sltd-edge' }),
      'whose token is of another issuer': () => edgeToken({ iss: 'someone' }),
      'whose role is not known': () => edgeToken({ role: 'admin' }),
      'whose tenant is not named': () => edgeToken({ tenant: '' }),
      'whose token is not signed': async () => unsigned('none'),
      'whose token claims EdDSA without a signature': async () => unsigned('EdDSA'),
      'whose token is a direct one': () => directToken({ lifetimeSeconds: 30 }),
      'whose token is not one': async () => 'x'.repeat(20_000),
    };
    it.each(Object.entries(bad))('%s', async (_, token) => {
      const response = await central.ask(asked, await token());
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      expect(await problemCode(response)).toBe('unauthenticated');
    });

    it('who has no token, on every route that has data', async () => {
      const init = { method: 'POST', body: JSON.stringify(asked) };
      expect((await central.request('/v1/confirmations', init)).status).toBe(401);
      expect((await central.request(`/v1/records/${'a'.repeat(22)}`)).status).toBe(401);
    });

    it('but not for a key that the edge changes to, nor for clocks 3 seconds apart', async () => {
      expect((await central.ask(asked, await nextEdgeToken())).status).toBe(200);
      expect((await central.ask(asked, await edgeToken({ lifetimeSeconds: -3 }))).status).toBe(200);
    });
  });

  describe('a body', () => {
    it('over 1 MiB is refused by its declared length, unread', async () => {
      let pulled = 0;
      const body = new ReadableStream({
        pull: (controller) => {
          pulled++;
          controller.enqueue(new Uint8Array(1024));
        },
      });
      const response = await central.request('/v1/confirmations', {
        method: 'POST',
        headers: {
          authorization: `Bearer ${await edgeToken()}`,
          'content-type': 'application/json',
          'content-length': String(BODY_BYTES_MAX + 1),
        },
        body,
        duplex: 'half',
      } as RequestInit);
      expect(await problemCode(response)).toBe('body-too-large');
      // A stream is filled up to one chunk before anyone reads it.
      expect(pulled).toBeLessThanOrEqual(1);
    });

    it('over 1 MiB without a declared length is read no further than the limit', async () => {
      let pulled = 0;
      const body = new ReadableStream({
        pull: (controller) => {
          pulled++;
          controller.enqueue(new Uint8Array(65_536).fill(0x20));
        },
      });
      const response = await central.request('/v1/confirmations', {
        method: 'POST',
        headers: {
          authorization: `Bearer ${await edgeToken()}`,
          'content-type': 'application/json',
        },
        body,
        duplex: 'half',
      } as RequestInit);
      expect(response.status).toBe(413);
      expect(pulled).toBeLessThan(20);
    });

    it('of exactly 1 MiB is read', async () => {
      const text = JSON.stringify(question([SPECIMEN_KEY])).padEnd(BODY_BYTES_MAX, ' ');
      expect((await central.ask(text)).status).toBe(200);
    });

    it('of another content type is refused', async () => {
      const response = await central.request('/v1/confirmations', {
        method: 'POST',
        headers: { authorization: `Bearer ${await edgeToken()}`, 'content-type': 'text/plain' },
        body: '{}',
      });
      expect(await problemCode(response)).toBe('content-type');
    });

    it('that is not JSON in UTF-8 is refused', async () => {
      const bodies = ['', '{', '[1,]', new Uint8Array([0x22, 0xff, 0x22]), '['.repeat(500_000)];
      for (const body of bodies) {
        expect(await problemCode(await central.ask(body))).toBe('body-not-json');
      }
    });

    const proper = question([SPECIMEN_KEY]);
    it.each<[string, unknown]>([
      ['null', null],
      ['a list', []],
      ['a text', 'PUTOL898902C3'],
      ['an object without members', {}],
      ['no keys', { ...proper, keys: [] }],
      ['keys that are no list', { ...proper, keys: SPECIMEN_KEY }],
      ['a key in lower case', { ...proper, keys: ['putol898902c3'] }],
      ['a key with a quote', { ...proper, keys: ["PUTO'OR1=1"] }],
      ['a key of 37 characters', { ...proper, keys: [`PUTO${'1'.repeat(33)}`] }],
      ['4,097 keys', { ...proper, keys: Array(4_097).fill(SPECIMEN_KEY) }],
      ['200,000 bad keys', { ...proper, keys: Array(200_000).fill(0) }],
      ['a short nonce', { ...proper, nonce: 'AAAA' }],
      ['a time that is no number', { ...proper, asOf: 'now' }],
      ['an unknown member', { ...proper, note: 1 }],
      ['a prototype', JSON.parse(`{"__proto__": ${JSON.stringify(proper)}}`)],
    ])('with %s is refused', async (_, body) => {
      const response = await central.ask(JSON.stringify(body));
      expect(response.status).toBe(422);
      expect(await problemCode(response)).toBe('request-invalid');
    });

    it('whatever it holds is never an error of ours', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(
            fc.string().map((text) => Buffer.from(text)),
            fc.uint8Array().map((bytes) => Buffer.from(bytes)),
            fc.json().map((text) => Buffer.from(text)),
            fc
              .tuple(fc.constantFrom(...Object.keys(proper)), fc.jsonValue())
              .map(([member, value]) =>
                Buffer.from(JSON.stringify({ ...proper, [member]: value })),
              ),
          ),
          async (body) => {
            const { status } = await central.ask(new Uint8Array(body));
            expect([200, 400, 404, 422]).toContain(status);
          },
        ),
        { numRuns: 150 },
      );
    });
  });

  it('says nothing in the log but counts', async () => {
    const secret = randomBytes(4).toString('hex').toUpperCase();
    await central.confirm(question([`PUTO${secret}`, SPECIMEN_KEY]));
    await central.ask(question([`putO${secret}`]));
    await central.request(`/v1/${secret}?number=${secret}`);
    const text = JSON.stringify(central.log);
    for (const word of [secret, 'L898902C3', 'UTO', 'officer-1']) expect(text).not.toContain(word);
    expect(central.log[0]).toMatchObject({
      event: 'request',
      route: '/v1/confirmations',
      status: 200,
      keyCount: 2,
      listedCount: 1,
    });
    expect(central.log.map(({ status }) => status)).toEqual([200, 422, 404]);
  });

  it('looks 1,000 keys up in 100,000 records by index', async () => {
    const records = function* () {
      for (let i = 0; i < 100_000; i++) yield record({ number: `N${i}` });
    };
    await load(records());
    const keys = Array.from({ length: 1_000 }, (_, i) => `PUTON${i * 97}`);
    const steps = await planOf(database.db, listedQuery(database.db, new Set(keys), 'UTO'));
    expect(steps.length).toBeGreaterThan(1);
    for (const table of ['record_keys', 'records']) {
      expect(steps).toContainEqual(
        expect.stringMatching(
          name === 'SQLite'
            ? new RegExp(`^SEARCH ${table} USING (COVERING )?INDEX`)
            : new RegExp(`Index (Only )?Scan using .* on ${table} `),
        ),
      );
    }
    // What was asked, and the two tables of one row each.
    expect(steps.join('\n')).not.toMatch(/(SCAN|Seq Scan on) (record|restriction)/);
    const { results } = await central.confirm(question(keys));
    expect(results.every(({ listed }) => listed)).toBe(true);
  });
});

/** The steps of a query's plan, as the database words them. */
async function planOf(
  db: CentralDatabase,
  query: ReturnType<typeof listedQuery>,
): Promise<string[]> {
  const explain = isPostgres(db) ? sql`explain` : sql`explain query plan`;
  const { rows } = await sql<Record<string, string>>`${explain} ${query}`.execute(db);
  return rows.map((row) => String(row['QUERY PLAN'] ?? row.detail));
}
