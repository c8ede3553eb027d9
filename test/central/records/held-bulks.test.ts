/** What counts as unusual is what a bureau did in 24 hours that no second person has looked at. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadRecords } from '../../../central/load/load.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, stream } from '../records.ts';
import { centralWorld, directToken, type World } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const LIMITS = { reportsPerDay: 6, withdrawalsPerDay: 3 };

describe.each(kinds)('the guard against unusual changes on $name', ({ create }) => {
  let database: TestDatabase;
  let central: World;
  beforeEach(async () => {
    database = await create();
    const { db } = database;
    await loadRecords(db, stream([record()]), { asOf: AS_OF_MS, clock: () => NOW_MS });
    central = await centralWorld(db, { bulkLimits: LIMITS });
  });
  afterEach(() => database.remove());

  interface Answer {
    id: string;
    version: number;
    held?: string;
    results: { status: string; id: string }[];
  }
  const send = async (
    method: string,
    path: string,
    body: object,
    { sub = 'clerk-1', etag = '' } = {},
  ) => {
    const token = await directToken({ role: 'ncb', tenant: 'NCB-UTO', sub });
    const response = await central.request(path, {
      method,
      headers: {
        ...{ authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(etag === '' ? {} : { 'if-match': etag }),
      },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Answer };
  };
  const document = (documentNumber: string) => ({
    ...{ issuingState: 'UTO', documentNumber, documentType: 'PAS', category: 'lost' },
  });
  const report = (number: string) => send('POST', '/v1/records', document(number));
  const bulk = (items: object[]) => send('POST', '/v1/records/bulk', { items });
  const reports = (letter: string, count: number) =>
    Array.from({ length: count }, (_, i) => ({ action: 'report', record: document(letter + i) }));
  const release = async ({ held }: Answer) =>
    (await send('POST', `/v1/held-bulks/${held}/release`, {}, { sub: 'clerk-2' })).body.results;

  it('does not count what was released', async () => {
    const held = await bulk(reports('A', 7));
    expect(held.status).toBe(202);
    expect(await release(held.body)).toHaveLength(7);
    expect((await report('B0')).status).toBe(201);
    const statuses = (await release((await bulk(reports('C', 6))).body)).map(
      ({ status }) => status,
    );
    expect(statuses).toEqual(Array(6).fill('reported'));
    expect((await bulk(reports('D', 5))).status).toBe(200);
  });

  it('holds the next unusual bulk all the same, and what comes after six of the day', async () => {
    await release((await bulk(reports('A', 7))).body);
    expect((await bulk(reports('B', 7))).status).toBe(202);
    expect((await bulk(reports('C', 6))).status).toBe(200);
    expect((await report('D0')).status).toBe(202);
  });

  it('does not count withdrawals that were released', async () => {
    const listed = await release((await bulk(reports('A', 7))).body);
    const withdrawals = listed
      .slice(0, 4)
      .map(({ id }) => ({ action: 'withdraw', id, reason: 'found' }));
    const held = await bulk(withdrawals);
    expect(held.status).toBe(202);
    await release(held.body);
    const last = listed.slice(4).map(({ id }) => ({ action: 'withdraw', id, reason: 'found' }));
    expect((await bulk(last)).status).toBe(200);
  });

  it('counts a correction once, also where it makes another record', async () => {
    const { body } = await report('A0');
    let { id, version } = body;
    for (const documentNumber of ['A1', 'A2', 'A3']) {
      const path = `/v1/records/${id}`;
      const corrected = await send('PATCH', path, { documentNumber }, { etag: `"${version}"` });
      expect(corrected.status).toBe(200);
      ({ id, version } = corrected.body);
    }
    const fourth = { documentNumber: 'A4' };
    const held = await send('PATCH', `/v1/records/${id}`, fourth, { etag: `"${version}"` });
    expect(held.status).toBe(202);
  });
});
