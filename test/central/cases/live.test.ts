/** What happens in a case reaches whoever has it open, once, in order, and nobody else. */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LiveCases } from '../../../central/cases/live-cases.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { NOW_MS } from '../records.ts';
import { type CaseWorld, caseWorld, type Person } from './case-world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

/** Reads a stream of events until it has so many, or it ends. */
async function read(body: ReadableStream<Uint8Array> | null, count: number) {
  const reader = body!.getReader();
  const decoder = new TextDecoder();
  let text = '';
  const events = () => [...text.matchAll(/^id: (\d+)\nevent: (.+)\ndata: (.+)\n\n/gm)];
  while (events().length < count) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return {
    text,
    events: events().map(([, id, event, data]) => ({
      ...{ id: Number(id), event, data: JSON.parse(data!) as Record<string, unknown> },
    })),
  };
}

const isOpen = async () => true;

describe.each(kinds)('a stream of events on $name', ({ create }) => {
  let database: TestDatabase;
  let world: CaseWorld;
  beforeEach(async () => {
    database = await create();
    world = await caseWorld(database.db);
  });
  afterEach(async () => {
    world.remove();
    await database.remove();
  });

  const stream = async (person: Person, id: string, more: object = {}) => {
    const response = await world.call(person, 'GET', `/v1/cases/${id}/events`, undefined, more);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('cache-control')).toBe('no-store');
    return response.body;
  };
  const say = (person: Person, id: string, text: string) =>
    world.call(person, 'POST', `/v1/cases/${id}/messages`, { text });

  it('begins with what was, goes on with what comes, in order and once', async () => {
    const { id } = await world.opened();
    const body = await stream('issuing', id);
    const reading = read(body, 4);
    await say('officer', id, 'one');
    await say('asking', id, 'two');
    await say('officer', id, 'three');
    const { events, text } = await reading;
    expect(events.map((each) => [each.id, each.event, each.data.text])).toEqual([
      [1, 'opened', undefined],
      [2, 'message', 'one'],
      [3, 'message', 'two'],
      [4, 'message', 'three'],
    ]);
    expect(text).toMatch(/^: alive\n\n/);
    expect(text).not.toMatch(/officer-7|FRA\/7/);
  });

  it('goes on after the event that the reader has', async () => {
    const { id } = await world.opened();
    for (const text of ['one', 'two', 'three']) await say('officer', id, text);
    const body = await stream('issuing', id, { 'last-event-id': '3' });
    const { events } = await read(body, 1);
    expect(events.map((each) => each.data.text)).toEqual(['three']);
  });

  it('leaves a line in the log when the database cannot be asked, and goes on', async () => {
    const { id } = await world.opened();
    const { db } = database;
    const body = await stream('issuing', id);
    const reading = read(body, 2);
    await db.schema.alterTable('cases').renameTo('cases_away').execute();
    const { log } = world.central;
    await vi.waitUntil(() => log.some(({ event }) => event === 'job-failed'), { timeout: 10_000 });
    await db.schema.alterTable('cases_away').renameTo('cases').execute();
    await say('officer', id, 'after');
    expect((await reading).events.map((each) => each.event)).toEqual(['opened', 'message']);
  });

  it('is not there for strangers', async () => {
    const { id } = await world.opened();
    for (const person of ['otherBureau', 'otherPost', 'otherAgency'] as const) {
      expect((await world.call(person, 'GET', `/v1/cases/${id}/events`)).status).toBe(404);
    }
  });

  it('ends with the token of its reader, with the service, and where nobody reads', async () => {
    const { id } = await world.opened();
    let nowMs = NOW_MS;
    const live = new LiveCases({ db: database.db, clock: () => nowMs, heartbeatMs: 1 });
    const open = { caseId: id, tenant: 'NCB-UTO', afterVersion: 0, isOpen, view: () => ({}) };
    const short = live.open({ ...open, untilMs: NOW_MS + 1_000 });
    const reading = read(short, 99);
    nowMs += 1_000;
    expect((await reading).events.length).toBeLessThan(99);
    const closed = live.open({ ...open, untilMs: NOW_MS + 9_000 });
    live.close();
    expect((await read(closed, 99)).events).toEqual([]);
    const view = () => ({ padding: 'x'.repeat(300_000) });
    const unread = live.open({ ...open, untilMs: NOW_MS + 9_000, view });
    for (let i = 0; i < 3; i++) await say('officer', id, 'more');
    await expect.poll(() => live.streamCount, { timeout: 3_000 }).toBe(0);
    expect((await read(unread, 99)).events).toHaveLength(1);
  });

  it('is let go when its reader hangs up', async () => {
    const { id } = await world.opened();
    const live = new LiveCases({ db: database.db, clock: () => NOW_MS, heartbeatMs: 0 });
    const open = {
      caseId: id,
      tenant: 'NCB-UTO',
      afterVersion: 0,
      isOpen,
      untilMs: NOW_MS + 60_000,
    };
    const server = serve({
      fetch: () => new Response(live.open({ ...open, view: () => ({}) })),
      ...{ hostname: '127.0.0.1', port: 0 },
    });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const hangUp = new AbortController();
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: hangUp.signal });
    const { value } = await response.body!.getReader().read();
    expect(new TextDecoder().decode(value)).toMatch(/^: alive/);
    expect(live.streamCount).toBe(1);
    hangUp.abort();
    await expect.poll(() => live.streamCount, { timeout: 3_000 }).toBe(0);
    server.close();
  });

  it('is refused where a tenant has too many', async () => {
    const { id } = await world.opened();
    const live = new LiveCases({ db: database.db, clock: () => NOW_MS });
    const untilMs = NOW_MS + 60_000;
    const open = (tenant: string) =>
      live.open({ caseId: id, tenant, afterVersion: 0, untilMs, isOpen, view: () => ({}) });
    for (let i = 0; i < 100; i++) open('NCB-UTO');
    expect(() => open('NCB-UTO')).toThrow('Too many');
    open('NCB-D');
    live.close();
  });
});
