/** A hit that was answered is a case, whatever the database did at that moment and whoever was killed. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SightingSpool } from '../../../central/cases/sighting-spool.ts';
import { SightingRecorder, storeIn } from '../../../central/cases/sightings.ts';
import type { NewSighting } from '../../../central/cases/tables.ts';
import { openDatabase } from '../../../central/database/database.ts';
import type { CentralDatabase } from '../../../central/database/schema.ts';
import { loadRecords } from '../../../central/load/load.ts';
import { databaseKinds, type TestDatabase } from '../../support/postgres.ts';
import { NOW_MS, record, SPECIMEN_KEY, stream } from '../records.ts';
import { CENTRAL_JWK, EDGE_JWK, edgeToken, question, TOKEN_JWK } from '../world.ts';

const MAIN = fileURLToPath(new URL('../../../central/main.ts', import.meta.url));
const { kinds, stop } = await databaseKinds();
afterAll(stop);

const PATIENCE = { timeout: 10_000 };
const OFFICER = { tenant: 'BORDER-D', site: 'FRA/7', sub: 'officer-7' };

/** On a disk that writes nothing before it is let. */
class SlowSpool extends SightingSpool {
  readonly #written = Promise.withResolvers<void>();
  readonly #asked = Promise.withResolvers<void>();
  /** Once something is to be kept. */
  readonly asked = this.#asked.promise;

  write(): void {
    this.#written.resolve();
  }

  override async keep(rows: readonly NewSighting[]): Promise<string | undefined> {
    this.#asked.resolve();
    await this.#written.promise;
    return super.keep(rows);
  }
}

const sighting = (id: string): NewSighting => ({
  ...{ id, record_id: 'r', issuing_state: 'UTO', category: 'stolen', asking_state: null },
  ...{ tenant: 't', site: 's', subject: 'o', purpose: null, direction: 'entry', seen_at: NOW_MS },
});

