/** Whether a report is visible yet, and the log as a file, on every database. */

import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CentralDatabase } from '../../../central/database/schema.ts';
import { loadRecords } from '../../../central/load/load.ts';
import { exportOperations } from '../../../central/overlay/export-operations.ts';
import { recordPublication } from '../../../central/overlay/publications.ts';
import { appendOperations, lockRecords } from '../../../central/records/operation-log.ts';
import {
  type ReplayOperation,
  readOperationFile,
} from '../../../data-build/replay/operation-file.ts';
import type { CanonicalKey } from '../../../src/document/canonical-key.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { AS_OF_MS, NOW_MS, record, SPECIMEN_KEY, stream } from '../records.ts';
import { centralWorld, directToken, problemCode, type World } from '../world.ts';

const { kinds, stop } = await databaseKinds();
const root = mkdtempSync(join(tmpdir(), 'sltd-test-'));
afterAll(async () => {
  rmSync(root, { recursive: true, force: true });
  await stop();
});
let fileCount = 0;

async function readAll(path: string): Promise<ReplayOperation[]> {
  const all: ReplayOperation[] = [];
  for await (const operation of readOperationFile(path)) all.push(operation);
  return all;
}

describe('a file of operations', () => {
  const write = (text: string) => {
    const path = join(root, `operations-${fileCount++}`);
    writeFileSync(path, text);
    return path;
  };
  const line = JSON.stringify({
    ...{ kind: 'added', key: 'PUTONEW1', category: 'lost', recordId: 'a', at: NOW_MS },
  });

  it('is read with either end of line, and without one at its end', async () => {
    expect(await readAll(write(`${line}\r\n\n${line}\n${line}`))).toHaveLength(3);
    expect(await readAll(write(''))).toEqual([]);
  });

  it.each([
    ['with a line that is none', `${line}\nPUTONEW2`],
    ['with an operation in a line that is too long', line + ' '.repeat(1_000)],
    ['without an end of line', line.repeat(1_000)],
  ])('%s is refused, and nothing of it is told', async (_, text) => {
    const error = await readAll(write(text)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'input-schema', detail: 'file of operations' });
    expect(JSON.stringify(error)).not.toContain('NEW');
  });

  it('is refused also if it has no end of line and no string could hold it', async () => {
    const path = write('{');
    truncateSync(path, 600 * 1024 * 1024);
    await expect(readAll(path)).rejects.toMatchObject({ code: 'input-schema' });
  });

  it('that is not there is refused by its code', async () => {
    await expect(readAll(join(root, 'none'))).rejects.toMatchObject({ code: 'input-unreadable' });
  });
});

