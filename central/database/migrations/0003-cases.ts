/** Migration 0003: sightings, cases and their events, attachments. */

import { type Kysely, sql } from 'kysely';

/** Creates the tables of hit cases. */
export async function createCases(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sightings')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('record_id', 'text', (column) => column.notNull())
    .addColumn('issuing_state', 'text', (column) => column.notNull())
    .addColumn('category', 'text', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('site', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('purpose', 'text')
    .addColumn('direction', 'text')
    .addColumn('seen_at', 'bigint', (column) => column.notNull())
    .addColumn('case_id', 'text')
    .execute();
  await db.schema
    .createIndex('sightings_without_case')
    .on('sightings')
    .columns(['seen_at', 'id'])
    .where(sql.ref('case_id'), 'is', null)
    .execute();
  await db.schema.createIndex('sightings_of_case').on('sightings').column('case_id').execute();

  await db.schema
    .createTable('cases')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('record_id', 'text', (column) => column.notNull())
    .addColumn('issuing_state', 'text', (column) => column.notNull())
    .addColumn('category', 'text', (column) => column.notNull())
    .addColumn('issuing_ncb', 'text', (column) => column.notNull())
    .addColumn('asking_tenant', 'text', (column) => column.notNull())
    .addColumn('post', 'text', (column) => column.notNull())
    .addColumn('asking_ncb', 'text')
    .addColumn('state', 'text', (column) =>
      column
        .notNull()
        .check(
          sql`state in ('opened', 'notified', 'acknowledged', 'confirmed', 'not-confirmed', 'data-error', 'recovered', 'closed')`,
        ),
    )
    .addColumn('state_since', 'bigint', (column) => column.notNull())
    .addColumn('outcome', 'text', (column) =>
      column.check(sql`outcome in ('refused', 'seized', 'released', 'referred')`),
    )
    .addColumn('due_at', 'bigint')
    .addColumn('escalation_count', 'integer', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('opened_at', 'bigint', (column) => column.notNull())
    .addColumn('closed_at', 'bigint')
    .addColumn('opening_notice', 'text', (column) => column.notNull())
    .execute();
  for (const [name, column] of [
    ['cases_of_issuing_ncb', 'issuing_ncb'],
    ['cases_of_asking_ncb', 'asking_ncb'],
    ['cases_of_asking_tenant', 'asking_tenant'],
  ] as const) {
    await db.schema.createIndex(name).on('cases').columns([column, 'opened_at', 'id']).execute();
  }
  await db.schema.createIndex('cases_of_record').on('cases').column('record_id').execute();
  await db.schema.createIndex('cases_of_notice').on('cases').column('opening_notice').execute();
  await db.schema.createIndex('cases_closed').on('cases').column('closed_at').execute();
  await db.schema
    .createIndex('cases_due')
    .on('cases')
    .column('due_at')
    .where(sql.ref('due_at'), 'is not', null)
    .execute();

  await db.schema
    .createTable('encounters')
    .addColumn('record_id', 'text', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('post', 'text', (column) => column.notNull())
    .addColumn('case_id', 'text', (column) => column.notNull())
    .addColumn('last_seen_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('encounters_pk', ['record_id', 'tenant', 'post'])
    .execute();

  await db.schema
    .createTable('case_events')
    .addColumn('case_id', 'text', (column) => column.notNull().references('cases.id'))
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('by_tenant', 'text')
    .addColumn('by_subject', 'text')
    .addColumn('data', 'text', (column) => column.notNull())
    .addColumn('request_key', 'text')
    .addPrimaryKeyConstraint('case_events_pk', ['case_id', 'version'])
    .execute();
  await db.schema
    .createIndex('case_events_of_request')
    .on('case_events')
    .columns(['case_id', 'request_key'])
    .unique()
    .where(sql.ref('request_key'), 'is not', null)
    .execute();

  await db.schema
    .createTable('attachments')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('case_id', 'text', (column) => column.notNull().references('cases.id'))
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('media_type', 'text', (column) => column.notNull())
    .addColumn('size_bytes', 'integer', (column) => column.notNull())
    .addColumn('sha256', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('attachments_of_case').on('attachments').column('case_id').execute();
}
