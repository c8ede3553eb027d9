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
import type { ReportedRow } from '../records/record-row.ts';

/** Columns of a staged row, in order; before them stands its place in the export, from 1. */
export const STAGED_COLUMNS = [
  'id',
  'state',
  'type_code',
  'classes',
  'number',
  'number_as_reported',
  'category',
  'date_of_theft',
  'place_of_theft',
  'country_of_theft',
  'date_of_issue',
  'date_of_expiry',
  'national_reference',
  'notice_color',
  'owner_ncb',
  'reported_at',
  'blank_from',
  'blank_to',
] as const satisfies readonly (keyof ReportedRow)[];

/** Takes rows; close() ends the staging and removes it. */
export interface Staging {
  add(rows: readonly ReportedRow[]): Promise<void>;
  /** All rows are in. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** Any number will do that no other program uses on this database. */
const LOAD_LOCK = 7_235_463;
const COLUMNS_SQL = `place bigint not null, ${STAGED_COLUMNS.map((name) => `${name} text`).join(', ')}`;

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
  database.exec(`pragma foreign_keys = off; create temp table load_staging (${COLUMNS_SQL});`);
  const places = Array(STAGED_COLUMNS.length + 1).fill('?');
  const insert = database.prepare(`insert into temp.load_staging values (${places.join(',')})`);
  let place = 0;
  return {
    add: async (rows) => {
      database.exec('begin');
      try {
        for (const row of rows) insert.run(++place, ...STAGED_COLUMNS.map((name) => row[name]));
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
    await client.query(`create unlogged table load_staging (${COLUMNS_SQL})`);
    const copy = client.query(copyFrom('copy load_staging from stdin'));
    let failure: unknown;
    copy.on('error', (error) => {
      failure = error;
    });
    const finished = once(copy, 'finish');
    finished.catch(() => {});
    let place = 0;
    let isFinished = false;
    return {
      add: async (rows) => {
        if (failure) throw failure;
        let text = '';
        for (const row of rows) text += copyLine(++place, row);
        if (!copy.write(text)) await Promise.race([once(copy, 'drain'), finished]);
      },
      finish: async () => {
        isFinished = true;
        copy.end();
        await finished;
        await client.query('analyze load_staging');
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

/** One row in the text format of COPY: tabs between, \N for null, backslashes before what is special. */
function copyLine(place: number, row: ReportedRow): string {
  let line = String(place);
  for (const name of STAGED_COLUMNS) {
    const value = row[name];
    line += value === null ? '\t\\N' : `\t${SPECIAL.test(value) ? escaped(value) : value}`;
  }
  return `${line}\n`;
}

const SPECIAL = /[\\\t\n\r]/;
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
const escaped = (text: string): string => text.replace(/[\\\t\n\r]/g, (sign) => ESCAPES[sign]!);
