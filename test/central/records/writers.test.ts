/** In a state's own list its bureau alone changes records; in a list of all states each bureau its own. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StateCode } from '../../../src/document/issuing-state.ts';
import { loadRecords } from '../../../central/load/load.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, stream } from '../records.ts';
import { centralWorld, directToken, type World } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const NATIONAL = 'national-UTO';
const GERMAN = record({
  state: 'D' as StateCode,
  number: 'C01X00T47',
  numberAsReported: 'C01X00T47',
});

describe.each(kinds)('who changes records on $name', ({ create }) => {
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

  it('in a list whose name ends in no state is nobody', async () => {
    await start('national-police');
    for (const change of changesOf('UTO')) {
      expect((await send('UTO', ...change)).said).toEqual([403, 'forbidden']);
    }
  });
});
