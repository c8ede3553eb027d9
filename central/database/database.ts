/**
 * The database of central: a SQLite file, or PostgreSQL where a URL is given.
 *
 * Everything else in this folder is one code for both.
 */

import { CompiledQuery, Kysely, PostgresDialect, SqliteDialect } from 'kysely';
import pg from 'pg';
import { SltdError } from '../../src/errors.ts';
import type { CentralDatabase, CentralSchema } from './schema.ts';
import { openSqlite } from './sqlite.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const CONNECTIONS_MAX = 10;

export type DatabaseLocation = { url: string } | { file: string };

interface OpenOptions {
  /** PostgreSQL gives up a statement after this; none by default, since a load takes its time. */
  statementTimeoutMs?: number;
}

/** Open the database; a server is first spoken to by the first query. 'config-invalid' if unusable. */
export function openDatabase(
  location: DatabaseLocation,
  { statementTimeoutMs }: OpenOptions = {},
): CentralDatabase {
  const dialect =
    'url' in location
      ? postgresDialect(location.url, statementTimeoutMs)
      : sqliteDialect(location.file);
  return new Kysely<CentralSchema>({ dialect });
}

function sqliteDialect(file: string): SqliteDialect {
  try {
    return new SqliteDialect({ database: openSqlite(file) });
  } catch (cause) {
    throw new SltdError('config-invalid', { detail: 'DATABASE_FILE cannot be opened', cause });
  }
}

function postgresDialect(url: string, statementTimeoutMs: number | undefined): PostgresDialect {
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
  // A connection that breaks while idle is replaced by the next query; without a listener it would
  // end the process.
  pool.on('error', () => {});
  return new PostgresDialect({
    pool,
    // The default of 4 is for spinning disks, and makes the planner read whole tables.
    onCreateConnection: async (connection) => {
      await connection.executeQuery(CompiledQuery.raw('set random_page_cost = 1.1'));
    },
  });
}

/** bigint as a number: all of ours are times or counts below 2^53. */
const getTypeParser: typeof pg.types.getTypeParser = (type: number, format?: 'text' | 'binary') =>
  type === pg.types.builtins.INT8 && format !== 'binary'
    ? Number
    : pg.types.getTypeParser(type, format as 'text');
