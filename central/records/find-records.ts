/**
 * Look-ups: what the database says about keys and ids, and up to when it is complete.
 *
 * Records, restrictions, `asOf` and the digest of the export are read by one statement, and so from one
 * snapshot. Read apart, a load between them could pair the new `asOf` with the old records, and a new
 * report would be cleared in the name of data that has it.
 */

import { type RawBuilder, sql } from 'kysely';
import { canonicalKey } from '../../src/document/canonical-key.ts';
import { DOCUMENT_CLASSES } from '../../src/document/document-class.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { CATEGORIES } from '../../src/format/category.ts';
import { isPostgres } from '../database/database.ts';
import type { CentralDatabase } from '../database/schema.ts';
import type { PageRequest } from '../http/page.ts';
import { isRestricted } from '../restrictions/find-restrictions.ts';
import type { DataStateTable, OperationCounterTable, RecordRow } from './tables.ts';

/** What is loaded; undefined before the first load. */
export interface DataState {
  collection: string;
  /** The records are complete up to here, in milliseconds since 1970. */
  asOf: number;
  /** Digest of the export's files in hexadecimal; absent if the records came from none. */
  inputsSha256?: string;
  recordCount: number;
  /** The records include every operation of the log up to this one. */
  operationSequence: number;
}

/** One snapshot of the list, as far as it was asked about. */
export interface Listed {
  state: DataState;
  /** For each key that is listed, its record of the highest category. */
  records: ReadonlyMap<string, RecordRow>;
  /** Of the keys, those of states that keep their records from the caller; they have no record here. */
  restricted: ReadonlySet<string>;
}

/**
 * The listed records of up to 4,096 keys, as far as a caller of this state may know of them; undefined
 * before the first load: that is no answer.
 */
export async function findListed(
  db: CentralDatabase,
  keys: readonly string[],
  callerState: string | undefined,
): Promise<Listed | undefined> {
  const { rows } = await listedQuery(db, new Set(keys), callerState).execute(db);
  const state = rows[0] && dataState(rows[0]);
  if (!state) return undefined;
  const records = new Map<string, RecordRow>();
  const restricted = new Set<string>();
  for (const row of rows) {
    const key = row.asked_key;
    if (key === null) continue;
    if (row.is_restricted) restricted.add(key);
    else if (row.id !== null) {
      const before = records.get(key);
      if (!before || outweighs(row, before)) records.set(key, row);
    }
  }
  return { state, records, restricted };
}

/** Of a left join: without a key, none is listed or restricted; without an id, it is restricted alone. */
type ListedRow = DataStateRow &
  (
    | ({ asked_key: string; is_restricted: boolean | 0 | 1 } & (RecordRow | { id: null }))
    | { asked_key: null }
  );

/**
 * The one statement behind findListed(), which is a snapshot on both databases: what is loaded, with each
 * record of a key and each key that is restricted; of none of them, what is loaded alone. The keys are one
 * value, so that the statement is the same for any number of them.
 */
export function listedQuery(
  db: CentralDatabase,
  keys: ReadonlySet<string>,
  callerState: string | undefined,
): RawBuilder<ListedRow> {
  const list = JSON.stringify([...keys]);
  const asked = isPostgres(db)
    ? sql`json_array_elements_text(cast(${list} as json))`
    : sql`json_each(${list})`;
  // Of unknown state: excluded wherever anybody is, see src/format/restrictions.ts.
  const isExcluded =
    callerState === undefined ? sql`` : sql`and restrictions.excluded = ${callerState}`;
  return sql`
    select collection, as_of, inputs_sha256, record_count, last_seq, found.*
    from data_state
    join operation_counter on operation_counter.id = data_state.id
    left join (
      select records.*, asked.value as asked_key,
        exists (
          select 1 from restrictions
          where restrictions.source = replace(substr(asked.value, 2, 3), '<', '') ${isExcluded}
        ) as is_restricted
      from ${asked} as asked
      left join record_keys on record_keys.key = asked.value
      left join records on records.id = record_keys.record_id and records.withdrawn_at is null
    ) as found on found.id is not null or found.is_restricted
    where data_state.id = 1`;
}

/** Issuing state in a canonical key (docs/format.md section 3). */
export const stateOfKey = (key: string): string => key.slice(1, 4).replaceAll('<', '');

/** The record of an id, withdrawn or not; undefined too if its state keeps it from the caller. */
export async function findRecord(
  db: CentralDatabase,
  id: string,
  { state }: { state: string | undefined },
): Promise<RecordRow | undefined> {
  const row = await db.selectFrom('records').selectAll().where('id', '=', id).executeTakeFirst();
  return row && (await isRestricted(db, row.state, state)) ? undefined : row;
}

/** Records of an issuing state or of all, withdrawn ones too, in order of id: one row more than the page has. */
export async function listRecords(
  db: CentralDatabase,
  of: { state: string } | 'all',
  { limit, after }: PageRequest<string>,
): Promise<RecordRow[]> {
  let query = db.selectFrom('records').selectAll();
  if (of !== 'all') query = query.where('state', '=', of.state);
  return query
    .where('id', '>', after ?? '')
    .orderBy('id')
    .limit(limit + 1)
    .execute();
}

/** Records of one number in any class, withdrawn ones too, in order of id: one row more than the page has. */
export async function recordsOfNumber(
  db: CentralDatabase,
  { state, number }: { state: StateCode; number: string },
  { limit, after }: PageRequest<string>,
): Promise<RecordRow[]> {
  const keys = DOCUMENT_CLASSES.map((each) => canonicalKey(each, state, number));
  // Ids first, of the keys alone: no plan then goes through the records in order of their ids.
  const ids = await db
    .selectFrom('record_keys')
    .select('record_id')
    .distinct()
    .where('key', 'in', keys)
    .where('record_id', '>', after ?? '')
    .orderBy('record_id')
    .limit(limit + 1)
    .execute();
  if (ids.length === 0) return [];
  return db
    .selectFrom('records')
    .selectAll()
    .where(
      'id',
      'in',
      ids.map(({ record_id: id }) => id),
    )
    .orderBy('id')
    .execute();
}

/** What is loaded, or undefined if nothing is. */
export async function readDataState(db: CentralDatabase): Promise<DataState | undefined> {
  const row = await db
    .selectFrom('data_state')
    .innerJoin('operation_counter', 'operation_counter.id', 'data_state.id')
    .select(['collection', 'as_of', 'inputs_sha256', 'record_count', 'last_seq'])
    .executeTakeFirst();
  return row && dataState(row);
}

type DataStateRow = Pick<
  DataStateTable & OperationCounterTable,
  'collection' | 'as_of' | 'inputs_sha256' | 'record_count' | 'last_seq'
>;

function dataState(row: DataStateRow): DataState | undefined {
  if (row.collection === null || row.as_of === null) return undefined;
  return {
    collection: row.collection,
    asOf: row.as_of,
    ...(row.inputs_sha256 === null ? {} : { inputsSha256: row.inputs_sha256 }),
    recordCount: row.record_count ?? 0,
    operationSequence: row.last_seq,
  };
}

/** Highest category first, as in a match page; among equals the lower id, so that runs agree. */
function outweighs(record: RecordRow, before: RecordRow): boolean {
  const weight = CATEGORIES.indexOf(record.category) - CATEGORIES.indexOf(before.category);
  return weight === 0 ? record.id < before.id : weight > 0;
}
