/** A bureau finds its own records by number; nobody finds those of others. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadRecords } from '../../../central/load/load.ts';
import type { StateCode } from '../../../src/document/issuing-state.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, stream } from '../records.ts';
import { centralWorld, directToken, problemCode, type World } from '../world.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

interface Found {
  items: { id: string; documentNumber: string; documentType?: string; status: string }[];
  next?: string;
}

describe.each(kinds)('a search of records on $name', ({ create }) => {
  let database: TestDatabase;
  let central: World;
  beforeEach(async () => {
    database = await create();
    const records = [
      record({ number: 'X1', numberAsReported: 'X 1' }),
      record({ number: 'X1', numberAsReported: 'X1', typeCode: 'IDC', classes: ['identity'] }),
      record({ number: 'X1', state: 'D' as StateCode }),
      record({ number: 'X12' }),
    ];
    await loadRecords(database.db, stream(records), { asOf: AS_OF_MS, clock: () => NOW_MS });
    central = await centralWorld(database.db);
  });
  afterEach(() => database.remove());

  const search = async (body: object, { query = '', role = 'ncb', tenant = 'NCB-UTO' } = {}) =>
    central.request(`/v1/records/search${query}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await directToken({ role, tenant })}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    });
  const found = async (...asked: Parameters<typeof search>) =>
    (await (await search(...asked)).json()) as Found;
  const X1 = { issuingState: 'UTO', documentNumber: 'x-1' };

  it('finds every record of the number, of any class, withdrawn ones too', async () => {
    const { items } = await found(X1);
    expect(items.map(({ documentNumber }) => documentNumber).sort()).toEqual(['X 1', 'X1']);
    const [{ id } = { id: '' }] = items;
    const gone = database.db.updateTable('records').set({ withdrawn_at: NOW_MS });
    await gone.where('id', '=', id).execute();
    expect((await found(X1)).items.map(({ status }) => status).sort()).toEqual([
      ...['listed', 'withdrawn'],
    ]);
    expect((await found({ ...X1, documentNumber: 'X2' })).items).toEqual([]);
  });

  it('gives a page at a time', async () => {
    const first = await found(X1, { query: '?limit=1' });
    expect(first.items).toHaveLength(1);
    const second = await found(X1, { query: `?limit=1&cursor=${first.next}` });
    expect(second.items).toHaveLength(1);
    expect(second.next).toBeUndefined();
    expect(second.items[0]!.id).not.toBe(first.items[0]!.id);
  });

  it('opens no case, and is for the owner of the records alone', async () => {
    const german = { issuingState: 'D', documentNumber: 'X1' };
    expect(await problemCode(await search(german))).toBe('forbidden');
    expect((await found(german, { tenant: 'NCB-D' })).items).toHaveLength(1);
    const sightings = await database.db.selectFrom('sightings').selectAll().execute();
    expect(sightings).toEqual([]);
    expect(await problemCode(await search(X1, { tenant: 'NCB-D' }))).toBe('forbidden');
    expect(await problemCode(await search(X1, { role: 'officer' }))).toBe('forbidden');
  });

  it.each([
    [{ issuingState: 'XQZ', documentNumber: 'X1' }, 'state-unknown'],
    [{ issuingState: 'UTO', documentNumber: '--' }, 'number-missing'],
    [{ issuingState: 'UTO', documentNumber: 'X'.repeat(300) }, 'number-too-long'],
    [{ issuingState: 'UTO' }, 'request-invalid'],
  ])('says what is wrong with a question (%#)', async (body, code) => {
    const response = await search(body);
    expect(response.status).toBe(422);
    expect(await problemCode(response)).toBe(code);
  });
});
