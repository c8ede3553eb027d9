/** A load replaces the list as a whole or not at all, on every database. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../central/database/database.ts';
import { migrate } from '../../central/database/migrations.ts';
import type { CentralDatabase } from '../../central/database/schema.ts';
import { loadRecords } from '../../central/load/load.ts';
import { findListed, readDataState } from '../../central/records/find-records.ts';
import type { ImportedRecord } from '../../data-build/import/record.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { databaseKinds, type TestDatabase } from '../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, SPECIMEN_KEY, stream } from './records.ts';

const STALLING_LOAD = fileURLToPath(new URL('./stalling-load.ts', import.meta.url));
const { kinds, stop } = await databaseKinds();
afterAll(stop);

/** Everything in the database, in an order that does not depend on how it was written. */
const contentOf = async (db: CentralDatabase) => ({
  records: await db.selectFrom('records').selectAll().orderBy('id').execute(),
  keys: await db
    .selectFrom('record_keys')
    .selectAll()
    .orderBy('key')
    .orderBy('record_id')
    .execute(),
  state: await readDataState(db),
});

const numbered = (count: number, prefix = 'N'): ImportedRecord[] =>
  Array.from({ length: count }, (_, i) => record({ number: `${prefix}${i}`, line: i + 2 }));

const german = (each: ImportedRecord): ImportedRecord => ({ ...each, state: 'D' as StateCode });

