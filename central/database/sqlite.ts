/**
 * node:sqlite in the shape in which Kysely's SQLite dialect takes a database.
 *
 * Statements are kept by their text: a load repeats one insert of thousands of parameters, and to
 * parse it costs more than to run it. A kept statement is run to its end before the next call, as
 * all calls are synchronous; iterate(), which is not, gets a statement of its own.
 */

import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { SqliteDatabase, SqliteStatement } from 'kysely';

/**
 * A writer waits this long for another one, and its whole process with it; readers never wait for
 * writers (WAL). Long enough for a command.
 */
const BUSY_TIMEOUT_MS = 5_000;
const STATEMENTS_MAX = 64;

/** Open or create a database file, readable by its owner alone. */
export function openSqlite(path: string, busyTimeoutMs = BUSY_TIMEOUT_MS): DatabaseSync {
  // SQLite gives its -wal and -shm files the mode of the file that it finds.
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path, {
    timeout: busyTimeoutMs,
    enableForeignKeyConstraints: true,
  });
  database.exec(
    'pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -65536;',
  );
  return database;
}

/** The database as Kysely takes one. */
export function keptStatements(database: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>();
  return {
    close: () => database.close(),
    prepare: (text) => {
      const kept = statements.get(text);
      if (kept) return kept;
      const statement = wrap(database, text);
      const oldest = statements.keys().next();
      if (statements.size >= STATEMENTS_MAX && !oldest.done) statements.delete(oldest.value);
      statements.set(text, statement);
      return statement;
    },
  };
}

function wrap(database: DatabaseSync, text: string): SqliteStatement {
  const statement: StatementSync = database.prepare(text);
  const values = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => database.prepare(text).iterate(...values(parameters)),
  };
}
