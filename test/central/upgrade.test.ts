/** What was there before an upgrade is treated after it as if it had come with this version. */

import { type Kysely, sql } from 'kysely';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { OUTCOME } from '../../central/check-events/tables.ts';
import { tagOfName } from '../../central/check-events/tag-of-name.ts';
import { migrate } from '../../central/database/migrations.ts';
import type { CentralDatabase } from '../../central/database/schema.ts';
import {
  compareWithOwnLists,
  replaceOwnList,
  sweepOwnLists,
} from '../../central/joint-operations/own-list.ts';
import { loadRecords } from '../../central/load/load.ts';
import { reportedRow } from '../../central/records/record-row.ts';
import type { ImportedRecord } from '../../data-build/import/record.ts';
import { databaseKinds, type TestDatabase } from '../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, stream } from './records.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const DAY_MS = 86_400_000;

describe.each(kinds)('after an upgrade on $name', ({ create }) => {
  let database: TestDatabase;
  afterEach(() => database.remove());

  /** A database of an earlier version; its tables as they were then. */
  const before = async (schema: string) => {
    database = await create(schema);
    const old = database.db as unknown as Kysely<unknown>;
    return {
      db: database.db,
      insert: (table: string, row: object) => {
        const names = sql.join(Object.keys(row).map((name) => sql.ref(name)));
        return sql`insert into ${sql.table(table)} (${names})
          values (${sql.join(Object.values(row))})`.execute(old);
      },
    };
  };

  describe('from 0011, the first load', () => {
    type Done = 'reported' | 'corrected' | 'withdrawn' | 'expired';
    /** What a load brought; a bureau, or central, has then done this at this time. */
    const change = async (
      { db, insert }: Awaited<ReturnType<typeof before>>,
      of: ImportedRecord,
      { done, at }: { done: Done; at: number },
    ) => {
      const { identity_key: key } = await db
        .selectFrom('data_state')
        .select('identity_key')
        .executeTakeFirstOrThrow();
      const { id, ...columns } = reportedRow(of, key);
      const withdrawn_at = done === 'withdrawn' || done === 'expired' ? at : null;
      const version = done === 'reported' ? 1 : 2;
      await insert('records', { id, ...columns, withdrawn_at, version, updated_at: at });
      await insert('record_keys', { key: `PUTO${of.number}`, record_id: id });
      const [tenant, subject] = done === 'expired' ? ['central', 'review'] : ['NCB-UTO', 'clerk-1'];
      const line = { record_id: id, number: version, at, action: done, tenant, subject };
      await insert('record_history', line);
    };
    const numbered = (number: string, changes: Partial<ImportedRecord> = {}) =>
      record({ number, numberAsReported: number, ...changes });
    const listed = async (db: CentralDatabase) => {
      const rows = await db
        .selectFrom('records')
        .select(['number', 'place_of_theft as place'])
        .where('withdrawn_at', 'is', null)
        .orderBy('number')
        .execute();
      return rows.map(({ number, place }) => `${number} ${place}`);
    };

    it('keeps what bureaus did since the last load, and lets exports decide of all else', async () => {
      const old = await before('0011-restrictions');
      const { db } = old;
      await sql`update data_state set as_of = ${AS_OF_MS}, record_count = 2`.execute(db);
      const since = AS_OF_MS + 1;
      const judged = AS_OF_MS - DAY_MS;
      await change(old, numbered('A1'), { done: 'withdrawn', at: since });
      await change(old, numbered('A2'), { done: 'reported', at: since });
      const corrected = numbered('A3', { placeOfTheft: 'Nadir' });
      await change(old, corrected, { done: 'corrected', at: since });
      await change(old, numbered('A4'), { done: 'expired', at: since });
      await change(old, numbered('B1'), { done: 'withdrawn', at: judged });
      await change(old, numbered('B2'), { done: 'reported', at: judged });
      await migrate(db);
      // It has none of it: as before the bureaus, with A2 and B2 never heard of.
      const records = ['A1', 'A3', 'A4', 'B1'].map((number) => numbered(number));
      const asOf = NOW_MS + DAY_MS;
      const result = await loadRecords(db, stream(records), { asOf, clock: () => asOf });
      expect(result).toMatchObject({ contradictedCount: 3, withdrawnCount: 1 });
      expect(await listed(db)).toEqual(['A2 Zenith', 'A3 Nadir', 'A4 Zenith', 'B1 Zenith']);
      // And so until an export agrees.
      const next = asOf + DAY_MS;
      await loadRecords(db, stream(records), { asOf: next, clock: () => next });
      expect(await listed(db)).toEqual(['A2 Zenith', 'A3 Nadir', 'A4 Zenith', 'B1 Zenith']);
    });
  });

  describe('from 0012, an own list', () => {
    const key = new Uint8Array(16).fill(7);
    const dayKeys = { of: async () => key };
    const DAY = Math.floor(NOW_MS / DAY_MS);
    const hit = (tenant: string, place: number, name: string) => ({
      ...{ request_id: 'r', place, tenant, site: 'gate', at: NOW_MS, is_first: 1 },
      ...{ outcome: OUTCOME.hit, tag_day: DAY, tag: String(tagOfName(name, key)) },
    });
    const answers = async (db: CentralDatabase) => {
      await compareWithOwnLists(db, dayKeys);
      const rows = await db.selectFrom('check_matches').selectAll().orderBy('place').execute();
      return rows.map(({ is_on_own_list: isOn }) => isOn);
    };

    it('of before still answers, is not swept, and is replaced as a whole', async () => {
      const { db, insert } = await before('0012-bureau-changes');
      for (const tenant of ['BORDER-UTO', 'BORDER-D']) {
        await insert('own_lists', { tenant, loaded_at: NOW_MS - DAY_MS, name_count: 1 });
        await insert('own_list_names', { tenant, name: `${tenant.slice(7).padEnd(3, '<')}A1` });
      }
      await insert('check_matches', hit('BORDER-UTO', 0, 'UTOA1'));
      await insert('check_matches', hit('BORDER-UTO', 1, 'D<<A1'));
      await insert('check_matches', hit('BORDER-D', 2, 'D<<A1'));
      await migrate(db);
      expect(await sweepOwnLists(db, NOW_MS)).toBe(0);
      expect(await answers(db)).toEqual([1, 0, 1]);
      async function* batches() {
        yield ['D<<A1'];
      }
      await replaceOwnList(db, batches(), { tenant: 'BORDER-UTO', clock: () => NOW_MS });
      await db.insertInto('check_matches').values(newHits()).execute();
      expect(await answers(db)).toEqual([1, 0, 1, 0, 1]);
      // Of the list before nothing is left.
      expect(await sweepOwnLists(db, NOW_MS)).toBe(1);
      const names = await db.selectFrom('own_list_names').select('name').execute();
      expect(names.map(({ name }) => name)).toEqual(['D<<A1', 'D<<A1']);
    });

    const newHits = () =>
      ['UTOA1', 'D<<A1'].map((name, i) => ({
        ...{ ...hit('BORDER-UTO', 3 + i, name), is_first: 1 as const },
        ...{ operation_id: null, confirmed_after_ms: null, is_on_own_list: null },
      }));
  });
});
