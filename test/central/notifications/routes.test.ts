/** Notifications over HTTP: every bureau administers its own, and nobody another's. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { notify } from '../../../central/notifications/notify.ts';
import { DeliveryWorker } from '../../../central/notifications/worker.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { type Receiver, startReceiver } from '../../support/webhook-receiver.ts';
import { NOW_MS } from '../records.ts';
import { centralWorld, directToken, problemCode, type World } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

interface Shown {
  id: string;
  secret: string;
  items: Record<string, unknown>[];
  next?: string;
  replayedCount: number;
}

const UTO = { role: 'ncb', tenant: 'NCB-UTO' };
const GERMANY = { role: 'ncb', tenant: 'NCB-D' };

describe.each(kinds)('notifications over HTTP on $name', ({ create }) => {
  let database: TestDatabase;
  let central: World;
  let receiver: Receiver;
  beforeEach(async () => {
    database = await create();
    central = await centralWorld(database.db);
    receiver = await startReceiver();
  });
  afterEach(async () => {
    await receiver.close();
    await database.remove();
  });

  const call = async (method: string, path: string, claims: object, body?: object) =>
    central.request(path, {
      method,
      headers: {
        authorization: `Bearer ${await directToken(claims)}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  const shown = async (response: Response) => (await response.json()) as Shown;
  const register = async (claims: object, body: object = { url: receiver.url }) => {
    const endpoint = await shown(await call('POST', '/v1/endpoints', claims, body));
    receiver.secrets.push(endpoint.secret);
    return endpoint;
  };
  const tell = (tenant: string, nowMs = NOW_MS) =>
    database.db
      .transaction()
      .execute((trx) => notify(trx, { tenant, type: 'case.opened', payload: {}, nowMs }));
  const deliver = async () => {
    const worker = new DeliveryWorker({
      ...{ db: database.db, reach: { loopback: true }, clock: () => NOW_MS, timeoutMs: 500 },
    });
    await worker.openLanes();
    await worker.settle();
  };

  it('shows the secret once, and the endpoint to its own bureau', async () => {
    const endpoint = await register(UTO, { url: receiver.url, types: ['case.opened'] });
    expect(endpoint.secret).toMatch(/^whsec_[\w+/]{43}=$/);
    const own = await shown(await call('GET', '/v1/endpoints', UTO));
    expect(own.items).toEqual([
      {
        ...{ id: endpoint.id, url: receiver.url, types: ['case.opened'] },
        createdAt: new Date(NOW_MS).toISOString(),
      },
    ]);
    expect((await shown(await call('GET', '/v1/endpoints', GERMANY))).items).toEqual([]);
  });

  it.each<[string, object]>([
    ['an address inside', { url: 'https://10.0.0.1/' }],
    ['no address', { url: 'somewhere' }],
    ['an unknown type', { url: 'https://ncb.example/', types: ['case.deleted'] }],
    ['an unknown field', { url: 'https://ncb.example/', secret: 'mine' }],
  ])('refuses %s', async (_, body) => {
    const response = await call('POST', '/v1/endpoints', UTO, body);
    expect(response.status).toBe(422);
    expect(['endpoint-refused', 'request-invalid']).toContain(await problemCode(response));
  });

  it('takes ten endpoints of a bureau and no more', async () => {
    for (let i = 0; i < 10; i++) await register(UTO, { url: 'https://ncb.example/' });
    const response = await call('POST', '/v1/endpoints', UTO, { url: 'https://ncb.example/' });
    expect(await problemCode(response)).toBe('endpoint-refused');
    expect((await call('POST', '/v1/endpoints', GERMANY, { url: receiver.url })).status).toBe(201);
    const first = await shown(await call('GET', '/v1/endpoints?limit=7', UTO));
    const rest = await shown(await call('GET', `/v1/endpoints?limit=7&cursor=${first.next}`, UTO));
    expect([first.items.length, rest.items.length, rest.next]).toEqual([7, 3, undefined]);
    expect(new Set([...first.items, ...rest.items].map(({ id }) => id)).size).toBe(10);
  });

  it('signs with the new secret and the one before for a day', async () => {
    const { id } = await register(UTO);
    const changed = await shown(await call('POST', `/v1/endpoints/${id}/secret`, UTO));
    await tell('NCB-UTO');
    await deliver();
    expect([receiver.messages.size, receiver.forgedCount]).toEqual([1, 0]);
    receiver.secrets = [changed.secret];
    await tell('NCB-UTO');
    await deliver();
    expect([receiver.messages.size, receiver.forgedCount]).toEqual([2, 0]);
  });

  it('sends a test to one endpoint', async () => {
    const { id } = await register(UTO, { url: receiver.url, types: ['case.opened'] });
    await register(UTO);
    const test = await call('POST', `/v1/endpoints/${id}/test`, UTO);
    expect(test.status).toBe(202);
    await deliver();
    expect([...receiver.messages.values()].map(({ type }) => type)).toEqual(['endpoint.test']);
    expect(receiver.requestCount).toBe(1);
  });

  it('sends no test to an endpoint that is switched off, and says so', async () => {
    const { id } = await register(UTO);
    await database.db.updateTable('endpoints').set({ disabled_at: NOW_MS }).execute();
    const test = await call('POST', `/v1/endpoints/${id}/test`, UTO);
    expect([test.status, await problemCode(test)]).toEqual([409, 'endpoint-disabled']);
    expect((await shown(await call('GET', '/v1/notifications', UTO))).items).toEqual([]);
  });

  it('lists dead letters and sends them again, one or all of an endpoint', async () => {
    const { id } = await register(UTO);
    for (let i = 0; i < 3; i++) await tell('NCB-UTO');
    receiver.fault = (response) => {
      response.writeHead(410).end();
      return true;
    };
    await deliver();
    receiver.fault = undefined;
    const dead = await shown(await call('GET', '/v1/dead-letters?limit=2', UTO));
    const rest = await shown(await call('GET', `/v1/dead-letters?cursor=${dead.next}`, UTO));
    expect([dead.items.length, rest.items.length]).toEqual([2, 1]);
    expect(dead.items[0]).toEqual({
      id: expect.stringMatching(/^[\w-]{22}$/),
      notificationId: expect.stringMatching(/^[\w-]{22}$/),
      endpointId: id,
      type: 'case.opened',
      attemptCount: 1,
      failure: 'gone',
      diedAt: new Date(NOW_MS).toISOString(),
    });
    const other = await call('POST', `/v1/dead-letters/${dead.items[0]!.id}/replay`, GERMANY);
    expect(await problemCode(other)).toBe('not-found');
    expect((await shown(await call('GET', '/v1/dead-letters', GERMANY))).items).toEqual([]);
    // The 410 has switched the endpoint off: nothing would be sent, and nobody would see that it is not.
    const refused = await call('POST', `/v1/dead-letters/${dead.items[0]!.id}/replay`, UTO);
    expect([refused.status, await problemCode(refused)]).toEqual([409, 'endpoint-disabled']);
    expect((await shown(await call('GET', '/v1/dead-letters', UTO))).items).toHaveLength(3);
    await database.db.updateTable('endpoints').set({ disabled_at: null }).execute();
    const one = await call('POST', `/v1/dead-letters/${dead.items[0]!.id}/replay`, UTO);
    expect(one.status).toBe(202);
    await deliver();
    expect(receiver.messages.size).toBe(1);
    const again = await call('POST', `/v1/dead-letters/${dead.items[0]!.id}/replay`, UTO);
    expect(await problemCode(again)).toBe('not-found');
    await database.db.updateTable('endpoints').set({ disabled_at: NOW_MS }).execute();
    const since = { since: new Date(NOW_MS - 1).toISOString() };
    const all = await shown(await call('POST', `/v1/endpoints/${id}/replay`, UTO, since));
    expect(all.replayedCount).toBe(2);
    await deliver();
    expect(receiver.messages.size).toBe(3);
    expect((await shown(await call('GET', '/v1/dead-letters', UTO))).items).toEqual([]);
  });

  it('sends a new endpoint what was written before it was there', async () => {
    await tell('NCB-UTO', NOW_MS - 10_000);
    const { id: missed } = await tell('NCB-UTO');
    const { id } = await register(UTO);
    const since = { since: new Date(NOW_MS - 5_000).toISOString() };
    expect((await call('POST', `/v1/endpoints/${id}/replay`, GERMANY, since)).status).toBe(404);
    await call('POST', `/v1/endpoints/${id}/replay`, UTO, since);
    await call('POST', `/v1/endpoints/${id}/replay`, UTO, since);
    await deliver();
    expect([...receiver.messages.keys()]).toEqual([missed]);
  });

  it('removes an endpoint with what waits for it, for its own bureau', async () => {
    const { id } = await register(UTO);
    await tell('NCB-UTO');
    expect((await call('DELETE', `/v1/endpoints/${id}`, GERMANY)).status).toBe(404);
    expect((await call('DELETE', `/v1/endpoints/${id}`, UTO)).status).toBe(204);
    await deliver();
    expect(receiver.requestCount).toBe(0);
  });

  it('can be read without an endpoint, newest first', async () => {
    for (let i = 0; i < 3; i++) await tell('NCB-UTO', NOW_MS + i);
    const first = await shown(await call('GET', '/v1/notifications?limit=2', UTO));
    const rest = await shown(await call('GET', `/v1/notifications?cursor=${first.next}`, UTO));
    const times = [...first.items, ...rest.items].map(({ timestamp }) => timestamp);
    expect(times).toEqual([2, 1, 0].map((i) => new Date(NOW_MS + i).toISOString()));
    expect((await shown(await call('GET', '/v1/notifications', GERMANY))).items).toEqual([]);
  });

  it('keeps on-call contacts in order, with endpoints of their own bureau alone', async () => {
    const { id } = await register(UTO);
    const contacts = [
      { label: 'duty desk', address: '+00 1 234' },
      { label: 'head of shift', address: 'shift@ncb.example', endpointId: id },
    ];
    const put = await call('PUT', '/v1/contacts', UTO, { contacts });
    expect((await shown(put)).items).toEqual(
      contacts.map((contact) => ({ id: expect.stringMatching(/^[\w-]{22}$/), ...contact })),
    );
    expect((await shown(await call('GET', '/v1/contacts', GERMANY))).items).toEqual([]);
    const foreign = await call('PUT', '/v1/contacts', GERMANY, { contacts });
    expect(await problemCode(foreign)).toBe('request-invalid');
  });

  it('keeps one of several lists of contacts that come at once, and keeps it whole', async () => {
    const lists = [3, 1, 4, 2].map((length, list) =>
      Array.from({ length }, (_, place) => ({ label: `list ${list}`, address: `+00 ${place}` })),
    );
    const put = (contacts: object[]) => call('PUT', '/v1/contacts', UTO, { contacts });
    const answers = await Promise.all(lists.map(put));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { items } = await shown(await call('GET', '/v1/contacts', UTO));
    const kept = (items as { id: string }[]).map(({ id: _, ...contact }) => contact);
    expect(lists).toContainEqual(kept);
    await put([]);
    expect((await shown(await call('GET', '/v1/contacts', UTO))).items).toEqual([]);
  });

  it('is for bureaus: other roles are refused', async () => {
    for (const role of ['officer', 'integrator', 'carrier', 'data-operator', 'auditor']) {
      for (const path of ['/v1/endpoints', '/v1/dead-letters', '/v1/contacts']) {
        const response = await call('GET', path, { role, tenant: 'NCB-UTO' });
        expect(await problemCode(response)).toBe('forbidden');
      }
    }
  });
});
