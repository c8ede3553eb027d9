import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { DirectoryStore } from '../../publish/directory-store.ts';
import type { GateRefusal } from '../../data-build/gates/quarantine.ts';
import { releaseEdition } from '../../data-build/gates/release.ts';
import { generateExport } from '../../data-build/generate/write-export.ts';
import { headSignerOf } from '../../data-build/keys/head-signer.ts';
import { heartbeat, readHead } from '../../publish/head.ts';
import { RU_MVD } from '../../data-build/import/profiles/ru-mvd.ts';
import { createKeys } from '../../data-build/keys/keys.ts';
import { toHex } from '../../src/format/names.ts';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { Progress } from '../../data-build/progress.ts';
import { build, objectNames, sltdCsv, startSltd, workspace } from './workspace.ts';

const space = workspace();

/** A synthetic export of so many rows. */
async function synthetic(name: string, rowCount: number, format: 'csv' | 'parquet' = 'csv') {
  const path = space.path(name);
  const progress = new Progress(undefined);
  await generateExport({ rowCount, seed: 3, path, format, malformedCount: 0, progress });
  return path;
}

/** A Parquet file of one row; the columns are SQL expressions. */
async function parquet(name: string, columns: Record<string, string>): Promise<string> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const list = Object.entries(columns).map(([column, value]) => `${value} AS ${column}`);
  const path = space.path(name);
  await connection.run(`COPY (SELECT ${list.join()}) TO '${path}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
  return path;
}

const export3k = await synthetic('export.csv', 3_000);

describe('a build', () => {
  test('verifies every key and says what it did', async () => {
    const outDir = space.path('one');
    const summary = await build(space, { files: [export3k], outDir, nonMemberCount: 1_000_000 });
    expect(summary).toMatchObject({ sequence: 1, rows: 3_000, accepted: 3_000, rejected: 0 });
    expect(summary.verified).toMatchObject({ asked: summary.keys, missing: 0, wrongCategory: 0 });
    expect(summary.verified.nonMembers).toBeGreaterThan(900_000);
    expect(summary.records).toBeLessThanOrEqual(summary.keys);
    const { manifest, head } = await openEdition(new DirectoryStore(space.path('one')), space.keys);
    expect(manifest.recordCount).toBe(summary.records);
    expect(manifest.state('UTO')).toMatchObject({ coverage: 'reports', recordCount: 28 });
    expect(manifest.state('XXX')?.recordCount ?? 0).toBe(0);
    expect(head.notAfter - head.issuedAt).toBe(24 * 60 * 60 * 1000);
  });

  test('gives the same objects with any number of threads (promise 3)', async () => {
    const options = { files: [export3k], keysPerShard: 128 };
    const names = [];
    for (const threadCount of [1, 2, 3]) {
      const outDir = space.path(`threads-${threadCount}`);
      const summary = await build(space, { ...options, outDir, threadCount });
      expect(summary.verified).toMatchObject({ asked: summary.keys, missing: 0, strangers: 0 });
      names.push(objectNames(outDir));
    }
    expect(names[1]).toEqual(names[0]);
    expect(names[2]).toEqual(names[0]);
  });

  test('an error in a thread is the error of the build', async () => {
    const outDir = space.path('thread-error');
    const failing = build(space, { files: [export3k], outDir, threadCount: 2, keysPerShard: 1e6 });
    await expect(failing).resolves.toBeDefined();
    const huge = sltdCsv('UTO,PAS,,A000001,A099999,stolen-blank');
    const many = { files: [space.write('huge.csv', huge)], keysPerShard: 1e6, threadCount: 2 };
    await expect(build(space, { ...many, outDir })).rejects.toMatchObject({ code: 'build-failed' });
  });

  test('gives the same objects for the same export and key, in any row order (promise 3)', async () => {
    const [header, ...rows] = readFileSync(export3k, 'utf8').trimEnd().split('\n');
    const shuffled = space.write('shuffled.csv', [header, ...rows.toReversed()].join('\n'));
    const options = { keysPerShard: 128 };
    const dirs = ['a', 'b', 'c'].map((name) => space.path(`same-${name}`));
    await build(space, { ...options, files: [export3k], outDir: dirs[0]! });
    await build(space, { ...options, files: [export3k], outDir: dirs[1]! });
    await build(space, { ...options, files: [shuffled], outDir: dirs[2]! });
    expect(objectNames(dirs[1]!)).toEqual(objectNames(dirs[0]!));
    const pages = (dir: string) => objectNames(dir).filter((name) => name.startsWith('pages/'));
    // The manifest names the input file, so only the pages are the same.
    expect(pages(dirs[2]!)).toEqual(pages(dirs[0]!));
    const other = await build(space, {
      files: [export3k],
      outDir: dirs[2]!,
      keys: createKeys(),
    }).catch((error) => error);
    expect(other).toMatchObject({ code: 'format-signature' });
  });

  test('finds every key of a state that is divided into several groups of shards', async () => {
    const rows = Array.from({ length: 40_000 }, (_, i) => `UTO,PAS,A${i * 7},,,lost`);
    const file = space.write('many.csv', sltdCsv(...rows, 'FRA,PAS,A1,,,lost'));
    const outDir = space.path('many');
    const summary = await build(space, { files: [file], outDir, keysPerShard: 512 });
    expect(summary.states).toMatchObject([
      { state: 'FRA', records: 1, shards: 1 },
      { state: 'UTO', records: 40_000, shards: 79 },
    ]);
    expect(summary.verified).toMatchObject({ asked: 40_001, missing: 0, wrongCategory: 0 });
  });

  test('gives the same pages from Parquet as from CSV', async () => {
    const parquet = await synthetic('export.parquet', 3_000, 'parquet');
    await build(space, { files: [export3k], outDir: space.path('p-csv') });
    await build(space, { files: [parquet], outDir: space.path('p-parquet') });
    const pages = (dir: string) => readdirSync(join(space.path(dir), 'pages')).sort();
    expect(pages('p-parquet')).toEqual(pages('p-csv'));
  });

  test('reports Parquet rows by their number, and columns that are missing', async () => {
    const { DuckDBInstance } = await import('@duckdb/node-api');
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const write = async (name: string, select: string) => {
      await connection.run(`COPY (${select}) TO '${space.path(name)}' (FORMAT parquet)`);
      return space.path(name);
    };
    const columns = (state: string, number: string) =>
      `SELECT ${state} AS issuing_state, 'PAS' AS document_type, ${number} AS number, 'lost' AS category`;
    const odd = await write(
      'odd.parquet',
      `${columns("'UTO'", "'a\n\"1'")} UNION ALL ${columns("'Atlantis'", "'2'")} UNION ALL ${columns("'UTO'", 'NULL')}`,
    );
    const narrow = await write('narrow.parquet', "SELECT 'UTO' AS issuing_state, '1' AS number");
    connection.closeSync();
    instance.closeSync();
    const rejectsPath = space.path('parquet-rejects.csv');
    const outDir = space.path('parquet');
    const options = { files: [odd], outDir, rejectsPath };
    await expect(build(space, options)).rejects.toMatchObject({ code: 'input-rejects' });
    const places = readFileSync(rejectsPath, 'utf8').trimEnd().split('\n').slice(1);
    expect(places.map((line) => line.split(',').slice(1, 4).join())).toEqual([
      ...['1,number,number-bad-character', '2,state,state-unknown', '3,number,number-missing'],
    ]);
    await expect(build(space, { files: [narrow], outDir })).rejects.toMatchObject({
      code: 'input-schema',
    });
    expect(existsSync(join(outDir, 'head'))).toBe(false);
  });

  test.each([
    ['FLOAT', 'floating-point'],
    ['DOUBLE', 'floating-point'],
    ['DECIMAL(12, 2)', 'floating-point'],
    ['BIGINT', undefined],
    ['DECIMAL(12, 0)', undefined],
  ])('takes a Parquet number column of %s only if its numbers are whole', async (type, refusal) => {
    const number = `CAST(123456789 AS ${type})`;
    const columns = { number, issuing_state: "'UTO'", document_type: "'PAS'", category: "'lost'" };
    const inRange = { ...columns, number: 'NULL', number_from: number, number_to: number };
    for (const [index, each] of [columns, inRange].entries()) {
      const path = await parquet(`typed-${index}.parquet`, each);
      const built = build(space, { files: [path], outDir: space.path(`typed-${type}-${index}`) });
      if (refusal === undefined) {
        expect(await built).toMatchObject({ accepted: 1, rejected: 0, records: 1 });
      } else {
        const detail = expect.stringContaining(refusal);
        await expect(built).rejects.toMatchObject({ code: 'input-schema', detail });
      }
    }
  });

  test('refuses a Parquet file with two columns of one name', async () => {
    const columns = { number: "'A1'", issuing_state: "'UTO'", document_type: "'PAS'" };
    const path = await parquet('twice.parquet', {
      ...columns,
      ...{ nested: "{'category': [1, 2], 'number': 3}", category: "'lost'", zumber: "'B2'" },
    });
    const outDir = space.path('twice');
    expect(await build(space, { files: [path], outDir })).toMatchObject({ records: 1 });
    // DuckDB would not write such a file; others do.
    const bytes = readFileSync(path).toString('latin1').replaceAll('zumber', 'Number');
    const twice = space.write('twice.parquet', Buffer.from(bytes, 'latin1'));
    await expect(build(space, { files: [twice], outDir })).rejects.toMatchObject({
      code: 'input-schema',
      detail: 'two columns are named number',
    });
  });

  test('dates an edition by the newest report that is not in the future', async () => {
    const header = 'issuing_state,document_type,number,category,reported_at\n';
    const rows = ['2024-05-01T10:00:00Z', '2024-06-30', '2023-01-01', '2999-01-01', 'soon'];
    const text = rows.map((date, i) => `UTO,PAS,A${i},lost,${date}\n`).join('');
    const file = space.write('dated.csv', header + text);
    const summary = await build(space, {
      files: [file],
      asOf: undefined,
      outDir: space.path('dated'),
    });
    expect(new Date(summary.asOf).toISOString()).toBe('2024-06-30T00:00:00.000Z');
    const undated = space.write('undated.csv', 'PASSP_SERIES,PASSP_NUMBER\n1234,123456\n');
    const wanted = { profile: RU_MVD, files: [undated], asOf: undefined };
    await expect(build(space, wanted)).rejects.toMatchObject({ code: 'config-invalid' });
  });

  test('lists of several records of one document keep the highest category', async () => {
    const rows = ['lost', 'stolen', 'invalid'].map((category) => `UTO,PAS,A1,,,${category}`);
    const file = space.write('same.csv', sltdCsv(...rows));
    const summary = await build(space, { files: [file], outDir: space.path('highest') });
    expect(summary).toMatchObject({ keys: 3, records: 1 });
    expect(summary.verified).toMatchObject({ asked: 3, missing: 0, wrongCategory: 0 });
  });
});

describe('publishing', () => {
  const outDir = space.path('sequence');
  const store = new DirectoryStore(outDir);

  test('the sequence goes up with each edition, and a heartbeat keeps it', async () => {
    const signer = await headSignerOf(space.keys);
    await expect(heartbeat(store, signer)).rejects.toMatchObject({ code: 'edition-missing' });
    const first = await build(space, { files: [export3k], outDir });
    const second = await build(space, { files: [export3k], outDir });
    expect([first.sequence, second.sequence]).toEqual([1, 2]);
    expect(second.edition).toBe(first.edition);
    const before = (await readHead(store, signer.trusted))!;
    const after = await heartbeat(store, signer);
    expect(after).toMatchObject({ sequence: 2, asOf: before.asOf });
    expect(after.issuedAt).toBeGreaterThanOrEqual(before.issuedAt);
  });

  test('heads written at the same time come one after the other', async () => {
    const signer = await headSignerOf(space.keys);
    const beats = Array.from({ length: 8 }, () => heartbeat(store, signer));
    const builds = [
      build(space, { files: [export3k], outDir }),
      build(space, { files: [export3k], outDir }),
    ];
    await Promise.all([...beats, ...builds]);
    expect((await readHead(store, signer.trusted))?.sequence).toBe(4);
    expect(readdirSync(outDir).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('a lock that a dead writer left does not stop anybody', async () => {
    const { hostname } = await import('node:os');
    writeFileSync(join(outDir, '.lock'), `${hostname()} 999999999`);
    await heartbeat(store, await headSignerOf(space.keys));
    expect(existsSync(join(outDir, '.lock'))).toBe(false);
  });

  test('a head that cannot be read stops the build before it starts', async () => {
    const path = space.path('bad-head');
    await build(space, { files: [export3k], outDir: path });
    writeFileSync(join(path, 'head'), 'not a head');
    await expect(build(space, { files: [export3k], outDir: path })).rejects.toMatchObject({
      code: 'format-signature',
    });
  });

  test('another collection does not take the place of the one that is there', async () => {
    const wanted = { files: [export3k], outDir, collection: 'other' };
    await expect(build(space, wanted)).rejects.toMatchObject({ code: 'config-invalid' });
  });
});

describe('a build that ends in the middle', () => {
  test('kill -9 at any moment leaves the old edition in force, whole', async () => {
    const outDir = space.path('killed');
    const old = space.write('old.csv', sltdCsv('UTO,PAS,OLD1,,,lost'));
    await build(space, { files: [old], outDir });
    const big = await synthetic('big.csv', 60_000);
    const store = new DirectoryStore(outDir);
    const before = readFileSync(join(outDir, 'head'));
    const args = ['build', '--profile', 'sltd', '--keys', space.keysPath, '--out', outDir];
    const states: string[] = [];
    for (const step of ['import', 'partition', 'pages', 'manifest', 'verify']) {
      const child = startSltd([...args, '--temp', space.dir, big]);
      await new Promise<void>((resolve) => {
        child.stderr.on('data', (chunk) => {
          if (String(chunk).includes(`{"step":"${step}","event":"start"}`)) child.kill('SIGKILL');
        });
        child.once('close', () => resolve());
      });
      states.push(`${step} ${child.signalCode}`);
      expect(readFileSync(join(outDir, 'head'))).toEqual(before);
      const { manifest } = await openEdition(store, space.keys);
      expect(manifest.recordCount).toBe(1);
    }
    expect(states).toEqual(
      ['import', 'partition', 'pages', 'manifest', 'verify'].map((step) => `${step} SIGKILL`),
    );
    // What the dead left, the next one takes away: key files above all.
    expect(readdirSync(space.dir).some((name) => name.startsWith('sltd-'))).toBe(true);
    // It has 60,000 times the records, so a gate keeps it; all of it is there, and can be released.
    const options = { files: [big], outDir, tempRoot: space.dir };
    const refused: GateRefusal = await build(space, options).catch((error) => error);
    const released = await releaseEdition({
      ...{ directory: store, keys: space.keys, edition: refused.quarantine.edition },
      ...{ gates: refused.quarantine.refusals.map(({ gate }) => gate), by: 'a test' },
      ...{ reason: 'the first one was tiny', signal: new AbortController().signal },
    });
    expect(released.sequence).toBe(2);
    expect(readdirSync(space.dir).filter((name) => name.startsWith('sltd-'))).toEqual([]);
    const partial = readdirSync(join(outDir, 'pages')).filter((name) => name.startsWith('.'));
    expect(partial).toEqual([]);
  });

  test.each(['1', '2'])(
    'Ctrl-C leaves no half edition and no temporary file, %s threads',
    async (threads) => {
      const outDir = space.path(`interrupted-${threads}`);
      const big = await synthetic('interrupted.csv', 60_000);
      const args = ['build', '--profile', 'sltd', '--keys', space.keysPath, '--out', outDir];
      const child = startSltd([...args, '--threads', threads, '--temp', space.dir, big]);
      child.stderr.on('data', (chunk) => {
        if (String(chunk).includes('"pages","event":"start"')) child.kill('SIGINT');
      });
      const code = await new Promise((resolve) => child.once('close', resolve));
      expect(code).toBe(130);
      expect(existsSync(join(outDir, 'head'))).toBe(false);
      expect(readdirSync(space.dir).filter((name) => name.startsWith('sltd-'))).toEqual([]);
    },
  );

  test('too many rejected rows leave the old edition in force, and the error says why', async () => {
    const outDir = space.path('rejected');
    const good = space.write('good.csv', sltdCsv('UTO,PAS,A1,,,lost'));
    const first = await build(space, { files: [good], outDir });
    const bad = space.write('bad.csv', sltdCsv('UTO,PAS,A1,,,lost', 'Atlantis,PAS,A2,,,lost'));
    await expect(build(space, { files: [bad], outDir })).rejects.toMatchObject({
      ...{ code: 'input-rejects', detail: '1 of 2 rows, allowed are 0.01 %: state-unknown 1' },
    });
    const { head } = await openEdition(new DirectoryStore(outDir), space.keys);
    expect(Buffer.from(head.manifestSha256).toString('hex')).toBe(first.edition);
    const allowed = await build(space, { files: [bad], outDir, rejectsMaxPercent: 50 });
    expect(allowed).toMatchObject({ rows: 2, accepted: 1, rejected: 1, sequence: 2 });
    rmSync(outDir, { recursive: true });
  });
});

test('a build waits for garbage collection at work before it trusts pages that may be old', async () => {
  const outDir = space.path('collected');
  const store = new DirectoryStore(outDir);
  await store.prepare();
  const { sha256 } = await store.put('gc', new Uint8Array(16));
  const file = space.write('collected.csv', sltdCsv('UTO,PAS,C1,,,lost'));
  const told: string[] = [];
  const progress = new Progress({ write: (text) => told.push(text) });
  const built = build(space, { files: [file], outDir, progress });
  const hasManifest = () => readdirSync(join(outDir, 'manifests')).length > 0;
  await vi.waitUntil(hasManifest, { timeout: 60_000 });
  await sleep(500);
  expect(told.join()).not.toContain('"verify"');
  await store.delete(`gc/${toHex(sha256)}`);
  await built;
  expect(told.join()).toContain('"verify"');
});
