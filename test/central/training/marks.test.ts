/** A training and a live service know nothing of each other, and nothing of a training looks live. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadRecords } from '../../../central/load/load.ts';
import { claimCollection } from '../../../central/training/database.ts';
import { TRAINING } from '../../../src/format/training.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { isOneOf, RIGHTS } from '../../support/rights.ts';
import { PERSONS, type RightsWorld, rightsWorld } from '../../support/rights-world.ts';
import { AS_OF_MS, NOW_MS, record, SPECIMEN_KEY, stream } from '../records.ts';
import { directToken, question } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

/** Addresses of people, with somebody who is let in. */
const READS = Object.entries(RIGHTS).flatMap(([address, right]) => {
  if (!address.startsWith('GET ') || right.allowed === 'edge') return [];
  const { allowed } = right;
  const person = PERSONS.find(({ name }) => allowed === 'anyone' || isOneOf(name, allowed))!;
  return [{ address, right, person }];
});

describe.each(kinds)('training on $name', ({ create }) => {
  let database: TestDatabase;
  let world: RightsWorld;
  beforeEach(async () => {
    database = await create();
  });
  afterEach(async () => {
    world?.remove();
    await database.remove();
  });

  it.each([true, false])(
    'marks every answer of every address if it is one: %s',
    async (isTraining) => {
      world = await rightsWorld(database, isTraining ? { collection: TRAINING } : {});
      const kindsSeen = new Set<string>();
      for (const { address, right, person } of READS) {
        const path = right.path?.(world) ?? address.slice('GET '.length);
        const response = await world.request(person, 'GET', path);
        expect([address, response.headers.get('x-training')]).toEqual([
          address,
          isTraining ? 'true' : null,
        ]);
        const type = response.headers.get('content-type')?.split(';')[0] ?? '';
        const mark = {
          'application/json': '{"training":true,',
          'application/problem+json': '{"training":true,',
          'text/html': '<title>TRAINING: ',
          'text/csv': 'training,',
          'text/event-stream': 'data: {"training":true,',
        }[type];
        if (mark === undefined) {
          await response.body?.cancel();
          continue;
        }
        kindsSeen.add(type);
        const reader = response.body!.getReader();
        let text = '';
        while (!(type === 'text/event-stream' && text.includes('data:'))) {
          const { done, value } = await reader.read();
          if (done) break;
          text += new TextDecoder().decode(value);
        }
        await reader.cancel();
        expect([address, text.includes(mark)]).toEqual([address, isTraining]);
        if (type === 'text/html') expect(text.includes('<strong>TRAINING')).toBe(isTraining);
      }
      for (const type of ['json', 'problem+json'])
        expect(kindsSeen).toContain(`application/${type}`);
      for (const type of ['csv', 'event-stream', 'html'])
        expect(kindsSeen).toContain(`text/${type}`);
      const refused = await world.central.request('/v1/records');
      expect(((await refused.json()) as { training?: true }).training).toBe(
        isTraining || undefined,
      );
      const told = await database.db.selectFrom('notifications').select('body').execute();
      expect(told.length).toBeGreaterThan(0);
      for (const { body } of told) expect(body.includes('"training":true')).toBe(isTraining);
    },
  );

  it.each([true, false])(
    'lets in no credential of the other kind, if it is one: %s',
    async (isTraining) => {
      world = await rightsWorld(database, isTraining ? { collection: TRAINING } : {});
      const others = isTraining
        ? [undefined, [], ['sltd'], ['sltd', 'training'], ['training', 'tdawn']]
        : [['training'], ['sltd', 'training'], ['training', 'sltd']];
      for (const [address, { path, body, headers, allowed }] of Object.entries(RIGHTS)) {
        if (allowed === 'anyone' || allowed === 'edge') continue;
        const [method, pattern] = address.split(' ') as [string, string];
        const person = PERSONS.find(({ name }) => isOneOf(name, allowed))!;
        for (const collections of others) {
          const claims = { ...person.claims, ...(collections ? { collections } : {}) };
          const sent = body?.(world);
          const isText = typeof sent === 'string' || sent instanceof Uint8Array;
          const response = await world.central.request(path?.(world) ?? pattern, {
            method,
            headers: { ...headers, authorization: `Bearer ${await directToken(claims)}` },
            ...(sent ? { body: isText ? sent : JSON.stringify(sent) } : {}),
          });
          await response.body?.cancel();
          expect([address, collections, response.status]).toEqual([address, collections, 401]);
        }
      }
    },
  );

  it('answers a question of its own collection alone, and says so in what it signs', async () => {
    world = await rightsWorld(database, { collection: TRAINING });
    const answer = await world.central.confirm(
      question([SPECIMEN_KEY], { collection: 'training' }),
    );
    expect(answer).toMatchObject({ training: true, results: [{ listed: true }] });
    const live = await world.central.ask(question([SPECIMEN_KEY]));
    expect(live.status).toBe(404);
  });

  it('is never made of a live database, nor a live one of it', async () => {
    const { db } = database;
    const load = (collection: string) =>
      loadRecords(db, stream([record()]), { asOf: AS_OF_MS, clock: () => NOW_MS, collection });
    await claimCollection(db, 'training');
    await expect(load('sltd')).rejects.toMatchObject({ code: 'config-invalid' });
    await load('training');
    await expect(load('sltd')).rejects.toMatchObject({ code: 'config-invalid' });
    await expect(claimCollection(db, 'sltd')).rejects.toMatchObject({ code: 'config-invalid' });
    await claimCollection(db, 'training');
  });
});
