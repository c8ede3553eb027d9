/**
 * Databases for the tests of central: a SQLite file, and PostgreSQL.
 *
 * PostgreSQL is the one of DATABASE_URL, else a private cluster that .ci/postgres starts where the
 * programs are installed. Every test gets a database of its own. Where there is no PostgreSQL the
 * suite runs on SQLite alone and says so.
 */

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { type DatabaseLocation, openDatabase } from '../../central/database/database.ts';
import { migrate } from '../../central/database/migrations.ts';
import type { CentralDatabase } from '../../central/database/schema.ts';

const SCRIPT = fileURLToPath(new URL('../../.ci/postgres', import.meta.url));
const run = promisify(execFile);

/** A migrated database of one test. */
export interface TestDatabase {
  db: CentralDatabase;
  /** To open it a second time, from here or from another process. */
  location: DatabaseLocation;
  /** Close it and remove all of it. */
  remove(): Promise<void>;
}

/** A kind of database that is there to be tested on. */
export interface DatabaseKind {
  name: 'SQLite' | 'PostgreSQL';
  /** With the newest schema, or with an earlier one. */
  create(schema?: string): Promise<TestDatabase>;
}

/** The kinds that this machine has, and an end to what was started for them. */
export async function databaseKinds(): Promise<{
  kinds: DatabaseKind[];
  stop(): Promise<void>;
}> {
  const server = await startPostgres();
  if ('reason' in server) {
    console.warn(`central is not tested on PostgreSQL: ${server.reason}`);
    return { kinds: [SQLITE], stop: async () => {} };
  }
  const postgres: DatabaseKind = {
    name: 'PostgreSQL',
    create: (schema) => createPostgres(server.url, schema),
  };
  return { kinds: [SQLITE, postgres], stop: server.stop };
}

const SQLITE: DatabaseKind = {
  name: 'SQLite',
  create: async (schema) => {
    const folder = mkdtempSync(join(tmpdir(), 'sltd-central-'));
    const location = { file: join(folder, 'central.sqlite') };
    const db = openDatabase(location);
    await migrate(db, schema);
    return {
      db,
      location,
      remove: async () => {
        await db.destroy();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};

async function createPostgres(serverUrl: string, schema?: string): Promise<TestDatabase> {
  const name = `sltd_test_${randomBytes(6).toString('hex')}`;
  await administer(serverUrl, `create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const location = { url: url.href };
  const db = openDatabase(location);
  await migrate(db, schema);
  return {
    db,
    location,
    remove: async () => {
      await db.destroy();
      await administer(serverUrl, `drop database ${name} with (force)`);
    },
  };
}

async function administer(serverUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

type Server = { url: string; stop(): Promise<void> } | { reason: string };

async function startPostgres(): Promise<Server> {
  const given = process.env.DATABASE_URL;
  if (given) return { url: given, stop: async () => {} };
  if (process.platform === 'win32') return { reason: '.ci/postgres is for Unix' };
  const folder = join(tmpdir(), `sltd-edge-postgres-${randomBytes(6).toString('hex')}`);
  const stop = async () => {
    await run(SCRIPT, ['stop', folder]);
  };
  try {
    const { stdout } = await run(SCRIPT, ['start', '--no-install', folder]);
    return { url: stdout.trim().replace(/^DATABASE_URL=/, ''), stop };
  } catch (error) {
    await stop().catch(() => {});
    const { stderr } = error as { stderr?: string };
    return { reason: stderr?.trim().split('\n').at(-1) ?? 'it did not start' };
  }
}
