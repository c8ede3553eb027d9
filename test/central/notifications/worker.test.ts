/** Delivery: nothing lost, nothing lost track of, and nobody holds up another. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { forgetNotifications } from '../../../central/notifications/forget.ts';
import { newId } from '../../../central/http/new-id.ts';
import { notify } from '../../../central/notifications/notify.ts';
import { addEndpoint } from '../../../central/notifications/subscriptions.ts';
import { DeliveryWorker, type WorkerOptions } from '../../../central/notifications/worker.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { type Receiver, startReceiver } from '../../support/webhook-receiver.ts';
import { NOW_MS } from '../records.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const TENANT = 'NCB-UTO';
const REACH = { loopback: true };

describe.each(kinds)('delivery on $name', ({ create }) => {
  let database: TestDatabase;
  let receiver: Receiver;
  let nowMs: number;
  beforeEach(async () => {
    nowMs = NOW_MS;
    database = await create();
    receiver = await startReceiver();
  });
  afterEach(async () => {
    await receiver.close();
    await database.remove();
  });

  const subscribe = async (url = receiver.url, types?: 'case.state'[]) => {
    const scope = { db: database.db, tenant: TENANT, nowMs, reach: REACH };
    const endpoint = await addEndpoint({ url, ...(types ? { types } : {}) }, scope);
    receiver.secrets.push(endpoint.secret);
    return endpoint.id;
  };
  const tell = (tenant = TENANT, type: 'case.opened' | 'case.state' = 'case.opened') =>
    database.db
      .transaction()
      .execute((trx) => notify(trx, { tenant, type, payload: { case: newId() }, nowMs }));
  const worker = (changes: Partial<WorkerOptions> = {}) =>
    new DeliveryWorker({
      ...{ db: database.db, reach: REACH, clock: () => nowMs, random: () => 1, timeoutMs: 400 },
      ...changes,
    });
  const round = async (changes?: Partial<WorkerOptions>) => {
    const each = worker(changes);
    await each.openLanes();
    await each.settle();
  };
  const deliveries = () => database.db.selectFrom('deliveries').selectAll().execute();

  it('sends a signed message of type, time and data, and once', async () => {
    await subscribe();
    const { id } = await tell();
    await round();
    await round();
    expect([receiver.requestCount, receiver.forgedCount]).toEqual([1, 0]);
    expect(receiver.messages.get(id)).toEqual({
      id,
      type: 'case.opened',
      timestamp: new Date(NOW_MS).toISOString(),
      data: { case: expect.stringMatching(/^[\w-]{22}$/) },
    });
  });

  it('tells nobody of what was rolled back', async () => {
    await subscribe();
    const failed = database.db.transaction().execute(async (trx) => {
      await notify(trx, { tenant: TENANT, type: 'case.opened', payload: {}, nowMs });
      throw new Error('on purpose');
    });
    await expect(failed).rejects.toThrow('on purpose');
    await round();
    expect(receiver.requestCount).toBe(0);
  });

  it('sends only what is the tenant’s, of the types it wants', async () => {
    await subscribe(receiver.url, ['case.state']);
    await tell();
    await tell('NCB-D', 'case.state');
    const { id } = await tell(TENANT, 'case.state');
    await round();
    expect([...receiver.messages.keys()]).toEqual([id]);
  });

  it('tries again after the back-off, under the same id', async () => {
    await subscribe();
    const { id } = await tell();
    receiver.fault = (response) => {
      response.writeHead(503).end();
      return true;
    };
    await round();
    receiver.fault = undefined;
    await round();
    expect(receiver.requestCount).toBe(1);
    expect((await deliveries())[0]).toMatchObject({
      ...{ state: 'pending', attempt_count: 1, due_at: NOW_MS + 5_000, last_failure: 'http-503' },
    });
    nowMs += 5_000;
    await round();
    expect([...receiver.messages.keys()]).toEqual([id]);
    expect((await deliveries())[0]).toMatchObject({ state: 'delivered', attempt_count: 2 });
  });

  it('waits as long as the receiver asks', async () => {
    await subscribe();
    await tell();
    receiver.fault = (response) => {
      response.writeHead(429, { 'retry-after': '90' }).end();
      return true;
    };
    await round();
    expect((await deliveries())[0]).toMatchObject({ due_at: NOW_MS + 90_000 });
  });

  it('gives up after twelve attempts and says so', async () => {
    await subscribe();
    await tell();
    receiver.fault = (response) => {
      response.destroy();
      return true;
    };
    let deadCount = 0;
    for (let i = 0; i < 15; i++) {
      await round({ onDead: (count) => (deadCount += count) });
      nowMs += 7 * 3_600_000;
    }
    expect([receiver.requestCount, deadCount]).toEqual([12, 1]);
    expect((await deliveries())[0]).toMatchObject({
      ...{ state: 'dead', last_failure: 'no-connection' },
    });
  });

  it('keeps the attempts of what waits while the receiver is away', async () => {
    await subscribe();
    for (let i = 0; i < 40; i++) await tell();
    receiver.fault = (response) => {
      response.writeHead(500).end();
      return true;
    };
    await round();
    expect(receiver.requestCount).toBe(16);
    receiver.fault = undefined;
    nowMs += 5_000;
    await round();
    expect([receiver.messages.size, receiver.requestCount]).toEqual([40, 56]);
  });

  it('switches an endpoint off that answers 410', async () => {
    await subscribe();
    await tell();
    await tell();
    receiver.fault = (response) => {
      response.writeHead(410).end();
      return true;
    };
    await round();
    nowMs += 60_000;
    await tell();
    await round();
    expect(receiver.requestCount).toBe(2);
    const states = (await deliveries()).map(({ state, last_failure }) => [state, last_failure]);
    expect(states).toEqual([
      ['dead', 'gone'],
      ['dead', 'gone'],
    ]);
  });

  it('follows no redirect', async () => {
    await subscribe();
    await tell();
    receiver.fault = (response) => {
      response.writeHead(307, { location: '/elsewhere' }).end();
      return true;
    };
    await round();
    expect(receiver.requestCount).toBe(1);
    expect((await deliveries())[0]).toMatchObject({ last_failure: 'http-307' });
  });

  it('is not held up by an endpoint that hangs', async () => {
    const hanging = await startReceiver();
    hanging.fault = () => true;
    await subscribe(hanging.url);
    await subscribe();
    await tell();
    const both = worker();
    await both.openLanes();
    await expect.poll(() => receiver.messages.size, { timeout: 300, interval: 10 }).toBe(1);
    await both.settle();
    const failures = (await deliveries()).map((row) => row.last_failure);
    expect(failures.sort()).toEqual(['timeout', null].sort());
    await hanging.close();
  });

  it('sends nothing twice with two workers, and what a dead one had taken again', async () => {
    await subscribe();
    for (let i = 0; i < 40; i++) await tell();
    await Promise.all([round(), round()]);
    expect([receiver.messages.size, receiver.requestCount]).toEqual([40, 40]);
    await tell();
    await database.db
      .updateTable('deliveries')
      .set({ due_at: nowMs + 5_400 })
      .where('state', '=', 'pending')
      .execute();
    await round();
    expect(receiver.messages.size).toBe(40);
    nowMs += 5_400;
    await round();
    expect(receiver.messages.size).toBe(41);
  });

  it('is not sent again because the database was busy when it was to be written down', async () => {
    await subscribe();
    for (let i = 0; i < 16; i++) await tell();
    let failures = 0;
    const onDelivered = async () => {
      if (failures++ < 3) throw new Error('on purpose');
    };
    await round({ onDelivered });
    nowMs += 60_000;
    await round({ onDelivered });
    expect([receiver.messages.size, receiver.requestCount]).toEqual([16, 16]);
    expect((await deliveries()).map(({ state }) => state)).toEqual(Array(16).fill('delivered'));
  });

  it('is forgotten after 30 days, unless it is still on its way', async () => {
    await subscribe();
    const { id: old } = await tell();
    await round();
    nowMs += 31 * 24 * 3_600_000;
    const { id: late } = await tell();
    expect(await forgetNotifications(database.db, nowMs)).toBe(1);
    expect(await forgetNotifications(database.db, nowMs + 31 * 24 * 3_600_000)).toBe(0);
    expect((await deliveries()).map((row) => row.notification_id)).toEqual([late]);
    expect(late).not.toBe(old);
    await database.db.updateTable('endpoints').set({ disabled_at: nowMs }).execute();
    expect(await forgetNotifications(database.db, nowMs + 31 * 24 * 3_600_000)).toBe(1);
  });

  it('does not send to an address that has become private', async () => {
    await subscribe();
    await tell();
    await round({ reach: { loopback: false } });
    expect(receiver.requestCount).toBe(0);
    expect((await deliveries())[0]).toMatchObject({ last_failure: 'refused-address' });
  });
});
