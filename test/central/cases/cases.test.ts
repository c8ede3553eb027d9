/** A case from its opening to its end: moves, messages, attachments, the clock, and who sees what. */

import { readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sweepFiles } from '../../../central/cases/attachments.ts';
import { escalateDue } from '../../../central/cases/change-case.ts';
import { forgetCases } from '../../../central/cases/forget.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { type Receiver, startReceiver } from '../../support/webhook-receiver.ts';
import { NOW_MS } from '../records.ts';
import { directToken, problemCode } from '../world.ts';
import { type CaseWorld, caseWorld, PEOPLE, type Person, type ShownCase } from './case-world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const MINUTE_MS = 60_000;
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');

describe.each(kinds)('a case on $name', ({ create }) => {
  let database: TestDatabase;
  let world: CaseWorld;
  let receiver: Receiver;
  beforeEach(async () => {
    database = await create();
    world = await caseWorld(database.db);
    receiver = await startReceiver();
  });
  afterEach(async () => {
    await receiver.close();
    world.remove();
    await database.remove();
  });

  const subscribe = async (person: Person) => {
    const response = await world.call(person, 'POST', '/v1/endpoints', { url: receiver.url });
    const { id, secret } = (await response.json()) as { id: string; secret: string };
    receiver.secrets.push(secret);
    return id;
  };
  const move = (person: Person, id: string, body: object, more?: object) =>
    world.call(person, 'POST', `/v1/cases/${id}/transitions`, body, more);
  const shown = async (response: Response) => (await response.json()) as ShownCase;
  const attach = async (person: Person, id: string, body: Uint8Array, type: string) =>
    world.central.request(`/v1/cases/${id}/attachments`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await directToken(PEOPLE[person])}`,
        'content-type': type,
      },
      body: new Uint8Array(body),
    });

  it('goes from hit to outcome, and each side is told what the others do', async () => {
    await subscribe('issuing');
    const { id } = await world.opened();
    await world.deliver();
    expect((await world.cases('officer'))[0]).toMatchObject({ state: 'notified', version: 2 });
    expect((await move('issuing', id, { to: 'acknowledged' })).status).toBe(200);
    expect((await move('issuing', id, { to: 'confirmed' })).status).toBe(200);
    const closing = { to: 'closed', outcome: 'seized', reason: 'handed to the police' };
    const closed = await shown(await move('officer', id, closing));
    expect(closed).toMatchObject({
      ...{ state: 'closed', outcome: 'seized', version: 5, moves: [] },
      closedAt: new Date(NOW_MS).toISOString(),
    });
    expect(closed).not.toHaveProperty('dueAt');
    await world.deliver();
    const told = [...receiver.messages.values()].map(({ type, data }) => [type, data.state]);
    expect(told).toEqual([
      ['case.opened', 'opened'],
      ['case.state', 'notified'],
      ['case.state', 'closed'],
    ]);
    const again = await move('officer', id, closing);
    expect([again.status, await problemCode(again)]).toEqual([409, 'case-transition']);
  });

  it('is moved by who may, from the version that was seen', async () => {
    const { id, version } = await world.opened();
    expect(await problemCode(await move('officer', id, { to: 'confirmed' }))).toBe('forbidden');
    expect(await problemCode(await move('auditor', id, { to: 'confirmed' }))).toBe('forbidden');
    for (const stranger of ['otherPost', 'otherAgency', 'otherBureau'] as const) {
      expect(await problemCode(await move(stranger, id, { to: 'closed' }))).toBe('not-found');
    }
    expect((await move('issuing', id, { to: 'acknowledged', version })).status).toBe(200);
    const late = await move('issuing', id, { to: 'confirmed', version });
    expect([late.status, await problemCode(late)]).toEqual([409, 'case-changed']);
    const seen = await shown(await world.call('issuing', 'GET', `/v1/cases/${id}`));
    expect([seen.state, seen.version]).toEqual(['acknowledged', 2]);
  });

  it('carries messages in both directions, each once however often it is sent', async () => {
    const { id } = await world.opened();
    const path = `/v1/cases/${id}/messages`;
    const key = { 'idempotency-key': 'one' };
    for (let i = 0; i < 2; i++) {
      const sent = await world.call('officer', 'POST', path, { text: 'Photo page is glued' }, key);
      expect([sent.status, (await shown(sent)).version]).toEqual([201, 2]);
    }
    // Under one key another message is not taken for the first: it would be lost.
    const other = await world.call('officer', 'POST', path, { text: 'Cover is glued' }, key);
    expect([other.status, await problemCode(other)]).toEqual([409, 'repeat-differs']);
    await world.call('issuing', 'POST', path, { text: 'Which series?' }, key);
    const read = async (person: Person) => {
      const response = await world.call(person, 'GET', path);
      return ((await response.json()) as { items: Record<string, unknown>[] }).items;
    };
    expect(await read('asking')).toEqual([
      {
        ...{ version: 2, at: new Date(NOW_MS).toISOString(), kind: 'message' },
        ...{ byTenant: 'BORDER-D', text: 'Photo page is glued' },
      },
      {
        ...{ version: 3, at: new Date(NOW_MS).toISOString(), kind: 'message' },
        ...{ byTenant: 'NCB-UTO', text: 'Which series?' },
      },
    ]);
    expect((await read('officer'))[0]).toMatchObject({ bySubject: 'officer-7' });
    const told = await database.db
      .selectFrom('notifications')
      .select(['tenant', 'body'])
      .where('type', '=', 'case.message')
      .execute();
    expect(told.map(({ tenant }) => tenant).sort()).toEqual([
      'BORDER-D',
      'NCB-D',
      'NCB-D',
      'NCB-UTO',
    ]);
    expect(JSON.stringify(told)).not.toMatch(/glued|series/);
    expect(await problemCode(await world.call('auditor', 'GET', path))).toBe('forbidden');
    expect(await problemCode(await world.call('otherBureau', 'GET', path))).toBe('not-found');
  });

  it.each<[string, object]>([
    ['no text', { text: '   ' }],
    ['too long a text', { text: 'x'.repeat(4_001) }],
    ['an attachment that is not there', { text: 'see', attachments: ['A'.repeat(22)] }],
    ['an unknown field', { text: 'see', to: 'everyone' }],
  ])('takes no message with %s', async (_, body) => {
    const { id } = await world.opened();
    const response = await world.call('officer', 'POST', `/v1/cases/${id}/messages`, body);
    expect(await problemCode(response)).toBe('request-invalid');
  });

  it('shows a name to its own agency, the desk to the asking side, a text to the parties', async () => {
    const { id } = await world.opened();
    await move('officer', id, {
      to: 'closed',
      outcome: 'released',
      reason: 'holder of the record',
    });
    const seenBy = async (person: Person) => {
      const response = await world.call(person, 'GET', `/v1/cases/${id}/history`);
      const text = await response.text();
      return ['officer-7', 'FRA/7', 'holder of the record'].filter((part) => text.includes(part));
    };
    expect(await seenBy('officer')).toEqual(['officer-7', 'FRA/7', 'holder of the record']);
    expect(await seenBy('asking')).toEqual(['FRA/7', 'holder of the record']);
    expect(await seenBy('issuing')).toEqual(['holder of the record']);
    expect(await seenBy('auditor')).toEqual([]);
  });

  it('takes attachments that are what they say, and gives them to the parties alone', async () => {
    const { id } = await world.opened();
    const taken = await attach('officer', id, PNG, 'image/png');
    const file = (await taken.json()) as { id: string };
    expect([taken.status, file]).toMatchObject([201, { mediaType: 'image/png', sizeBytes: 16 }]);
    expect(readdirSync(world.folder)).toEqual([file.id]);
    const path = `/v1/cases/${id}/attachments/${file.id}`;
    const read = await world.call('issuing', 'GET', path);
    expect(Buffer.from(await read.arrayBuffer())).toEqual(PNG);
    expect(Object.fromEntries(read.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-disposition': `attachment; filename="${file.id}.png"`,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    expect((await world.call('otherBureau', 'GET', path)).status).toBe(404);
    expect((await world.call('auditor', 'GET', path)).status).toBe(403);
    const message = { text: 'the page', attachments: [file.id] };
    const sent = await world.call('officer', 'POST', `/v1/cases/${id}/messages`, message);
    expect(sent.status).toBe(201);
    // Of another tenant: nobody sends what is not his.
    const foreign = await world.call('issuing', 'POST', `/v1/cases/${id}/messages`, message);
    expect(await problemCode(foreign)).toBe('request-invalid');
    await writeFile(join(world.folder, file.id), 'changed');
    expect((await world.call('issuing', 'GET', path)).status).toBe(404);
  });

  it.each<[string, Uint8Array, string, string]>([
    ['a page that calls itself an image', Buffer.from('<html>'), 'image/png', 'attachment-refused'],
    ['an image of another kind', PNG, 'image/jpeg', 'attachment-refused'],
    ['a type that is not taken', Buffer.from('<svg/>'), 'image/svg+xml', 'attachment-refused'],
    ['nothing', Buffer.of(), 'image/png', 'attachment-refused'],
    ['too much', Buffer.alloc(10 * 1024 * 1024 + 1), 'image/png', 'body-too-large'],
  ])('refuses %s', async (_, body, type, code) => {
    const { id } = await world.opened();
    expect(await problemCode(await attach('officer', id, body, type))).toBe(code);
    expect(readdirSync(world.folder)).toEqual([]);
  });

  it('takes twenty attachments and leaves no file of one too many', async () => {
    const { id } = await world.opened();
    for (let i = 0; i < 20; i++) await attach('officer', id, PNG, 'image/png');
    const refused = await attach('officer', id, PNG, 'image/png');
    expect(await problemCode(refused)).toBe('attachment-refused');
    expect(readdirSync(world.folder)).toHaveLength(20);
  });

  it('sweeps up files that no case names, a day later', async () => {
    const { id } = await world.opened();
    await attach('officer', id, PNG, 'image/png');
    // A folder that is a disk of its own has one of these.
    await mkdir(join(world.folder, 'lost+found'));
    await writeFile(join(world.folder, 'README'), 'not ours');
    await writeFile(join(world.folder, `${'z'.repeat(22)}.part`), 'x');
    const { db } = database;
    const store = { folder: world.folder };
    expect(await sweepFiles(db, store, Date.now() + 23 * 60 * MINUTE_MS)).toBe(0);
    expect(await sweepFiles(db, store, Date.now() + 25 * 60 * MINUTE_MS)).toBe(1);
    expect(readdirSync(world.folder)).toHaveLength(3);
    expect(readdirSync(world.folder)).not.toContain(`${'z'.repeat(22)}.part`);
  });

  it('calls one contact after the other, then tells every side, and a move stops the clock', async () => {
    const endpointId = await subscribe('issuing');
    await world.call('issuing', 'PUT', '/v1/contacts', {
      contacts: [
        { label: 'duty desk', address: '+00 1' },
        { label: 'head of shift', address: '+00 2', endpointId },
      ],
    });
    const { id } = await world.opened();
    const { db } = database;
    expect(await escalateDue(db, NOW_MS + 5 * MINUTE_MS - 1)).toBe(0);
    for (const minutes of [5, 10, 15]) {
      expect(await escalateDue(db, NOW_MS + minutes * MINUTE_MS)).toBe(1);
    }
    expect(await escalateDue(db, NOW_MS + 999 * MINUTE_MS)).toBe(0);
    const told = await db
      .selectFrom('notifications')
      .select(['tenant', 'body'])
      .where('type', '=', 'case.escalated')
      .orderBy('created_at')
      .orderBy('tenant')
      .execute();
    const data = told.map(({ tenant, body }) => {
      const { level, isLast, contact } = JSON.parse(body).data;
      return [tenant, level, isLast, contact?.label];
    });
    expect(data).toEqual([
      ['NCB-UTO', 1, false, 'duty desk'],
      ['NCB-UTO', 2, false, 'head of shift'],
      ['BORDER-D', 3, true, undefined],
      ['NCB-D', 3, true, undefined],
      ['NCB-UTO', 3, true, undefined],
    ]);
    // The line of another bureau is nobody's business.
    const seen = await world.call('officer', 'GET', `/v1/cases/${id}/history`);
    expect(await seen.text()).not.toMatch(/duty desk|\+00/);
    await move('issuing', id, { to: 'acknowledged' });
    const [own] = await world.cases('officer');
    expect([own!.escalationCount, own!.dueAt]).toEqual([
      0,
      new Date(NOW_MS + 60 * MINUTE_MS).toISOString(),
    ]);
  });

  it('forgets who said what a year after it was closed, and keeps the course', async () => {
    const { id } = await world.opened();
    await world.call('officer', 'POST', `/v1/cases/${id}/messages`, { text: 'a secret' });
    await attach('officer', id, PNG, 'image/png');
    await move('officer', id, { to: 'closed', outcome: 'released', reason: 'a secret' });
    const { db } = database;
    const store = { folder: world.folder };
    const yearMs = 365 * 24 * 60 * MINUTE_MS;
    expect(await forgetCases(db, store, NOW_MS + yearMs)).toBe(0);
    expect(await forgetCases(db, store, NOW_MS + yearMs + 1)).toBe(1);
    expect(await forgetCases(db, store, NOW_MS + yearMs + 1)).toBe(0);
    expect(readdirSync(world.folder)).toEqual([]);
    const left = JSON.stringify(await db.selectFrom('case_events').selectAll().execute());
    expect(left).not.toMatch(/secret|officer-7|FRA\/7/);
    expect(left).toContain('released');
    expect(await db.selectFrom('sightings').selectAll().execute()).toEqual([]);
  });

  it('takes nothing more 30 days after it was closed, so that nothing is left behind', async () => {
    const { id } = await world.opened();
    const path = `/v1/cases/${id}/messages`;
    await move('officer', id, { to: 'closed', outcome: 'released', reason: 'no match' });
    expect((await world.call('issuing', 'POST', path, { text: 'Why?' })).status).toBe(201);
    const closed = { state: 'closed', closed_at: NOW_MS - 30 * 24 * 60 * MINUTE_MS - 1 } as const;
    await database.db.updateTable('cases').set(closed).execute();
    const late = await world.call('issuing', 'POST', path, { text: 'a secret' });
    expect([late.status, await problemCode(late)]).toEqual([409, 'case-over']);
    expect(await problemCode(await attach('officer', id, PNG, 'image/png'))).toBe('case-over');
    expect(readdirSync(world.folder)).toEqual([]);
  });

  it('that nobody closes is forgotten a year after anything happened in it, each time', async () => {
    const { id } = await world.opened();
    const { db } = database;
    const yearMs = 365 * 24 * 60 * MINUTE_MS;
    const forget = (nowMs: number) => forgetCases(db, { folder: world.folder }, nowMs);
    expect(await forget(NOW_MS + yearMs)).toBe(0);
    expect(await forget(NOW_MS + yearMs + 1)).toBe(1);
    expect(await db.selectFrom('sightings').selectAll().execute()).toEqual([]);
    const say = () =>
      world.call('issuing', 'POST', `/v1/cases/${id}/messages`, { text: 'a secret' });
    expect((await say()).status).toBe(201);
    await move('issuing', id, { to: 'data-error', reason: 'a secret' });
    expect(await forget(NOW_MS + yearMs + 1)).toBe(1);
    expect(await forget(NOW_MS + yearMs + 1)).toBe(0);
    const left = JSON.stringify(await db.selectFrom('case_events').selectAll().execute());
    expect(left).not.toMatch(/secret|clerk|officer-7|FRA\/7/);
    expect(left).toContain('data-error');
  });

  it('is in the list of those who may open it alone', async () => {
    const { id } = await world.opened();
    const agency = { role: 'ncb', tenant: 'BORDER-D', site: 'HQ', sub: 'clerk-9' };
    const list = await world.central.request('/v1/cases', {
      headers: { authorization: `Bearer ${await directToken(agency)}` },
    });
    expect(await list.json()).toEqual({ items: [] });
    const auditor = { ...agency, role: 'auditor' };
    const audited = await world.central.request('/v1/cases', {
      headers: { authorization: `Bearer ${await directToken(auditor)}` },
    });
    expect(await audited.json()).toMatchObject({ items: [{ id, you: ['audit'] }] });
  });

  it('whose clock cannot be written holds up no other', async () => {
    await world.sight('officer', {}, NOW_MS);
    await world.sight('otherPost', {}, NOW_MS + 1);
    const { db } = database;
    const [first] = await db.selectFrom('cases').selectAll().orderBy('due_at').execute();
    // The next version of the first one is there already, as it never is.
    const taken = {
      case_id: first!.id,
      version: 2,
      at: NOW_MS,
      kind: 'state',
      data: '{}',
    } as const;
    await db
      .insertInto('case_events')
      .values({ ...taken, by_tenant: null, by_subject: null, request_key: null })
      .execute();
    await expect(escalateDue(db, NOW_MS + 6 * MINUTE_MS)).rejects.toThrow();
    const counts = await db
      .selectFrom('cases')
      .select('escalation_count')
      .orderBy('opened_at')
      .execute();
    expect(counts.map((row) => row.escalation_count)).toEqual([0, 1]);
  });

  it('is listed a page at a time, each case once', async () => {
    for (let i = 0; i < 5; i++) await world.sight('officer', {}, NOW_MS + i * 61 * MINUTE_MS);
    const seen: string[] = [];
    let query = '?limit=2';
    for (let page = 0; page < 3; page++) {
      const response = await world.call('issuing', 'GET', `/v1/cases${query}`);
      const { items, next } = (await response.json()) as { items: ShownCase[]; next?: string };
      seen.push(...items.map(({ id }) => id));
      query = `?limit=2&cursor=${next}`;
    }
    expect(new Set(seen).size).toBe(5);
    expect(await world.cases('otherBureau')).toEqual([]);
    expect(await world.cases('otherPost')).toEqual([]);
    expect(await world.cases('issuing', '?state=closed')).toEqual([]);
    const bad = await world.call('issuing', 'GET', '/v1/cases?state=lost');
    expect(await problemCode(bad)).toBe('request-invalid');
  });
});