describe.each(kinds)('a load on $name', ({ create }) => {
  let database: TestDatabase;
  let db: CentralDatabase;
  beforeEach(async () => {
    database = await create();
    ({ db } = database);
  });
  afterEach(() => database.remove());

  const load = (records: Iterable<ImportedRecord>, options: object = {}) =>
    loadRecords(db, stream(records), { asOf: AS_OF_MS, clock: () => NOW_MS, ...options });

  it('keeps every field of a record, and has none for a holder', async () => {
    const blankRange = { from: 'L898902C0', to: 'L898902C9' };
    await load([record({ classes: ['passport', 'identity'], blankRange })]);
    const { records, keys } = await contentOf(db);
    const id = expect.stringMatching(/^[\w-]{22}$/);
    expect(records).toEqual([
      {
        id,
        state: 'UTO',
        type_code: 'PAS',
        classes: 'IP',
        number: 'L898902C3',
        number_as_reported: 'L 898902 C3',
        category: 'stolen',
        date_of_theft: '2026-03-01',
        place_of_theft: 'Zenith',
        country_of_theft: 'UTO',
        date_of_issue: '2020-04-16',
        date_of_expiry: '2030-04-15',
        national_reference: 'UTO-2026-17',
        notice_color: 'blue',
        owner_ncb: 'IP Zenith',
        reported_at: '2026-03-02',
        blank_from: 'L898902C0',
        blank_to: 'L898902C9',
        review_date: null,
        updated_at: NOW_MS,
        withdrawn_at: null,
        version: 1,
        open_challenge_count: 0,
        replaced_by: null,
        review_noticed_at: null,
      },
    ]);
    expect(keys).toEqual([
      { key: 'IUTOL898902C3', record_id: records[0]?.id },
      { key: SPECIMEN_KEY, record_id: records[0]?.id },
    ]);
  });

  it('of the same export a second time changes nothing', async () => {
    const records = [...numbered(2_500), ...numbered(10), record({ category: 'lost' })];
    const first = await load(records);
    const content = await contentOf(db);
    const second = await load(records, { clock: () => NOW_MS + 86_400_000 });
    expect(second).toEqual(first);
    expect(await contentOf(db)).toEqual(content);
    expect(first).toEqual({
      asOf: AS_OF_MS,
      readCount: 2_511,
      listedCount: 2_501,
      withdrawnCount: 0,
      contradictedCount: 0,
    });
  });

  it('withdraws what the export no longer has, keeps its row, and lists it again on return', async () => {
    await load([record(), record({ number: 'X2' })]);
    const [before] = (await contentOf(db)).records;
    const later = { asOf: AS_OF_MS + 1, clock: () => NOW_MS + 1 };
    expect(await load([record()], later)).toMatchObject({ listedCount: 1, withdrawnCount: 1 });
    const withdrawn = await db
      .selectFrom('records')
      .select(['number', 'withdrawn_at'])
      .where('withdrawn_at', 'is not', null)
      .execute();
    expect(withdrawn).toEqual([{ number: 'X2', withdrawn_at: NOW_MS + 1 }]);
    expect((await findListed(db, ['PUTOX2'], undefined))?.records.size).toBe(0);
    await load([record(), record({ number: 'X2' })], { asOf: AS_OF_MS + 2 });
    expect((await findListed(db, ['PUTOX2', SPECIMEN_KEY], undefined))?.records.size).toBe(2);
    expect((await contentOf(db)).records.map(({ id }) => id)).toContain(before?.id);
  });

  it('corrects the fields of a record under its old id', async () => {
    await load([record()]);
    const before = (await contentOf(db)).records[0];
    const corrected = record({ placeOfTheft: 'Nadir', dateOfExpiry: undefined });
    await load([corrected], { asOf: AS_OF_MS + 1, clock: () => NOW_MS + 1 });
    expect((await contentOf(db)).records).toEqual([
      {
        ...before,
        place_of_theft: 'Nadir',
        date_of_expiry: null,
        updated_at: NOW_MS + 1,
        version: 2,
      },
    ]);
  });

  it('gives ids that cannot be made without the secret of the database', async () => {
    const other = await create();
    try {
      await load([record()]);
      await loadRecords(other.db, stream([record()]), { asOf: AS_OF_MS, clock: () => NOW_MS });
      const [first] = (await contentOf(db)).records;
      const [second] = (await contentOf(other.db)).records;
      expect(first?.id).not.toBe(second?.id);
    } finally {
      await other.remove();
    }
  });

  it('that fails in the middle leaves the list as it was', async () => {
    await load(numbered(50));
    const content = await contentOf(db);
    const failing = async function* () {
      yield* numbered(3_000, 'M');
      throw new Error('the file ends in the middle of a row');
    };
    const failed = loadRecords(db, failing(), { asOf: AS_OF_MS + 1, clock: () => NOW_MS });
    await expect(failed).rejects.toThrow('in the middle');
    expect(await contentOf(db)).toEqual(content);
    await load(numbered(50));
    expect(await contentOf(db)).toEqual(content);
  });

  it('with a number that is not canonical fails as a whole', async () => {
    await load([record()]);
    const content = await contentOf(db);
    await expect(load([record({ number: 'x-1' })])).rejects.toThrow('canonical');
    expect(await contentOf(db)).toEqual(content);
  });

  it.each<[string, Iterable<ImportedRecord>, object, string]>([
    ['an export without a record', [], {}, 'input-empty'],
    ['an older export', [record()], { asOf: AS_OF_MS - 1 }, 'config-invalid'],
    ['data of the future', [record()], { asOf: NOW_MS + 3_600_000 }, 'config-invalid'],
    ['a time that is none', [record()], { asOf: Number.NaN }, 'config-invalid'],
    ['a late time that is none', [record()], { asOf: () => -1 }, 'config-invalid'],
  ])('refuses %s and leaves the list as it was', async (_, records, options, code) => {
    await load(numbered(5));
    const content = await contentOf(db);
    await expect(load(records, options)).rejects.toMatchObject({ code });
    expect(await contentOf(db)).toEqual(content);
  });

  it('refuses a list that is much smaller, until somebody accepts it', async () => {
    await load([...numbered(3_000), ...numbered(300, 'D').map(german)]);
    const content = await contentOf(db);
    const later = { asOf: AS_OF_MS + 1 };
    const refused = load([...numbered(3_000), ...numbered(190, 'D').map(german)], later);
    await expect(refused).rejects.toMatchObject({
      code: 'list-shrinks',
      detail: expect.stringMatching(/^the whole list, D:/),
    });
    expect(await contentOf(db)).toEqual(content);
    // As many in all, but one state has lost too many.
    const moved = load([...numbered(3_150), ...numbered(150, 'D').map(german)], later);
    await expect(moved).rejects.toMatchObject({
      code: 'list-shrinks',
      detail: expect.stringMatching(/^D:/),
    });
    expect(await contentOf(db)).toEqual(content);
    expect(
      await load([...numbered(2_900), ...numbered(300, 'D').map(german)], later),
    ).toMatchObject({ withdrawnCount: 100 });
    await load(numbered(10), { ...later, acceptShrink: true });
    expect((await readDataState(db))?.recordCount).toBe(10);
  });

  it('goes back to an older export when told to', async () => {
    await load([record()]);
    await load([record({ number: 'X2' })], { asOf: AS_OF_MS + 1 });
    await load([record()], { asOf: AS_OF_MS, allowOlder: true });
    const listed = await findListed(db, [SPECIMEN_KEY, 'PUTOX2'], undefined);
    expect([...(listed?.records.keys() ?? [])]).toEqual([SPECIMEN_KEY]);
    expect(listed?.state.asOf).toBe(AS_OF_MS);
  });

  it('is seen by a reader as the old list or the new one, never half', async () => {
    await load(numbered(2_000, 'A'));
    const reader = openDatabase(database.location);
    const keys = [...numbered(2_000, 'A'), ...numbered(2_000, 'B')].map(
      ({ number }) => `PUTO${number}`,
    );
    try {
      const seen = new Set<string>();
      const look = async () => {
        const listed = await findListed(reader, keys, undefined);
        const found = [...(listed?.records.keys() ?? [])].map((key) => key[4]);
        seen.add(`${new Set(found).size} ${found.length} ${found[0]} ${listed?.state.asOf}`);
      };
      const slow = async function* () {
        for (const [i, each] of numbered(2_000, 'B').entries()) {
          if (i % 500 === 0) await look();
          yield each;
        }
        await look();
      };
      await loadRecords(db, slow(), { asOf: AS_OF_MS + 1, clock: () => NOW_MS });
      await look();
      expect([...seen]).toEqual([`1 2000 A ${AS_OF_MS}`, `1 2000 B ${AS_OF_MS + 1}`]);
    } finally {
      await reader.destroy();
    }
  });

  it('that is killed in the middle leaves the list as it was', async () => {
    await load(numbered(50));
    const content = await contentOf(db);
    const child = spawn(process.execPath, [STALLING_LOAD], {
      env: { ...process.env, LOCATION: JSON.stringify(database.location) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    try {
      const [line] = await once(child.stdout, 'data');
      expect(String(line)).toContain('stalled after 5000');
      expect(await contentOf(db)).toEqual(content);
    } finally {
      child.kill('SIGKILL');
      await exited;
    }
    expect(await contentOf(db)).toEqual(content);
    await load([record()], { asOf: AS_OF_MS + 1 });
    expect((await readDataState(db))?.recordCount).toBe(1);
  });

  it('finds the schema at its version, however often it is migrated', async () => {
    await load([record()]);
    const content = await contentOf(db);
    const again = openDatabase(database.location);
    await Promise.all([migrate(again), migrate(db)]);
    await again.destroy();
    expect(await contentOf(db)).toEqual(content);
  });
});
