/** A training from the hit to the end, with bureaus that are played by a process beside central. */

import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '@hono/node-server';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCentral } from '../../../central/app.ts';
import { startJobs } from '../../../central/jobs.ts';
import { loadRecords } from '../../../central/load/load.ts';
import { bureauToken, startSimulator } from '../../../central/training/simulator.ts';
import { DirectoryStore } from '../../../publish/directory-store.ts';
import { signingKey, verifyKeys } from '../../../src/format/signature.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { record, stream } from '../records.ts';
import { CENTRAL_JWK, directToken, EDGE_JWK, edgeToken, question, TOKEN_JWK } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const OFFICER = { role: 'officer', tenant: 'BORDER-D', site: 'FRA/7', sub: 'trainee' };
const PATIENCE = { timeout: 30_000, interval: 100 };

interface ShownCase {
  id: string;
  state: string;
  outcome?: string;
  training?: true;
}

describe.each(kinds)('the bureaus of a training on $name', ({ create }) => {
  let database: TestDatabase;
  let folder: string;
  let url: string;
  const ends: (() => Promise<unknown>)[] = [];

  const startCentral = async (collection: string) => {
    const { db } = database;
    const listed = [
      record({ number: 'L898902C3', category: 'stolen' }),
      record({ number: 'X1', category: 'lost' }),
    ];
    await loadRecords(db, stream(listed), { asOf: Date.now() - 60_000, collection });
    const options = {
      db,
      signingKey: await signingKey(CENTRAL_JWK),
      edgeKeys: await verifyKeys(String(EDGE_JWK.x)),
      tokenKeys: await verifyKeys(String(TOKEN_JWK.x)),
      attachments: { folder: join(folder, 'attachments') },
      sightingSpool: { folder: join(folder, 'sightings') },
      cardImages: new DirectoryStore(join(folder, 'cards')),
      reach: { loopback: true },
      dayKeys: undefined,
      clock: Date.now,
      log: () => {},
    };
    const server = serve({ fetch: createCentral(options).fetch, hostname: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const jobs = startJobs(options);
    ends.push(async () => {
      await jobs.stop();
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
    });
  };
  const simulate = async (closeAfterMs: number) => {
    const tokenKey = await signingKey(TOKEN_JWK);
    const simulator = await startSimulator({
      ...{ centralUrl: url, states: ['UTO', 'D'], answerAfterMs: 50, closeAfterMs, log: () => {} },
      tokenOf: (tenant) => bureauToken(tokenKey, tenant),
    });
    ends.unshift(() => simulator.stop());
  };
  const ask = async (method: string, path: string, body?: object) => {
    const claims = { ...OFFICER, collections: ['training'], nowMs: Date.now() };
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await directToken(claims)}`,
        'content-type': 'application/json',
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return (await response.json()) as ShownCase & { items: ShownCase[] };
  };
  const hit = async (key: string) => {
    const asked = question([key], { collection: 'training', encounter: { exact: [0] } });
    await fetch(`${url}/v1/confirmations`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await edgeToken({ ...OFFICER, nowMs: Date.now() })}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(asked),
    });
    await expect.poll(async () => (await ask('GET', '/v1/cases')).items.length, PATIENCE).toBe(1);
    return (await ask('GET', '/v1/cases')).items[0]!.id;
  };
  const stateOf = async (id: string) => (await ask('GET', `/v1/cases/${id}`)).state;
  const movesOf = async (id: string) => {
    const { items } = (await ask('GET', `/v1/cases/${id}/history`)) as unknown as {
      items: { kind: string; to?: string; byTenant?: string }[];
    };
    return items.filter(({ kind }) => kind === 'state').map(({ to, byTenant }) => [to, byTenant]);
  };

  beforeEach(async () => {
    database = await create();
    folder = mkdtempSync(join(tmpdir(), 'sltd-simulator-'));
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    await database.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it('take a case from the hit to the end, as both sides of it', async () => {
    await startCentral('training');
    await simulate(50);
    const id = await hit('PUTOL898902C3');
    await expect.poll(() => stateOf(id), PATIENCE).toBe('closed');
    const moves = await movesOf(id);
    expect(moves.filter(([to]) => to !== 'notified')).toEqual([
      ['acknowledged', 'NCB-UTO'],
      ['confirmed', 'NCB-UTO'],
      ['closed', 'NCB-D'],
    ]);
    expect(await ask('GET', `/v1/cases/${id}`)).toMatchObject({
      training: true,
      outcome: 'seized',
    });
  });

  it('answer by the category of the record, write back once, and leave the end to the trainee', async () => {
    await startCentral('training');
    await simulate(600_000);
    const id = await hit('PUTOX1');
    await expect.poll(() => stateOf(id), PATIENCE).toBe('recovered');
    await ask('POST', `/v1/cases/${id}/messages`, { text: 'May the traveller go on?' });
    const written = async () => {
      const { items } = (await ask('GET', `/v1/cases/${id}/messages`)) as unknown as {
        items: { byTenant: string; text: string }[];
      };
      return items.map(({ byTenant, text }) => [byTenant, text.startsWith('TRAINING: ')]);
    };
    const both = [
      ['NCB-D', true],
      ['NCB-UTO', true],
    ];
    await expect.poll(async () => (await written()).slice(1).sort(), PATIENCE).toEqual(both);
    await ask('POST', `/v1/cases/${id}/transitions`, {
      ...{ to: 'closed', outcome: 'referred', reason: 'The bureau says so.' },
    });
    expect(await stateOf(id)).toBe('closed');
    expect((await written()).length).toBe(3);
  });

  it('read a case to its last message, however many there are', async () => {
    await startCentral('training');
    const id = await hit('PUTOX1');
    const token = await bureauToken(await signingKey(TOKEN_JWK), 'NCB-UTO');
    for (let count = 0; count < 200; count++) {
      const response = await fetch(`${url}/v1/cases/${id}/messages`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ text: 'We are looking.' }),
      });
      expect(response.status).toBe(201);
    }
    await ask('POST', `/v1/cases/${id}/messages`, { text: 'May the traveller go on?' });
    await simulate(600_000);
    const written = async () => {
      const { db } = database;
      const events = db.selectFrom('case_events').select('by_tenant').where('kind', '=', 'message');
      const tenants = (await events.orderBy('version').execute()).map((row) => row.by_tenant);
      return tenants.slice(201).sort();
    };
    await expect.poll(written, PATIENCE).toEqual(['NCB-D', 'NCB-UTO']);
  });

  it('take up a hit that came while they were away', async () => {
    await startCentral('training');
    const id = await hit('PUTOL898902C3');
    await simulate(600_000);
    await expect.poll(() => stateOf(id), PATIENCE).toBe('confirmed');
  });

  it('do not begin at a central that is no training', async () => {
    await startCentral('sltd');
    await expect(simulate(50)).rejects.toMatchObject({ code: 'config-invalid' });
  });
});
