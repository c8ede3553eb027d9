/**
 * The database of central: a SQLite file, or PostgreSQL where a URL is given.
 *
 * Everything else in this folder is one code for both.
 */

import type { DatabaseSync } from 'node:sqlite';
import { CompiledQuery, Kysely, PostgresAdapter, PostgresDialect, SqliteDialect } from 'kysely';
import pg from 'pg';
import { assert, SltdError } from '../../src/errors.ts';
import type { CentralDatabase, CentralSchema } from './schema.ts';
import { keptStatements, openSqlite } from './sqlite.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const CONNECTIONS_MAX = 10;

export type DatabaseLocation = { url: string } | { file: string };

/** What stands behind a database, for what Kysely cannot do. */
export type Driver = { sqlite: DatabaseSync; openReader: () => Reader } | { pool: pg.Pool };

interface Reader {
  db: CentralDatabase;
  sqlite: DatabaseSync;
}

const DRIVERS = new WeakMap<CentralDatabase, Driver>();
const READERS = new WeakMap<DatabaseSync, Reader>();

interface OpenOptions {
  /** PostgreSQL gives up a statement after this; none by default, since a load takes its time. */
  statementTimeoutMs?: number;
  /** SQLite waits this long for another writer, and nothing else happens meanwhile. */
  busyTimeoutMs?: number;
}

/** Open the database; a server is first spoken to by the first query. 'config-invalid' if unusable. */
export function openDatabase(
  location: DatabaseLocation,
  { statementTimeoutMs, busyTimeoutMs }: OpenOptions = {},
): CentralDatabase {
  const driver: Driver =
    'url' in location
      ? { pool: openPool(location.url, statementTimeoutMs) }
      : openFile(location.file, busyTimeoutMs);
  const db = new Kysely<CentralSchema>({ dialect: dialectOf(driver) });
  DRIVERS.set(db, driver);
  return db;
}

/** One answer takes milliseconds; what takes this long is given up. */
const STATEMENT_TIMEOUT_MS = 10_000;
/** SQLite alone: a waiting writer keeps its whole thread waiting, so it asks again later instead. */
const SHORT_BUSY_TIMEOUT_MS = 20;

/** The database for what runs on, and must not be held up for long by what others do with it. */
export const openForService = (location: DatabaseLocation): CentralDatabase =>
  openDatabase(location, {
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    busyTimeoutMs: SHORT_BUSY_TIMEOUT_MS,
  });

/**
 * The database for questions that must not wait for a transaction of this process. SQLite has one
 * connection for all others, which a long change keeps; PostgreSQL has a pool. Only to read from; it
 * closes with the database that it is of.
 */
export function readerOf(db: CentralDatabase): CentralDatabase {
  const driver = driverOf(db);
  if ('pool' in driver) return db;
  const reader = READERS.get(driver.sqlite) ?? driver.openReader();
  READERS.set(driver.sqlite, reader);
  return reader.db;
}

/** What stands behind a database that openDatabase() opened. */
export function driverOf(db: CentralDatabase): Driver {
  const driver = DRIVERS.get(db);
  assert(driver !== undefined, 'a database of openDatabase(), not a transaction of it');
  return driver;
}

/** True on PostgreSQL, also inside a transaction. */
export const isPostgres = (db: Pick<CentralDatabase, 'getExecutor'>): boolean =>
  db.getExecutor().adapter instanceof PostgresAdapter;

const SQLITE_BUSY = 5;
const SQLITE_CANTOPEN = 14;
/** PostgreSQL: a statement timed out, a lock is not to be had, two waited for each other. */
const POSTGRES_BUSY = new Set(['57014', '55P03', '40P01']);
/** All connections are in use; the pool's error has no code. */
const POOL_BUSY = 'timeout exceeded when trying to connect';

/** True if the database could not be asked or written because of what others do with it. */
export function isBusy(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (sqliteCode(error) === SQLITE_BUSY || error.message === POOL_BUSY) return true;
  const { code } = error as { code?: string };
  return code !== undefined && POSTGRES_BUSY.has(code);
}

/** Of the line to the server and of its name. */
const LINE_CODES = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT'],
  ...['EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'ENOTFOUND', 'EAI_AGAIN'],
]);
/** Connection exceptions, and a server that is shut down or starts (PostgreSQL, appendix A). */
const POSTGRES_AWAY = /^(08...|57P0.)$/;
/** What pg says of a connection without a code. */
const LINE_LOST =
  /^(timeout (exceeded|expired)|Connection terminated|Client has encountered a connection error)/;

/**
 * True if the database cannot be reached by anybody on this line, or hangs: its server is away, or a SQLite file
 * cannot be opened or stays busy. One that answers, and refuses, is there: others may well write to it.
 */
export function isAway(error: unknown): boolean {
  // So does migrate() end.
  if (error instanceof SltdError) return error.code === 'internal' && isAway(error.cause);
  if (!(error instanceof Error)) return false;
  const sqlite = sqliteCode(error);
  if (sqlite !== undefined) return sqlite === SQLITE_BUSY || sqlite === SQLITE_CANTOPEN;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined) return LINE_LOST.test(error.message);
  const isNoSocket = code === 'ENOENT' && syscall === 'connect';
  return LINE_CODES.has(code) || isNoSocket || POSTGRES_AWAY.test(code);
}

/** SQLite's primary result code: the low byte, the others say in what way; undefined of another error. */
function sqliteCode(error: Error): number | undefined {
  const { errcode } = error as { errcode?: number };
  return errcode === undefined ? undefined : errcode & 0xff;
}

function openFile(file: string, busyTimeoutMs: number | undefined): Driver {
  try {
    const openReader = () => {
      const sqlite = openSqlite(file, busyTimeoutMs);
      const dialect = new SqliteDialect({ database: keptStatements(sqlite) });
      return { db: new Kysely<CentralSchema>({ dialect }), sqlite };
    };
    return { sqlite: openSqlite(file, busyTimeoutMs), openReader };
  } catch (cause) {
    throw new SltdError('config-invalid', { detail: 'DATABASE_FILE cannot be opened', cause });
  }
}

function dialectOf(driver: Driver): PostgresDialect | SqliteDialect {
  if ('sqlite' in driver) {
    const { sqlite } = driver;
    const close = () => {
      READERS.get(sqlite)?.sqlite.close();
      sqlite.close();
    };
    return new SqliteDialect({ database: { ...keptStatements(sqlite), close } });
  }
  return new PostgresDialect({
    pool: driver.pool,
    // The default of 4 is for spinning disks, and makes the planner read whole tables.
    onCreateConnection: async (connection) => {
      await connection.executeQuery(CompiledQuery.raw('set random_page_cost = 1.1'));
    },
  });
}

function openPool(url: string, statementTimeoutMs: number | undefined): pg.Pool {
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new SltdError('config-invalid', { detail: 'DATABASE_URL is not a postgres:// URL' });
  }
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs,
    types: { getTypeParser },
  });
  // A connection that breaks is replaced by the next query, and one under way is told; but without a listener
  // each of the two, idle in the pool or in use, would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** bigint as a number: all of ours are times or counts below 2^53. */
const getTypeParser: typeof pg.types.getTypeParser = (type: number, format?: 'text' | 'binary') =>
  type === pg.types.builtins.INT8 && format !== 'binary'
    ? Number
    : pg.types.getTypeParser(type, format as 'text');
