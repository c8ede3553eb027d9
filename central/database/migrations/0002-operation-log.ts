/**
 * Migration 0002: the operation log, and what bureaus need to keep their records by themselves:
 * history, versions, review dates, challenges, repeated requests and held bulks.
 *
 * record_keys loses its foreign key on PostgreSQL: a key and its record are only written together,
 * and a check a row would cost more than the load itself. SQLite cannot drop one in place; there the
 * load switches the check off.
 */

import { type Kysely, sql } from 'kysely';
import { isPostgres } from '../database.ts';

/** Tables around the records. */
export async function createOperationLog(db: Kysely<unknown>): Promise<void> {
  if (isPostgres(db)) {
    await sql`alter table record_keys drop constraint record_keys_record_id_fkey`.execute(db);
  }

  // One row; its lock puts all changes of records in one order, so that numbers have no gaps and
  // no reader meets a number before a lower one.
  await db.schema
    .createTable('operation_counter')
    .addColumn('id', 'integer', (column) => column.primaryKey().check(sql`id = 1`))
    .addColumn('last_seq', 'bigint', (column) => column.notNull())
    .execute();
  await sql`insert into operation_counter (id, last_seq) values (1, 0)`.execute(db);
  await db.schema
    .createTable('operations')
    .addColumn('seq', 'bigint', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) =>
      column.notNull().check(sql`kind in ('added', 'withdrawn')`),
    )
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('category', 'text', (column) => column.notNull())
    .addColumn('record_id', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('operations_at').on('operations').columns(['at']).execute();

  for (const column of ['version', 'open_challenge_count'] as const) {
    const start = column === 'version' ? 1 : 0;
    await db.schema
      .alterTable('records')
      .addColumn(column, 'integer', (definition) => definition.notNull().defaultTo(start))
      .execute();
  }
  await db.schema.alterTable('records').addColumn('replaced_by', 'text').execute();
  await db.schema.alterTable('records').addColumn('review_noticed_at', 'bigint').execute();
  await db.schema.createIndex('records_state').on('records').columns(['state', 'id']).execute();
  await db.schema
    .createIndex('records_review')
    .on('records')
    .columns(['review_date', 'id'])
    .where(sql.ref('review_date'), 'is not', null)
    .execute();

  await db.schema
    .createTable('record_history')
    .addColumn('record_id', 'text', (column) => column.notNull())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addColumn('changes', 'text')
    .addPrimaryKeyConstraint('record_history_pk', ['record_id', 'number'])
    .execute();
  await db.schema
    .createIndex('record_history_tenant')
    .on('record_history')
    .columns(['tenant', 'action', 'at'])
    .execute();

  await db.schema
    .createTable('record_challenges')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('record_id', 'text', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('opened_at', 'bigint', (column) => column.notNull())
    .addColumn('outcome', 'text')
    .addColumn('answer', 'text')
    .addColumn('resolved_by', 'text')
    .addColumn('resolved_at', 'bigint')
    .execute();
  await db.schema
    .createIndex('record_challenges_record')
    .on('record_challenges')
    .columns(['record_id', 'id'])
    .execute();

  await db.schema
    .createTable('repeated_requests')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('request_sha256', 'text', (column) => column.notNull())
    .addColumn('status', 'integer', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('repeated_requests_pk', ['tenant', 'key'])
    .execute();
  await db.schema
    .createIndex('repeated_requests_at')
    .on('repeated_requests')
    .columns(['at'])
    .execute();

  await db.schema
    .createTable('held_bulks')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('cause', 'text', (column) => column.notNull())
    .addColumn('item_count', 'integer', (column) => column.notNull())
    .addColumn('items', 'text')
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('held_at', 'bigint', (column) => column.notNull())
    .addColumn('decided_by', 'text')
    .addColumn('decided_at', 'bigint')
    .addColumn('results', 'text')
    .execute();
  await db.schema
    .createIndex('held_bulks_tenant')
    .on('held_bulks')
    .columns(['tenant', 'id'])
    .execute();
}
