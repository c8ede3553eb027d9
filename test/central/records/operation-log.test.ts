/** The operation log: one order without gaps, and a load does not undo what it does not know. */

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../central/database/database.ts';
import type { CentralDatabase } from '../../../central/database/schema.ts';
import { EXPORT_OVERLAP_MS, loadRecords } from '../../../central/load/load.ts';
import { findListed } from '../../../central/records/find-records.ts';
import {
  appendOperations,
  lastOperation,
  lastOperationAt,
  lockRecords,
  type Operation,
  operationsAfter,
} from '../../../central/records/operation-log.ts';
import type { ImportedRecord } from '../../../data-build/import/record.ts';
import type { CanonicalKey } from '../../../src/document/canonical-key.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, SPECIMEN_KEY, stream } from '../records.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const operation = (number: string, changes: Partial<Operation> = {}): Omit<Operation, 'seq'> => ({
  kind: 'added',
  key: `PUTO${number}` as CanonicalKey,
  category: 'stolen',
  recordId: `record-${number}`,
  at: NOW_MS,
  ...changes,
});

describe.each(kinds)('the operation log on $name', ({ name, create }) => {
  let database: TestDatabase;
  let db: CentralDatabase;
  beforeEach(async () => {
    database = await create();
    ({ db } = database);
  });
  afterEach(() => database.remove());

  const append = (operations: readonly Omit<Operation, 'seq'>[], other = db) =>
    other.transaction().execute(async (transaction) => {
      await lockRecords(transaction);
      return appendOperations(transaction, operations);
    });

  it('counts from 1 and is read in pages, in order', async () => {
    expect(await lastOperation(db)).toBe(0);
    expect(await operationsAfter(db, 0, 10)).toEqual([]);
    expect(await append([operation('A'), operation('B', { kind: 'withdrawn' })])).toBe(2);
    expect(await append([operation('C')])).toBe(3);
    expect(await lastOperation(db)).toBe(3);
    const first = await operationsAfter(db, 0, 2);
    expect(first).toEqual([
      { ...operation('A'), seq: 1 },
      { ...operation('B', { kind: 'withdrawn' }), seq: 2 },
    ]);
    expect(await operationsAfter(db, 2, 2)).toEqual([{ ...operation('C'), seq: 3 }]);
  });

  it('knows the last operation of a time', async () => {
    for (const at of [10, 20, 20, 30]) await append([operation('A', { at })]);
    const asked = [5, 10, 19, 20, 29, 30, 99];
    const seqs = await Promise.all(asked.map((at) => lastOperationAt(db, at)));
    expect(seqs).toEqual([0, 1, 1, 3, 3, 4, 4]);
  });

  it('takes a bulk of thousands in one piece', async () => {
    const many = Array.from({ length: 5_000 }, (_, i) => operation(`N${i}`));
    expect(await append(many)).toBe(5_000);
    const rest = await operationsAfter(db, 4_990, 100);
    expect(rest.map(({ seq }) => seq)).toEqual([...Array(10).keys()].map((i) => 4_991 + i));
  });

  it('has no gap after a change that failed', async () => {
    await append([operation('A')]);
    const failed = db.transaction().execute(async (transaction) => {
      await appendOperations(transaction, [operation('B'), operation('C')]);
      throw new Error('the change failed');
    });
    await expect(failed).rejects.toThrow('failed');
    expect(await append([operation('D')])).toBe(2);
    expect((await operationsAfter(db, 0, 10)).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it('never shows a number before a lower one, however many write at once', async () => {
    const reader = openDatabase(database.location);
    let isWriting = true;
    let seen = 0;
    let looks = 0;
    const watch = async () => {
      while (isWriting || seen < 200) {
        for (const { seq } of await operationsAfter(reader, seen, 1_000)) {
          expect(seq).toBe(++seen);
        }
        looks++;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    const write = async (writer: number) => {
      for (let i = 0; i < 25; i++) await append([operation(`W${writer}I${i}`)]);
    };
    try {
      const watching = watch();
      // One SQLite connection runs one transaction at a time; PostgreSQL runs these at once.
      await Promise.all([...Array(8).keys()].map(write));
      isWriting = false;
      await watching;
    } finally {
      await reader.destroy();
    }
    expect(seen).toBe(200);
    expect(looks).toBeGreaterThan(name === 'PostgreSQL' ? 3 : 0);
  });

  describe('a load', () => {
    const load = (records: Iterable<ImportedRecord>, options: object = {}) =>
      loadRecords(db, stream(records), { asOf: AS_OF_MS, clock: () => NOW_MS, ...options });
    const listedKeys = async (...keys: string[]) => [
      ...((await findListed(db, keys, undefined))?.records.keys() ?? []),
    ];
    const idOf = async (number: string) =>
      (
        await db
          .selectFrom('records')
          .select('id')
          .where('number', '=', number)
          .executeTakeFirstOrThrow()
      ).id;
    /** Withdraws or lists a record and says so in the log, as a change by a bureau does. */
    const change = async (number: string, kind: Operation['kind'], at: number) => {
      const recordId = await idOf(number);
      await append([operation(number, { kind, at, recordId })]);
      const withdrawn_at = kind === 'withdrawn' ? at : null;
      await db.updateTable('records').set({ withdrawn_at }).where('id', '=', recordId).execute();
    };
    const other = record({ number: 'X2' });

    it('does not list again what was withdrawn after the export was drawn', async () => {
      await load([record(), other]);
      await change('X2', 'withdrawn', AS_OF_MS + 2_000);
      await load([record(), other], { asOf: AS_OF_MS + 1_000 });
      expect(await listedKeys(SPECIMEN_KEY, 'PUTOX2')).toEqual([SPECIMEN_KEY]);
    });

    it('does not withdraw what was reported after the export was drawn', async () => {
      await load([record(), other]);
      await change('X2', 'added', AS_OF_MS + 2_000);
      await load([record()], { asOf: AS_OF_MS + 1_000 });
      expect((await listedKeys(SPECIMEN_KEY, 'PUTOX2')).length).toBe(2);
    });

    it('keeps a change of just before the export, because clocks differ', async () => {
      await load([record(), other]);
      await change('X2', 'withdrawn', AS_OF_MS + 1_000);
      await load([record(), other], { asOf: AS_OF_MS + EXPORT_OVERLAP_MS });
      expect(await listedKeys('PUTOX2')).toEqual([]);
    });

    it('decides of what no bureau changed, well before the export was drawn', async () => {
      await load([record(), other]);
      await change('X2', 'withdrawn', AS_OF_MS + 1_000);
      await load([record(), other], { asOf: AS_OF_MS + 2_000 + EXPORT_OVERLAP_MS });
      expect(await listedKeys('PUTOX2')).toEqual(['PUTOX2']);
    });

    it('writes no operations: the edition of its export has them', async () => {
      await load([record(), other]);
      await load([record()], { asOf: AS_OF_MS + 1 });
      expect(await lastOperation(db)).toBe(0);
      const state = (await findListed(db, [SPECIMEN_KEY], undefined))?.state;
      expect(state?.operationSequence).toBe(0);
    });
  });
});
