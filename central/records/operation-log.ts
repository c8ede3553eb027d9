/**
 * Operation log: every change of what is listed, in one order, as the overlay carries it to the edges.
 *
 * An operation is written in the transaction that changes the record, so neither is ever there without
 * the other. Its number is given under the lock of the one row of `operation_counter`, which a
 * transaction takes before it looks at anything: numbers have no gaps, and whoever has read up to n
 * has seen every operation up to n, because a later number cannot be committed before a lower one.
 * A correction of what is listed is a withdrawal and an addition.
 */

import type { Transaction } from 'kysely';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import type { Category } from '../../src/format/category.ts';
import type { CentralDatabase, CentralSchema } from '../database/schema.ts';
import { slicesOf } from './turns.ts';

/** One change of one canonical key. */
export interface Operation {
  /** Place in the log: 1, 2, 3 and so on without gaps. */
  seq: number;
  kind: 'added' | 'withdrawn';
  key: CanonicalKey;
  /** What is listed under the key from now on; of a withdrawal, what was withdrawn. */
  category: Category;
  /** The record whose change it is. */
  recordId: string;
  /** When central took it, in milliseconds since 1970. */
  at: number;
}

/** Most operations that one call returns. */
const OPERATIONS_MAX = 10_000;

/** Operations after `seq` in order, at most `limit` (1 to 10,000). */
export async function operationsAfter(
  db: CentralDatabase,
  seq: number,
  limit: number,
): Promise<Operation[]> {
  const rows = await db
    .selectFrom('operations')
    .selectAll()
    .where('seq', '>', seq)
    .orderBy('seq')
    .limit(Math.min(limit, OPERATIONS_MAX))
    .execute();
  return rows.map(({ record_id: recordId, key, ...rest }) => ({
    ...rest,
    key: key as CanonicalKey,
    recordId,
  }));
}

/**
 * Operations of records that a bureau changed, in order, where no export up to a time has confirmed the
 * change; with the time of the earliest export that has, null while none has.
 */
export async function operationsUnconfirmed(
  db: CentralDatabase,
  asOfMs: number,
): Promise<(Operation & { confirmedAsOf: number | null })[]> {
  const rows = await db
    .selectFrom('bureau_changes')
    .innerJoin('operations', 'operations.record_id', 'bureau_changes.record_id')
    .selectAll('operations')
    .select('confirmed_as_of')
    .where((eb) => eb.or([eb('confirmed_as_of', 'is', null), eb('confirmed_as_of', '>', asOfMs)]))
    .orderBy('seq')
    .execute();
  return rows.map(({ record_id: recordId, key, confirmed_as_of: confirmedAsOf, ...rest }) => ({
    ...{ ...rest, key: key as CanonicalKey, recordId, confirmedAsOf },
  }));
}

/** Number of the last operation; 0 if there is none. */
export async function lastOperation(db: CentralDatabase): Promise<number> {
  const row = await db.selectFrom('operation_counter').select('last_seq').executeTakeFirstOrThrow();
  return row.last_seq;
}

/**
 * Number of the last operation that was taken at or before a time, in milliseconds since 1970; 0 if
 * there is none. For whoever holds an export that is complete up to then.
 */
export async function lastOperationAt(db: CentralDatabase, atMs: number): Promise<number> {
  const row = await db
    .selectFrom('operations')
    .select((eb) => eb.fn.min<number | null>('seq').as('seq'))
    .where('at', '>', atMs)
    .executeTakeFirstOrThrow();
  return row.seq === null ? lastOperation(db) : row.seq - 1;
}

/**
 * Takes the lock under which records change, until the transaction ends. First of all statements and
 * a write: SQLite then has its write lock before it reads.
 */
export async function lockRecords(transaction: Transaction<CentralSchema>): Promise<void> {
  await transaction
    .updateTable('operation_counter')
    .set((eb) => ({ last_seq: eb.ref('last_seq') }))
    .where('id', '=', 1)
    .execute();
}

/** Write operations under the lock; the number of the last one. */
export async function appendOperations(
  transaction: Transaction<CentralSchema>,
  operations: readonly Omit<Operation, 'seq'>[],
): Promise<number> {
  const { last_seq: last } = await transaction
    .updateTable('operation_counter')
    .set((eb) => ({ last_seq: eb('last_seq', '+', operations.length) }))
    .where('id', '=', 1)
    .returning('last_seq')
    .executeTakeFirstOrThrow();
  const first = last - operations.length + 1;
  const rows = operations.map(({ recordId, ...rest }, index) => ({
    ...{ ...rest, record_id: recordId, seq: first + index },
  }));
  for await (const slice of slicesOf(rows)) {
    await transaction.insertInto('operations').values(slice).execute();
  }
  return last;
}
