/**
 * The list in the database, replaced inside one transaction: begin, batches, finish.
 *
 * Rows that are as they were are not touched. Rows that no batch brought are withdrawn, not deleted.
 * Who sees what of it is the transaction's business; whoever calls decides on commit or rollback.
 */

import { sql, type Transaction } from 'kysely';
import type { CentralSchema, RecordKeysTable, RecordRow } from '../database/schema.ts';

/** Two columns a row, and SQLite takes at most 32,766 parameters a statement. */
const KEYS_PER_STATEMENT = 8_000;

type ListTransaction = Transaction<CentralSchema>;

/** What was loaded before; the lock on it makes any other load wait until this one is through. */
export async function beginReplacement(
  transaction: ListTransaction,
  collection: string,
): Promise<{ asOf: number | null; identityKey: Uint8Array }> {
  // First of all statements and a write: SQLite then takes its write lock before it reads.
  const before = await transaction
    .updateTable('data_state')
    .set({ collection })
    .where('id', '=', 1)
    .returning(['as_of', 'identity_key'])
    .executeTakeFirstOrThrow();
  await transaction.schema
    .createTable('loaded_ids')
    .temporary()
    .addColumn('id', 'text', (column) => column.primaryKey())
    .execute();
  const identityKey = new Uint8Array(Buffer.from(before.identity_key, 'base64url'));
  return { asOf: before.as_of, identityKey };
}

/** Write rows of different ids, at most 1,000, and their keys. */
export async function replaceBatch(
  transaction: ListTransaction,
  rows: readonly RecordRow[],
  keys: readonly RecordKeysTable[],
): Promise<void> {
  await upsert(transaction, rows);
  for (let start = 0; start < keys.length; start += KEYS_PER_STATEMENT) {
    await transaction
      .insertInto('record_keys')
      .values(keys.slice(start, start + KEYS_PER_STATEMENT))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  await transaction
    .insertInto('loaded_ids')
    .values(rows.map(({ id }) => ({ id })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Columns that a later export may correct; the others are part of the id. */
const CORRECTABLE = [
  'number_as_reported',
  'date_of_theft',
  'place_of_theft',
  'country_of_theft',
  'date_of_issue',
  'date_of_expiry',
  'owner_ncb',
  'reported_at',
  'blank_from',
  'blank_to',
] as const;

/** Insert rows, or correct those that differ or were withdrawn. */
async function upsert(transaction: ListTransaction, rows: readonly RecordRow[]): Promise<void> {
  await transaction
    .insertInto('records')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet((eb) => ({
          ...Object.fromEntries(
            CORRECTABLE.map((column) => [column, eb.ref(`excluded.${column}`)]),
          ),
          updated_at: eb.ref('excluded.updated_at'),
          withdrawn_at: null,
        }))
        .where((eb) =>
          eb.or([
            eb('records.withdrawn_at', 'is not', null),
            ...CORRECTABLE.map((column) =>
              eb(`records.${column}`, 'is distinct from', eb.ref(`excluded.${column}`)),
            ),
          ]),
        ),
    )
    .execute();
}

/** Withdraw what no batch brought, set what is loaded, refresh the planner's figures. */
export async function finishReplacement(
  transaction: ListTransaction,
  { asOf, inputsSha256, nowMs }: { asOf: number; inputsSha256: string | null; nowMs: number },
): Promise<{ listedCount: number; withdrawnCount: number }> {
  await sql`analyze loaded_ids`.execute(transaction);
  const { numUpdatedRows } = await transaction
    .updateTable('records')
    .set({ withdrawn_at: nowMs, updated_at: nowMs })
    .where('withdrawn_at', 'is', null)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('loaded_ids')
            .select('loaded_ids.id')
            .whereRef('loaded_ids.id', '=', 'records.id'),
        ),
      ),
    )
    .executeTakeFirstOrThrow();
  await transaction.schema.dropTable('loaded_ids').execute();
  const { count } = await transaction
    .selectFrom('records')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('withdrawn_at', 'is', null)
    .executeTakeFirstOrThrow();
  await transaction
    .updateTable('data_state')
    .set({ as_of: asOf, inputs_sha256: inputsSha256, record_count: count })
    .where('id', '=', 1)
    .execute();
  // Without them PostgreSQL reads whole tables for a look-up, until it gets round to it by itself.
  await sql`analyze records`.execute(transaction);
  await sql`analyze record_keys`.execute(transaction);
  return { listedCount: count, withdrawnCount: Number(numUpdatedRows) };
}
