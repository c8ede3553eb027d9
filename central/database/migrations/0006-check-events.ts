/** Check events: the audit chain, tags, counters, matches; retro-match and declared crossings. */

import { type Kysely, sql } from 'kysely';
import { isPostgres } from '../database.ts';

export async function createCheckEvents(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('check_events')
    .addColumn('number', 'bigint', (column) => column.primaryKey())
    .addColumn('request_id', 'text', (column) => column.notNull().unique())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('tenant_number', 'bigint', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('as_of', 'bigint')
    .addColumn('operation_id', 'text')
    .addColumn('entry', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('check_events_chain')
    .unique()
    .on('check_events')
    .columns(['tenant', 'tenant_number'])
    .execute();

  // One row holds the last number: who takes it for an ingest holds up the next, so that numbers
  // have no gaps and become visible in order.
  await db.schema
    .createTable('check_event_state')
    .addColumn('id', 'integer', (column) => column.primaryKey().check(sql`id = 1`))
    .addColumn('last_number', 'bigint', (column) => column.notNull())
    .addColumn('matched_number', 'bigint', (column) => column.notNull())
    .addColumn('matched_operation', 'bigint', (column) => column.notNull())
    .execute();
  await sql`insert into check_event_state values (1, 0, 0, 0)`.execute(db);

  // In the order of the key and nothing beside it: a day is one run of rows, found and removed whole.
  const tags = db.schema
    .createTable('check_tags')
    .addColumn('tag', 'bigint', (column) => column.notNull())
    .addColumn('reference', 'bigint', (column) => column.notNull())
    .addColumn('day', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('check_tags_pk', ['day', 'tag', 'reference']);
  // In the order of arrival, until there are enough of them to be put in that order at once.
  const staged = db.schema
    .createTable('staged_tags')
    .addColumn('reference', 'bigint', (column) => column.primaryKey())
    .addColumn('tag', 'bigint', (column) => column.notNull())
    .addColumn('day', 'integer', (column) => column.notNull());
  for (const table of [tags, staged]) {
    await (isPostgres(db) ? table : table.modifyEnd(sql`without rowid`)).execute();
  }

  await db.schema
    .createTable('check_counters')
    .addColumn('hour', 'bigint', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('site', 'text', (column) => column.notNull())
    .addColumn('direction', 'text', (column) => column.notNull())
    .addColumn('operation_id', 'text', (column) => column.notNull())
    .addColumn('searches', 'bigint', (column) => column.notNull())
    .addColumn('clears', 'bigint', (column) => column.notNull())
    .addColumn('unknowns', 'bigint', (column) => column.notNull())
    .addColumn('invalids', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('check_counters_pk', [
      ...(['tenant', 'site', 'hour', 'direction', 'operation_id'] as const),
    ])
    .execute();
  await db.schema
    .createIndex('check_counters_operation')
    .on('check_counters')
    .columns(['operation_id', 'hour'])
    .execute();

  await db.schema
    .createTable('check_matches')
    .addColumn('request_id', 'text', (column) => column.notNull())
    .addColumn('place', 'integer', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('site', 'text', (column) => column.notNull())
    .addColumn('operation_id', 'text')
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('is_first', 'integer', (column) => column.notNull())
    .addColumn('outcome', 'integer', (column) => column.notNull())
    .addColumn('confirmed_after_ms', 'bigint')
    .addColumn('tag_day', 'integer')
    .addColumn('tag', 'text')
    .addColumn('is_on_own_list', 'integer')
    .addPrimaryKeyConstraint('check_matches_pk', ['request_id', 'place'])
    .execute();
  await db.schema
    .createIndex('check_matches_operation')
    .on('check_matches')
    .columns(['operation_id', 'at'])
    .execute();

  await db.schema
    .createTable('audit_chains')
    .addColumn('tenant', 'text', (column) => column.primaryKey())
    .addColumn('last_number', 'bigint', (column) => column.notNull())
    .addColumn('last_hash', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('audit_checkpoints')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('tenant_number', 'bigint', (column) => column.notNull())
    .addColumn('jws', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('audit_checkpoints_pk', ['tenant', 'tenant_number'])
    .execute();

  await db.schema
    .createTable('retro_matches')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('record_id', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('event_number', 'bigint', (column) => column.notNull())
    .addColumn('place', 'integer', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('bureau', 'text')
    .addColumn('site', 'text', (column) => column.notNull())
    .addColumn('checked_at', 'bigint', (column) => column.notNull())
    .addColumn('direction', 'text')
    .addColumn('answer', 'text', (column) => column.notNull())
    .addColumn('reported_at', 'bigint', (column) => column.notNull())
    .addColumn('found_at', 'bigint', (column) => column.notNull())
    .addUniqueConstraint('retro_matches_once', ['record_id', 'event_number', 'place'])
    .execute();

  await db.schema
    .createTable('declared_crossings')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('site', 'text', (column) => column.notNull())
    .addColumn('day', 'integer', (column) => column.notNull())
    .addColumn('direction', 'text', (column) => column.notNull())
    .addColumn('crossings', 'bigint', (column) => column.notNull())
    .addColumn('declared_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('declared_crossings_pk', ['tenant', 'day', 'site', 'direction'])
    .execute();
}
