/**
 * Staging: the rows of an export beside the list, before anything of the list changes.
 *
 * Reading and writing an export takes minutes to an hour, and nobody may wait for that long; so its
 * rows go into a table of their own, outside of any transaction, and merge-list.ts takes them over in one.
 * SQLite gets them by one prepared statement into a temporary table, PostgreSQL by COPY into an
 * unlogged one. One load at a time: PostgreSQL holds an advisory lock meanwhile, and what a killed
 * load left behind goes away with the next.
 */

import { once } from 'node:events';
import type { DatabaseSync } from 'node:sqlite';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { driverOf } from '../database/database.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { STAGED_COLUMNS, valuesOf } from './row-text.ts';

/** Takes rows in the order of the export; close() ends the staging and removes it. */
export interface Staging {
  /** Whole lines of row-text.ts, in UTF-8. */
  add(lines: Uint8Array): Promise<void>;
  /** All rows are in. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** Any number will do that no other program uses on this database. */
const LOAD_LOCK = 7_235_463;
const COLUMNS_SQL = STAGED_COLUMNS.map((name) => `${name} text`).join(', ');

/** An empty staging table; waits while another load is under way on PostgreSQL. */
export function openStaging(db: CentralDatabase): Promise<Staging> {
  const driver = driverOf(db);
  return 'pool' in driver ? openPostgres(driver.pool) : openSqliteStaging(driver.sqlite);
}

async function openSqliteStaging(database: DatabaseSync): Promise<Staging> {
  const drop = () =>
    database.exec('drop table if exists temp.load_staging; drop table if exists temp.load_list;');
  drop();
  // Checked once a key otherwise: merge-list.ts writes keys and records together.
  database.exec(
    `pragma foreign_keys = off; create temp table load_staging (place integer primary key, ${COLUMNS_SQL});`,
  );
  const insert = database.prepare(
    `insert into temp.load_staging values (null, ${STAGED_COLUMNS.map(() => '?').join(', ')})`,
  );
  return {
    add: async (lines) => {
      const rows = Buffer.from(lines.buffer, lines.byteOffset, lines.length).toString();
      database.exec('begin');
      try {
        for (const line of rows.split('\n')) if (line !== '') insert.run(...valuesOf(line));
      } finally {
        database.exec('commit');
      }
    },
    finish: async () => {},
    close: async () => {
      drop();
      database.exec('pragma foreign_keys = on');
    },
  };
}

async function openPostgres(pool: pg.Pool): Promise<Staging> {
  const client = await pool.connect();
  try {
    await client.query(`select pg_advisory_lock(${LOAD_LOCK})`);
    await client.query('drop table if exists load_staging, load_list');
    await client.query(
      `create unlogged table load_staging (place bigint generated always as identity, ${COLUMNS_SQL})`,
    );
    const copy = client.query(
      copyFrom(`copy load_staging (${STAGED_COLUMNS.join(', ')}) from stdin`),
    );
    let failure: unknown;
    copy.on('error', (error) => {
      failure = error;
    });
    const finished = once(copy, 'finish');
    finished.catch(() => {});
    let isFinished = false;
    return {
      add: async (lines) => {
        if (failure) throw failure;
        if (!copy.write(lines)) await Promise.race([once(copy, 'drain'), finished]);
      },
      finish: async () => {
        isFinished = true;
        copy.end();
        await finished;
      },
      close: async () => {
        try {
          if (isFinished) await client.query('drop table if exists load_staging, load_list');
        } finally {
          // A connection in the middle of a COPY is of no use to anybody; its end frees the lock.
          client.release(true);
        }
      },
    };
  } catch (error) {
    client.release(true);
    throw error;
  }
}
