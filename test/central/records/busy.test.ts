/** While somebody holds the lock of records, changes wait for their time and questions are answered. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../central/database/database.ts';
import type { CentralDatabase } from '../../../central/database/schema.ts';
import { loadRecords } from '../../../central/load/load.ts';
import { lockRecords } from '../../../central/records/operation-log.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, SPECIMEN_KEY, stream } from '../records.ts';
import { centralWorld, directToken, problemCode, question, type World } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

/** More than there are connections. */
const WRITERS = 15;

describe.each(kinds)('central on $name', ({ create }) => {
  let database: TestDatabase;
  let db: CentralDatabase;
  let central: World;
  beforeEach(async () => {
    database = await create();
    await loadRecords(database.db, stream([record()]), { asOf: AS_OF_MS, clock: () => NOW_MS });
    // As the service opens it.
    db = openDatabase(database.location, { statementTimeoutMs: 10_000, busyTimeoutMs: 20 });
    central = await centralWorld(db);
  });
  afterEach(async () => {
    await db.destroy();
    await database.remove();
  });

  const send = async (path: string, body: object) =>
    central.request(path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await directToken({ role: 'ncb', tenant: 'NCB-UTO' })}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    });
  const report = (number: number) =>
    send('/v1/records', {
      ...{ issuingState: 'UTO', documentType: 'PAS', category: 'lost' },
      documentNumber: `W${number}`,
    });

  it('confirms while many writers wait for a lock, and tells them that it is busy', async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const started = Promise.withResolvers<void>();
    const holder = database.db.transaction().execute(async (transaction) => {
      await lockRecords(transaction);
      started.resolve();
      await released;
    });
    try {
      await started.promise;
      let answered = 0;
      const writers = Array.from({ length: WRITERS }, async (_, number) => {
        const response = await report(number);
        answered++;
        return [response.status, await problemCode(response)];
      });
      // They are at the lock, or in the queue for it.
      await new Promise((resolve) => setTimeout(resolve, 200));
      const { results } = await central.confirm(question([SPECIMEN_KEY]));
      expect(results[0]?.listed).toBe(true);
      expect(answered).toBe(0);
      const busy = Array.from({ length: WRITERS }, () => [503, 'central-busy']);
      expect(await Promise.all(writers)).toEqual(busy);
    } finally {
      release();
      await holder;
    }
    expect((await report(0)).status).toBe(201);
  }, 60_000);

  it('confirms while a bulk goes on, all of which is there at its end', async () => {
    const items = Array.from({ length: 1_000 }, (_, number) => ({
      action: 'report',
      record: {
        ...{ issuingState: 'UTO', documentType: 'PAS', category: 'lost' },
        documentNumber: `B${number}`,
      },
    }));
    let isDone = false;
    const bulk = send('/v1/records/bulk', { items }).then(async (response) => {
      isDone = true;
      return (await response.json()) as { results: { status: string }[] };
    });
    const ask = async (...keys: string[]) =>
      (await central.confirm(question(keys))).results.map(({ listed }) => listed).join();
    const seen: string[] = [];
    while (!isDone) seen.push(await ask(SPECIMEN_KEY, 'PUTOB0', 'PUTOB999'));
    const { results } = await bulk;
    expect(results.filter(({ status }) => status === 'reported').length).toBe(1_000);
    // The first one waits for the bulk's end where there is one connection for both.
    expect(seen[0]).toBe('true,false,false');
    // Nothing of it before all of it.
    const whole = ['true,false,false', 'true,true,true'];
    expect(seen.filter((answer) => !whole.includes(answer))).toEqual([]);
    expect(await ask('PUTOB0', 'PUTOB999')).toBe('true,true');
  }, 60_000);

  it('takes writers one after the other, and nobody waits for one that was refused', async () => {
    const responses = await Promise.all([report(1), report(1), report(2)]);
    expect(responses.map(({ status }) => status).sort()).toEqual([201, 201, 409]);
  });
});