describe.each(kinds)('operations on $name', ({ create }) => {
  let database: TestDatabase;
  let db: CentralDatabase;
  let world: World;
  beforeEach(async () => {
    database = await create();
    ({ db } = database);
    world = await centralWorld(db);
    await loadRecords(db, stream([record()]), { asOf: AS_OF_MS, clock: () => NOW_MS });
  });
  afterEach(() => database.remove());

  const append = (...operations: { kind: 'added' | 'withdrawn'; key: string; id: string }[]) =>
    db.transaction().execute(async (transaction) => {
      await lockRecords(transaction);
      const rows = operations.map(({ kind, key, id }, i) => ({
        ...{ kind, key: key as CanonicalKey, recordId: id, category: 'lost' as const },
        at: NOW_MS + i,
      }));
      return appendOperations(transaction, rows);
    });

  const bureauToken = (tenant: string, role = 'data-operator') => directToken({ role, tenant });
  const ask = async (number: string, token?: string) =>
    world.request(`/v1/operations/${number}`, {
      headers: { authorization: `Bearer ${token ?? (await bureauToken('NCB-UTO'))}` },
    });

  describe('a report', () => {
    it('is visible once an overlay with it is published, and from which sequence', async () => {
      await append({ kind: 'added', key: 'PUTONEW1', id: 'a' });
      await append({ kind: 'added', key: 'PUTONEW2', id: 'b' });
      expect(await (await ask('1')).json()).toEqual({ operation: 1, published: false });
      const publication = { collection: 'sltd', sequence: 9, lastOperation: 1 };
      await recordPublication(db, { ...publication, publishedAt: NOW_MS });
      expect(await (await ask('1')).json()).toEqual({
        ...{ operation: 1, published: true, minSequence: 9 },
        publishedAt: new Date(NOW_MS).toISOString(),
      });
      expect(await (await ask('2')).json()).toEqual({ operation: 2, published: false });
    });

    it('stays visible: an older publication that is noted late changes nothing', async () => {
      await append({ kind: 'added', key: 'PUTONEW1', id: 'a' });
      const publication = { collection: 'sltd', sequence: 9, lastOperation: 1 };
      await recordPublication(db, { ...publication, publishedAt: NOW_MS });
      const older = { collection: 'sltd', sequence: 8, lastOperation: 0 };
      await recordPublication(db, { ...older, publishedAt: NOW_MS });
      expect(await (await ask('1')).json()).toMatchObject({ published: true, minSequence: 9 });
    });

    it('that is not in the log, or no number, is not found; a stranger is told nothing', async () => {
      await append({ kind: 'added', key: 'PUTONEW1', id: 'a' });
      for (const number of ['2', '0', '-1', '1.5', 'x', '1e0', '99999999999999999']) {
        expect(await problemCode(await ask(number)), number).toBe('not-found');
      }
      expect(await problemCode(await ask('1', 'x'))).toBe('unauthenticated');
    });
  });

  describe('an operation of another bureau', () => {
    it('is not found, like one that is not in the log, and other roles are refused', async () => {
      await append({ kind: 'added', key: 'PUTONEW1', id: 'a' });
      await append({ kind: 'added', key: 'PD<<NEW1', id: 'b' });
      const german = await bureauToken('NCB-D');
      const codes = [];
      for (const number of ['1', '3']) codes.push(await problemCode(await ask(number, german)));
      expect(codes).toEqual(['not-found', 'not-found']);
      expect((await ask('2', german)).status).toBe(200);
      for (const [tenant, role] of [
        ['NCB-UTO', 'officer'],
        ['NCB-UTO', 'auditor'],
        ['CARRIER-UTO', 'carrier'],
        ['BORDER-UTO', 'ncb'],
      ] as const) {
        expect(await problemCode(await ask('1', await bureauToken(tenant, role)))).toBe(
          'forbidden',
        );
      }
    });
  });

  describe('the log as a file', () => {
    it('has every operation since a time, for its owner alone, as the build reads it', async () => {
      await append({ kind: 'added', key: 'PUTONEW1', id: 'a' });
      await append(
        { kind: 'added', key: 'PUTONEW2', id: 'b' },
        { kind: 'withdrawn', key: 'PUTONEW2', id: 'b' },
      );
      const path = join(root, `operations-${fileCount++}`);
      expect(await exportOperations(db, { sinceMs: NOW_MS, path })).toBe(3);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      const read = await readAll(path);
      expect(read).toEqual([
        { kind: 'added', key: 'PUTONEW1', category: 'lost', recordId: 'a', at: NOW_MS },
        { kind: 'added', key: 'PUTONEW2', category: 'lost', recordId: 'b', at: NOW_MS },
        { kind: 'withdrawn', key: 'PUTONEW2', category: 'lost', recordId: 'b', at: NOW_MS + 1 },
      ]);
      const again = exportOperations(db, { sinceMs: NOW_MS, path });
      await expect(again).rejects.toMatchObject({ code: 'config-invalid' });
      const later = join(root, `operations-${fileCount++}`);
      expect(await exportOperations(db, { sinceMs: NOW_MS + 1, path: later })).toBe(1);
    });

    it('has older ones too whose change no export has confirmed', async () => {
      await append({ kind: 'added', key: 'PUTONEW1', id: 'a' });
      await append({ kind: 'added', key: 'PUTONEW2', id: 'b' });
      const change = { at: NOW_MS, keeps_fields: 0 as const };
      await db
        .insertInto('bureau_changes')
        .values([
          { ...change, record_id: 'a' },
          { ...change, record_id: 'b', confirmed_as_of: NOW_MS + 1_000 },
        ])
        .execute();
      const path = join(root, `operations-${fileCount++}`);
      expect(await exportOperations(db, { sinceMs: NOW_MS + 1_000, path })).toBe(1);
      expect(await readAll(path)).toMatchObject([{ key: 'PUTONEW1', unconfirmed: true }]);
    });

    it('says of a withdrawal when another record of the key is listed', async () => {
      await append({ kind: 'withdrawn', key: SPECIMEN_KEY, id: 'another-record' });
      const path = join(root, `operations-${fileCount++}`);
      await exportOperations(db, { sinceMs: NOW_MS, path });
      const [read] = await readAll(path);
      expect(read).toMatchObject({ kind: 'withdrawn', elsewhere: true });
    });
  });
});
