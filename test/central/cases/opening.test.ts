/** A confirmed hit opens one case for its encounter, and nothing else opens one. */

import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCases } from '../../../central/cases/open-cases.ts';
import { SightingSpool } from '../../../central/cases/sighting-spool.ts';
import { SightingRecorder, storeIn } from '../../../central/cases/sightings.ts';
import { openDatabase } from '../../../central/database/database.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { NOW_MS, SPECIMEN_KEY } from '../records.ts';
import { centralWorld, directToken, edgeToken, problemCode, question } from '../world.ts';
import { type CaseWorld, caseWorld, PEOPLE } from './case-world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const MINUTE_MS = 60_000;

describe.each(kinds)('opening a case on $name', ({ create }) => {
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

  const caseCount = async () =>
    (await database.db.selectFrom('cases').select('id').execute()).length;

  it('is for both bureaus and the post, each once, with all in place', async () => {
    await world.sight('officer', {
      encounter: { exact: [0], purpose: 'border-check', direction: 'entry' },
    });
    const [own] = await world.cases('officer');
    expect(own).toEqual({
      id: expect.stringMatching(/^[\w-]{22}$/),
      version: 1,
      state: 'opened',
      stateSince: new Date(NOW_MS).toISOString(),
      dueAt: new Date(NOW_MS + 5 * MINUTE_MS).toISOString(),
      escalationCount: 0,
      openedAt: new Date(NOW_MS).toISOString(),
      record: {
        id: expect.stringMatching(/^[\w-]{22}$/),
        category: 'stolen',
        issuingState: 'UTO',
      },
      issuingNcb: 'NCB-UTO',
      askingTenant: 'BORDER-D',
      askingNcb: 'NCB-D',
      post: 'FRA',
      you: ['post'],
      moves: ['recovered', 'closed'],
    });
    const told = await database.db.selectFrom('notifications').selectAll().execute();
    expect(told.map(({ tenant }) => tenant).sort()).toEqual(['BORDER-D', 'NCB-D', 'NCB-UTO']);
    const bodies = new Set(told.map(({ body }) => body));
    expect([...bodies].map((body) => JSON.parse(body) as object)).toEqual([
      {
        type: 'case.opened',
        timestamp: new Date(NOW_MS).toISOString(),
        data: { case: own!.id, version: 1, state: 'opened' },
      },
    ]);
    expect((await world.cases('asking'))[0]).toMatchObject({ id: own!.id, you: ['asking'] });
    expect((await world.cases('issuing'))[0]).toMatchObject({ id: own!.id, you: ['issuing'] });
    const record = own!.record as { id: string };
    expect(await world.cases('officer', `?record=${record.id}`)).toHaveLength(1);
    expect(await world.cases('officer', `?record=${'A'.repeat(22)}`)).toHaveLength(0);
  });

  it('is for the bureau of the state that the agency works for, whatever its tenant is called', async () => {
    const asked = question([SPECIMEN_KEY], { encounter: { exact: [0] } });
    const agency = { ...PEOPLE.officer, tenant: 'BUNDESPOLIZEI', state: 'D' };
    await world.central.confirm(asked, await edgeToken(agency));
    await openCases(database.db, NOW_MS);
    expect(await world.cases('asking')).toMatchObject([
      { askingNcb: 'NCB-D', askingTenant: 'BUNDESPOLIZEI', you: ['asking'] },
    ]);
    const told = await database.db.selectFrom('notifications').select('tenant').execute();
    expect(told.map(({ tenant }) => tenant).sort()).toEqual([
      ...['BUNDESPOLIZEI', 'NCB-D', 'NCB-UTO'],
    ]);
  });

  it('happens once for the next desk and for a question asked twice', async () => {
    const asked = question([SPECIMEN_KEY], { encounter: { exact: [0] } });
    for (let i = 0; i < 2; i++) await world.central.confirm(asked, await edgeToken(PEOPLE.officer));
    await openCases(database.db, NOW_MS);
    await world.sight('nextDesk', {}, NOW_MS + 59 * MINUTE_MS);
    const [own, ...others] = await world.cases('officer');
    expect([others, own!.version]).toEqual([[], 2]);
    const history = await world.call('nextDesk', 'GET', `/v1/cases/${own!.id}/history`);
    const { items } = (await history.json()) as { items: Record<string, unknown>[] };
    expect(items.map(({ kind, site }) => [kind, site])).toEqual([
      ['opened', 'FRA/7'],
      ['sighting', 'FRA/8'],
    ]);
    const told = await database.db.selectFrom('notifications').select('type').execute();
    expect(told).toHaveLength(3);
  });

  it('is one case for two desks that scan at the same moment', async () => {
    const people = ['officer', 'nextDesk'] as const;
    await Promise.all(
      people.map(async (person) =>
        world.central.confirm(
          question([SPECIMEN_KEY], { encounter: { exact: [0] } }),
          await edgeToken(PEOPLE[person]),
        ),
      ),
    );
    await Promise.all([openCases(database.db, NOW_MS), openCases(database.db, NOW_MS)]);
    expect(await caseCount()).toBe(1);
    const rows = await database.db.selectFrom('sightings').select('case_id').execute();
    expect(new Set(rows.map((row) => row.case_id)).size).toBe(1);
  });

  it('is another case at another post, of another document, after an hour, and once it is closed', async () => {
    await world.sight();
    await world.sight('otherPost');
    expect(await caseCount()).toBe(2);
    await world.sight('officer', { keys: ['PUTOM1'] });
    expect(await caseCount()).toBe(3);
    await world.sight('officer', {}, NOW_MS + 61 * MINUTE_MS);
    expect(await caseCount()).toBe(4);
    const [newest] = await world.cases('officer');
    const closing = { to: 'closed', outcome: 'seized', reason: 'handed over' };
    const moved = await world.call(
      'officer',
      'POST',
      `/v1/cases/${newest!.id}/transitions`,
      closing,
    );
    expect(moved.status).toBe(200);
    await world.sight('officer', {}, NOW_MS + 62 * MINUTE_MS);
    expect(await caseCount()).toBe(5);
  });

  it('is not held up by a sighting of which no case can be made', async () => {
    const { db } = database;
    await sql`create unique index once on cases (post) where post = 'BAD'`.execute(db);
    const sight = async (site: string, key: string) => {
      const asked = question([key], { encounter: { exact: [0] } });
      await world.central.confirm(asked, await edgeToken({ ...PEOPLE.officer, site }));
    };
    await sight('BAD/1', 'PUTOM1');
    await openCases(db, NOW_MS);
    await sight('BAD/1', 'PUTOM2');
    await db
      .updateTable('sightings')
      .set({ seen_at: NOW_MS - 1 })
      .where('case_id', 'is', null)
      .execute();
    await sight('FRA/7', SPECIMEN_KEY);
    await expect(openCases(db, NOW_MS)).rejects.toThrow();
    const posts = await db.selectFrom('cases').select('post').orderBy('post').execute();
    expect(posts.map(({ post }) => post)).toEqual(['BAD', 'FRA']);
    await sql`drop index once`.execute(db);
    expect(await openCases(db, NOW_MS)).toBe(1);
    expect(await caseCount()).toBe(3);
  });

  it('has its sighting stored beside one that the database does not take', async () => {
    const spool = new SightingSpool({ folder: join(world.folder, 'sightings') });
    const recorder = new SightingRecorder({ store: storeIn(database.db), spool, waitMaxMs: 20 });
    const row = {
      ...{ id: 'one', record_id: 'r', issuing_state: 'UTO', category: 'stolen' as const },
      ...{ tenant: 't', site: 's', subject: 'o', purpose: null, direction: null, seen_at: NOW_MS },
    };
    const bad = { ...row, id: 'bad', tenant: null as unknown as string };
    await Promise.all([
      recorder.record([bad]),
      recorder.record([row]),
      recorder.record([{ ...row, id: 'two' }]),
    ]);
    await expect
      .poll(async () => (await database.db.selectFrom('sightings').select('id').execute()).length)
      .toBe(2);
    await recorder.stop();
  });

  it('is one for each document of a batch, whatever classes were asked', async () => {
    const keys = ['PUTOM1', 'IUTOM1', SPECIMEN_KEY, 'PUTOX9'];
    await world.sight('officer', { keys, encounter: { exact: [0, 1, 2, 3] } });
    expect(await caseCount()).toBe(2);
  });

  it.each<[string, keyof typeof PEOPLE | object, object]>([
    ['the question does not say what was read', 'officer', { encounter: undefined }],
    ['only a look-alike is listed', 'officer', { encounter: { exact: [] } }],
    ['nothing is listed', 'officer', { keys: ['PUTOX9'] }],
    ['it is for training', 'officer', { encounter: { exact: [0], purpose: 'training' } }],
    ['it is a test', 'officer', { encounter: { exact: [0], purpose: 'test' } }],
  ])('does not happen where %s', async (_, person, changes) => {
    await world.sight(person as 'officer', changes);
    expect(await caseCount()).toBe(0);
  });

  it.each(['carrier', 'integrator', 'auditor'])('does not happen for a %s', async (role) => {
    const asked = question([SPECIMEN_KEY], { encounter: { exact: [0] } });
    await world.central.confirm(asked, await edgeToken({ ...PEOPLE.officer, role }));
    expect(await openCases(database.db, NOW_MS)).toBe(0);
  });

  it('stores what was sighted before the answer leaves', async () => {
    const asked = question([SPECIMEN_KEY], { encounter: { exact: [0] } });
    await world.central.confirm(asked, await edgeToken(PEOPLE.officer));
    const rows = await database.db.selectFrom('sightings').selectAll().execute();
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ tenant: 'BORDER-D', site: 'FRA/7', case_id: null });
  });
});

it('another process that writes SQLite holds up a hit a little, and nothing else', async () => {
  const database = await kinds[0]!.create();
  const { file } = database.location as { file: string };
  const world = await caseWorld(database.db);
  world.remove();
  const db = openDatabase({ file }, { busyTimeoutMs: 20 });
  const central = await centralWorld(db);
  const writer = openDatabase({ file });
  await sql`begin immediate`.execute(writer);
  const asked = question([SPECIMEN_KEY], { encounter: { exact: [0] } });
  const startedMs = performance.now();
  const { results } = await central.confirm(asked, await edgeToken(PEOPLE.officer));
  expect(results[0]!.listed).toBe(true);
  expect(performance.now() - startedMs).toBeLessThan(1_000);
  expect(central.log.map(({ event }) => event)).toContain('sighting-late');
  const refused = await central.request('/v1/contacts', {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${await directToken(PEOPLE.issuing)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ contacts: [{ label: 'duty desk', address: '+00' }] }),
  });
  expect(await problemCode(refused)).toBe('central-busy');
  await sql`commit`.execute(writer);
  await expect
    .poll(async () => (await db.selectFrom('sightings').select('id').execute()).length)
    .toBe(1);
  await writer.destroy();
  await db.destroy();
  await database.remove();
});
