/**
 * In a state's own list its bureau owns every record, and changes those of its state; in a list of all
 * states each bureau owns those of its state.
 */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCases } from '../../../central/cases/open-cases.ts';
import { takeEvents } from '../../../central/check-events/take-events.ts';
import { loadRecords } from '../../../central/load/load.ts';
import { matchReports } from '../../../central/retro-match/match-reports.ts';
import type { StateCode } from '../../../src/document/issuing-state.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { checkEvent, dayKeys } from '../check-events/events.ts';
import { AS_OF_MS, NOW_MS, record, stream } from '../records.ts';
import { centralWorld, directToken, edgeToken, question, type World } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const NATIONAL = 'national-UTO';
const GERMAN = record({
  state: 'D' as StateCode,
  number: 'C01X00T47',
  numberAsReported: 'C01X00T47',
});

describe.each(kinds)('who owns records on $name', ({ create }) => {
  let database: TestDatabase;
  let collection: string;
  let central: World;
  /** Id of the record of UTO, and of that of D. */
  let ids: Record<string, string>;
  beforeEach(async () => {
    database = await create();
  });
  afterEach(() => database.remove());

  const start = async (name: string) => {
    collection = name;
    const { db } = database;
    const records = stream([record(), GERMAN]);
    await loadRecords(db, records, { asOf: AS_OF_MS, clock: () => NOW_MS, collection });
    central = await centralWorld(db, { bulkLimits: { reportsPerDay: 2, withdrawalsPerDay: 2 } });
    const rows = await db.selectFrom('records').select(['id', 'state']).execute();
    ids = Object.fromEntries(rows.map(({ id, state }) => [state, id]));
  };
  /** Status and code of the answer, and its body. */
  const send = async (
    state: string,
    method: string,
    path: string,
    body: object,
    sub = 'clerk-1',
  ) => {
    const claims = { role: 'ncb', tenant: `NCB-${state}`, sub, collections: [collection] };
    const response = await central.request(path, {
      method,
      headers: {
        ...{ authorization: `Bearer ${await directToken(claims)}`, 'if-match': '"1"' },
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as { code?: string; held?: string };
    return { said: [response.status, answer.code], answer };
  };
  /** Status of the answer to a read, and its body. */
  const read = async (state: string, path: string) => {
    const claims = {
      role: 'ncb',
      tenant: `NCB-${state}`,
      sub: 'clerk-1',
      collections: [collection],
    };
    const token = await directToken(claims);
    const headers = { authorization: `Bearer ${token}` };
    const response = await central.request(path, { headers });
    const body = (await response.json()) as Record<string, unknown> & { items?: unknown[] };
    return { status: response.status, body };
  };
  const reportOf = (state: string, documentNumber = 'Z77') => ({
    ...{ issuingState: state, documentNumber, documentType: 'PAS', category: 'lost' },
  });
  const changesOf = (issuer: string): [method: string, path: string, body: object][] => [
    ['POST', '/v1/records', reportOf(issuer)],
    ['POST', '/v1/records/bulk', { items: [{ action: 'report', record: reportOf(issuer) }] }],
    ['PATCH', `/v1/records/${ids[issuer]}`, { placeOfTheft: 'Nadir' }],
    ['POST', `/v1/records/${ids[issuer]}/withdrawal`, { reason: 'found again' }],
  ];
  const unchanged = async () => {
    const rows = await database.db.selectFrom('records').selectAll().execute();
    expect(rows.map((row) => `${row.version} ${row.withdrawn_at}`)).toEqual(['1 null', '1 null']);
  };

  it('in the list of a state is no bureau of another, not even of its own records', async () => {
    await start(NATIONAL);
    for (const issuer of ['D', 'UTO']) {
      for (const change of changesOf(issuer)) {
        expect((await send('D', ...change)).said).toEqual([403, 'forbidden']);
      }
    }
    await unchanged();
  });

  it('in the list of a state is its bureau, with the records of its state', async () => {
    await start(NATIONAL);
    const [, , correction, withdrawal] = changesOf('UTO');
    expect((await send('UTO', 'POST', '/v1/records', reportOf('UTO'))).said[0]).toBe(201);
    expect((await send('UTO', ...correction!)).said[0]).toBe(200);
    const [method, path, body] = withdrawal!;
    expect((await send('UTO', method, path, body)).said).toEqual([412, 'version-changed']);
    for (const change of changesOf('D').filter(([, to]) => to !== '/v1/records/bulk')) {
      expect((await send('UTO', ...change)).said).toEqual([403, 'forbidden']);
    }
  });

  it('releases nothing in it that was held when the list was one of all states', async () => {
    await start('sltd');
    const items = ['Z1', 'Z2', 'Z3'].map((number) => ({
      ...{ action: 'report', record: reportOf('D', number) },
    }));
    const { held } = (await send('D', 'POST', '/v1/records/bulk', { items })).answer;
    await database.db.updateTable('data_state').set({ collection: NATIONAL }).execute();
    collection = NATIONAL;
    central = await centralWorld(database.db);
    for (const decision of ['release', 'refusal']) {
      const path = `/v1/held-bulks/${held}/${decision}`;
      expect((await send('D', 'POST', path, {}, 'clerk-2')).said).toEqual([403, 'forbidden']);
    }
    await unchanged();
  });

  it.each(['sltd', 'tdawn'])(
    'in %s is each bureau, with the records of its state',
    async (name) => {
      await start(name);
      for (const [method, path, body] of changesOf('D').slice(2, 3)) {
        expect((await send('D', method, path, body)).said[0]).toBe(200);
        expect((await send('UTO', method, path, body)).said).toEqual([403, 'forbidden']);
      }
    },
  );

  it('in the list of a state is its bureau alone, where records are restricted', async () => {
    await start(NATIONAL);
    await database.db
      .insertInto('restriction_changes')
      .values({ ...{ state: 'D', version: 1, at: 1, subject: '-', reason: '-' }, excluded: '[]' })
      .execute();
    const list = { excluded: ['UTO'], reason: 'not for them' };
    expect((await send('D', 'PUT', '/v1/restrictions', list)).said).toEqual([403, 'forbidden']);
    expect((await read('D', '/v1/restrictions')).status).toBe(403);
    expect((await read('D', '/v1/restrictions/history')).status).toBe(403);
    expect(await database.db.selectFrom('restrictions').selectAll().execute()).toEqual([]);
    expect((await read('UTO', '/v1/restrictions')).body).toMatchObject({ issuingState: 'UTO' });
  });

  it('in the list of a state is its bureau, which sees all of a record of another state', async () => {
    await start(NATIONAL);
    await database.db.updateTable('records').set({ owner_ncb: null }).execute();
    const path = `/v1/records/${ids.D}`;
    const owners = await read('UTO', path);
    expect(owners.body).toMatchObject({ documentNumber: 'C01X00T47', ncb: 'NCB-UTO' });
    expect((await read('UTO', `${path}/history`)).status).toBe(200);
    expect((await read('UTO', '/v1/records')).body.items).toHaveLength(2);
    const others = await read('D', path);
    expect(others.body).toMatchObject({ id: ids.D, category: 'stolen', ncb: 'NCB-UTO' });
    expect(others.body).not.toHaveProperty('documentNumber');
    expect((await read('D', `${path}/history`)).status).toBe(403);
    expect((await read('D', '/v1/records')).status).toBe(403);
  });

  it('in the list of a state is its bureau, which answers the dispute of the issuing state', async () => {
    await start(NATIONAL);
    const path = `/v1/records/${ids.D}/challenges`;
    const dispute = { reason: 'never lost' };
    expect((await send('UTO', 'POST', path, dispute)).said).toEqual([403, 'forbidden']);
    const { answer } = await send('D', 'POST', path, dispute);
    const told = await database.db.selectFrom('notifications').select(['tenant', 'type']).execute();
    expect(told).toEqual([{ tenant: 'NCB-UTO', type: 'record.challenged' }]);
    await send('FRA', 'POST', path, dispute);
    expect((await read('UTO', path)).body.items).toHaveLength(2);
    expect((await read('D', path)).body.items).toHaveLength(1);
    const to = `${path}/${(answer as { id?: string }).id}/resolution`;
    const resolution = { outcome: 'record-stands', answer: 'seized here' };
    expect((await send('D', 'POST', to, resolution)).said).toEqual([403, 'forbidden']);
    expect((await read('UTO', '/v1/challenges')).body.items).toHaveLength(2);
    expect((await send('UTO', 'POST', to, resolution)).said[0]).toBe(200);
    expect((await read('UTO', '/v1/challenges')).body.items).toHaveLength(1);
    expect((await read('D', '/v1/challenges')).status).toBe(403);
  });

  it('in a list of all states sees what is disputed of its own records and waits, and no other', async () => {
    await start('sltd');
    for (const issuer of ['D', 'UTO']) {
      const path = `/v1/records/${ids[issuer]}/challenges`;
      await send('FRA', 'POST', path, { reason: `never lost by ${issuer}` });
    }
    const [open] = (await read('UTO', '/v1/challenges')).body.items as { id: string }[];
    expect((await read('UTO', '/v1/challenges')).body.items).toEqual([
      expect.objectContaining({ record: ids.UTO, bureau: 'NCB-FRA', reason: 'never lost by UTO' }),
    ]);
    const [first] = (await read('D', '/v1/challenges?limit=1')).body.items as { record: string }[];
    expect(first?.record).toBe(ids.D);
    expect((await read('FRA', '/v1/challenges')).body.items).toEqual([]);
    const resolution = { outcome: 'record-stands', answer: 'lost it was' };
    const to = `/v1/records/${ids.UTO}/challenges/${open!.id}/resolution`;
    await send('UTO', 'POST', to, resolution);
    expect((await read('UTO', '/v1/challenges')).body.items).toEqual([]);
  });

  it('gives what is disputed a page at a time, the longest waiting first', async () => {
    await start('sltd');
    const path = `/v1/records/${ids.UTO}/challenges`;
    for (const state of ['D', 'FRA', 'GBR']) await send(state, 'POST', path, { reason: 'ours' });
    // In the same millisecond, so that the ids decide.
    const seen: string[] = [];
    let query = '?limit=1';
    for (let pages = 0; pages < 3; pages++) {
      const { body } = await read('UTO', `/v1/challenges${query}`);
      seen.push(...(body.items as { bureau: string }[]).map(({ bureau }) => bureau));
      query = `?limit=1&cursor=${String(body.next)}`;
    }
    expect(seen.sort()).toEqual(['NCB-D', 'NCB-FRA', 'NCB-GBR']);
  });

  it('in the list of a state is its bureau, which is told of a hit and confirms it', async () => {
    await start(NATIONAL);
    const claims = { role: 'officer', tenant: 'BORDER-FRA', site: 'ORY/1', sub: 'officer-1' };
    const asked = question(['PD<<C01X00T47'], { collection, encounter: { exact: [0] } });
    await central.confirm(asked, await edgeToken(claims));
    await openCases(database.db, NOW_MS);
    const [found] = await database.db.selectFrom('cases').selectAll().execute();
    expect(found).toMatchObject({ issuing_state: 'D', issuing_ncb: 'NCB-UTO' });
    const path = `/v1/cases/${found!.id}`;
    expect((await read('D', path)).status).toBe(404);
    const move = { to: 'confirmed' };
    expect((await send('D', 'POST', `${path}/transitions`, move)).said[0]).toBe(404);
    expect((await send('UTO', 'POST', `${path}/transitions`, move)).said[0]).toBe(200);
  });

  it('in the list of a state is its bureau, which is told of who was let pass before', async () => {
    await start(NATIONAL);
    const { db } = database;
    const event = { collection, names: ['D<<X1'], tenant: 'BORDER-FRA', site: 'ORY/1' };
    await takeEvents(db, [await checkEvent(event)], { nowMs: NOW_MS });
    const records = stream([record(), GERMAN, { ...GERMAN, number: 'X1', numberAsReported: 'X1' }]);
    await loadRecords(db, records, { asOf: AS_OF_MS, clock: () => NOW_MS, collection });
    await matchReports(db, { dayKeys, nowMs: NOW_MS });
    const told = await db.selectFrom('notifications').select('tenant').execute();
    expect(told.map(({ tenant }) => tenant).sort()).toEqual(['BORDER-FRA', 'NCB-FRA', 'NCB-UTO']);
    expect((await read('UTO', '/v1/retro-matches')).body.items).toHaveLength(1);
    expect((await read('D', '/v1/retro-matches')).body.items).toEqual([]);
  });

  it('in a list whose name ends in no state is nobody', async () => {
    await start('national-police');
    for (const change of changesOf('UTO')) {
      expect((await send('UTO', ...change)).said).toEqual([403, 'forbidden']);
    }
  });
});