describe.each(kinds)('a database that cannot write, on $name', ({ name, create }) => {
  let database: TestDatabase;
  let folder: string;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    database = await create();
    folder = mkdtempSync(join(tmpdir(), 'sltd-sightings-'));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await database.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const files = () => readdirSync(folder);
  /** What the service has kept; what is not whole yet is a text. */
  const spooled = () => {
    const { location } = database;
    const kept = 'url' in location ? folder : `${location.file}-sightings`;
    if (!existsSync(kept)) return [];
    const texts = readdirSync(kept).map((each) => readFileSync(join(kept, each), 'utf8'));
    return texts.map((text) => (text.endsWith(']') ? JSON.parse(text) : text));
  };
  const storedIds = async () => {
    const rows = await database.db.selectFrom('sightings').select('id').orderBy('id').execute();
    return rows.map(({ id }) => id);
  };
  /** As while a list is taken over: nobody else can write. The end lets them again. */
  const hold = async (): Promise<() => Promise<void>> => {
    const { location, db } = database;
    if (name === 'PostgreSQL') {
      // Not a lock: a killed service's statement would get it in the end, and be stored.
      await db.schema.alterTable('sightings').renameTo('sightings_away').execute();
      return () => db.schema.alterTable('sightings_away').renameTo('sightings').execute();
    }
    const writer = openDatabase(location);
    await sql`begin immediate`.execute(writer);
    return async () => {
      await sql`rollback`.execute(writer);
      await writer.destroy();
    };
  };
  const recorderOf = (
    db: CentralDatabase,
    { spool = new SightingSpool({ folder }), waitMaxMs = 20, keepMaxMs = 10_000 } = {},
  ) => {
    const late: object[] = [];
    const onLate = (counts: object) => late.push(counts);
    return {
      late,
      recorder: new SightingRecorder({ store: storeIn(db), spool, waitMaxMs, keepMaxMs, onLate }),
    };
  };
  const serve = async () => {
    const { location } = database;
    const child = spawn(process.execPath, [MAIN, 'serve'], {
      env: {
        PATH: process.env.PATH,
        ...('url' in location
          ? { DATABASE_URL: location.url, SIGHTINGS_DIR: folder }
          : { DATABASE_FILE: location.file }),
        CENTRAL_SIGNING_KEY: JSON.stringify(CENTRAL_JWK),
        EDGE_KEYS: String(EDGE_JWK.x),
        TOKEN_KEYS: String(TOKEN_JWK.x),
        PORT: '0',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const [line] = (await once(child.stdout!, 'data')) as [Buffer];
    child.stdout!.resume();
    const { port } = JSON.parse(String(line).split('\n')[0]!) as { port: number };
    return { child, url: `http://127.0.0.1:${port}/v1/confirmations` };
  };

  it('loses no hit that was answered when the service is killed: it is a case after the start, once', async () => {
    await loadRecords(database.db, stream([record()]), { asOf: Date.UTC(2024, 0, 2) });
    const { child, url } = await serve();
    const release = await hold();
    const answered = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await edgeToken({ ...OFFICER, nowMs: Date.now() })}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(question([SPECIMEN_KEY], { encounter: { exact: [0] } })),
    });
    expect(answered.status).toBe(200);
    // A disk that is slower than an answer may wait would be the loss that the log tells of.
    await expect.poll(spooled, PATIENCE).toMatchObject([[{ tenant: OFFICER.tenant }]]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await release();
    expect(await storedIds()).toEqual([]);
    for (let start = 0; start < 2; start++) {
      const { child: next } = await serve();
      await expect
        .poll(
          () =>
            database.db.selectFrom('cases').select(['post', 'asking_tenant', 'version']).execute(),
          PATIENCE,
        )
        .toEqual([{ post: 'FRA', asking_tenant: 'BORDER-D', version: 1 }]);
      next.kill('SIGTERM');
      await once(next, 'exit');
    }
    expect(await storedIds()).toHaveLength(1);
    const told = await database.db.selectFrom('notifications').select('tenant').execute();
    expect(told.map(({ tenant }) => tenant).sort()).toEqual(['BORDER-D', 'NCB-D', 'NCB-UTO']);
  });

  it('has what was late kept for its owner alone, whole, until it is stored', async () => {
    const release = await hold();
    const db = openDatabase(database.location, { busyTimeoutMs: 20 });
    const { recorder, late } = recorderOf(db);
    const rows = [sighting('one'), sighting('two')];
    await recorder.record(rows);
    expect(late).toEqual([{ lateCount: 2, keptCount: 2 }]);
    const [kept] = files();
    expect(statSync(join(folder, kept!)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(join(folder, kept!), 'utf8'))).toEqual(rows);
    await release();
    await expect.poll(files, PATIENCE).toEqual([]);
    expect(await storedIds()).toEqual(['one', 'two']);
    await recorder.record([sighting('three')]);
    expect([late.length, files()]).toEqual([1, []]);
    await recorder.stop();
    await db.destroy();
  });

  it('answers all the same where nothing can be kept, and says so', async () => {
    const release = await hold();
    const db = openDatabase(database.location, { busyTimeoutMs: 20 });
    const nowhere = recorderOf(db, { spool: new SightingSpool({ folder: '/dev/null/sightings' }) });
    await nowhere.recorder.record([sighting('one')]);
    const full = recorderOf(db, { spool: new SightingSpool({ folder }, 1) });
    await full.recorder.record([sighting('two')]);
    await full.recorder.record([sighting('three')]);
    expect(nowhere.late).toEqual([{ lateCount: 1, keptCount: 0 }]);
    expect(full.late.at(-1)).toEqual({ lateCount: 1, keptCount: 0 });
    expect(files()).toHaveLength(1);
    await release();
    await expect.poll(storedIds, PATIENCE).toEqual(['one', 'three', 'two']);
    for (const { recorder } of [nowhere, full]) await recorder.stop();
    await db.destroy();
  });

  it('waits for a slow disk no longer than for the database, and keeps nothing that is stored', async () => {
    const release = await hold();
    const db = openDatabase(database.location, { busyTimeoutMs: 20 });
    const spool = new SlowSpool({ folder });
    const { recorder, late } = recorderOf(db, { spool, keepMaxMs: 20 });
    await recorder.record([sighting('one')]);
    expect(late).toEqual([{ lateCount: 1, keptCount: 0 }]);
    spool.write();
    await expect.poll(files, PATIENCE).toHaveLength(1);
    await release();
    await expect.poll(files, PATIENCE).toEqual([]);
    expect(await storedIds()).toEqual(['one']);
    await recorder.stop();
    await db.destroy();
  });

  it('is late with no hit that is stored while the disk is slow', async () => {
    const release = await hold();
    const db = openDatabase(database.location, { busyTimeoutMs: 20 });
    const spool = new SlowSpool({ folder });
    const { recorder, late } = recorderOf(db, { spool });
    const recorded = recorder.record([sighting('one')]);
    await spool.asked;
    await release();
    await recorded;
    expect(late).toEqual([]);
    spool.write();
    await expect.poll(files, PATIENCE).toEqual([]);
    expect(await storedIds()).toEqual(['one']);
    await recorder.stop();
    await db.destroy();
  });

  it('stores a hit that comes at any moment of the write before it', async () => {
    const { recorder, late } = recorderOf(database.db, { waitMaxMs: 5_000 });
    // A turn more each time, so that one of them is the end of the write.
    for (let turns = 0; turns < 150; turns++) {
      const first = recorder.record([sighting(`first-${turns}`)]);
      for (let turn = 0; turn < turns; turn++) await undefined;
      const second = recorder.record([sighting(`second-${turns}`)]);
      await Promise.all([first, second]);
    }
    expect(late).toEqual([]);
    await recorder.stop();
  });

  it('stores what another process left, beside what it left torn', async () => {
    const spool = new SightingSpool({ folder });
    await spool.keep([sighting('one')]);
    await spool.keep([sighting('one'), sighting('two')]);
    const torn = ['A', 'B'].map((letter) => `${letter.repeat(22)}.json`);
    for (const each of torn) writeFileSync(join(folder, each), '[{"id":"thr');
    await utimes(join(folder, torn[0]!), 0, 0);
    writeFileSync(join(folder, 'README'), 'not ours');
    const { recorder } = recorderOf(database.db);
    await recorder.recover();
    // One that somebody may still be writing stays.
    await expect.poll(() => files().sort(), PATIENCE).toEqual([torn[1], 'README']);
    expect(await storedIds()).toEqual(['one', 'two']);
    await recorder.stop();
  });

  it('leaves a file that it does not understand, says so, and stores the others', async () => {
    const spool = new SightingSpool({ folder });
    await spool.keep([sighting('one')]);
    const [other, unreadable] = ['C', 'D'].map((letter) => `${letter.repeat(22)}.json`);
    writeFileSync(join(folder, other!), JSON.stringify([{ ...sighting('two'), colour: 'red' }]));
    mkdirSync(join(folder, unreadable!));
    const unread: string[] = [];
    const onUnread = (file: string) => unread.push(file);
    const recorder = new SightingRecorder({ store: storeIn(database.db), spool, onUnread });
    await recorder.recover();
    await expect.poll(() => files().sort(), PATIENCE).toEqual([other, unreadable]);
    expect(unread.sort()).toEqual([other, unreadable]);
    expect(await storedIds()).toEqual(['one']);
    await recorder.stop();
  });

  it('passes over a file that another service has stored meanwhile', async () => {
    const spool = new SightingSpool({ folder });
    await spool.keep([sighting('one')]);
    await spool.keep([sighting('two')]);
    const names: string[] = [];
    for await (const { name } of spool.read()) {
      names.push(name);
      for (const each of files()) rmSync(join(folder, each));
    }
    expect(names).toHaveLength(1);
  });

  it('is not started over a folder that cannot be read', async () => {
    const nowhere = recorderOf(database.db, {
      spool: new SightingSpool({ folder: '/dev/null/sightings' }),
    });
    await expect(nowhere.recorder.recover()).rejects.toMatchObject({ code: 'config-invalid' });
    await nowhere.recorder.stop();
  });
});
