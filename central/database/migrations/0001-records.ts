/** Migration 0001: records, their keys, and what is loaded. */

import { randomBytes } from 'node:crypto';
import { type Kysely, sql } from 'kysely';

/** Tables of the list itself. */
export async function createRecords(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('records')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('type_code', 'text')
    .addColumn('classes', 'text', (column) => column.notNull())
    .addColumn('number', 'text', (column) => column.notNull())
    .addColumn('number_as_reported', 'text', (column) => column.notNull())
    .addColumn('category', 'text', (column) =>
      column
        .notNull()
        .check(
          sql`category in ('unspecified', 'lost', 'invalid', 'revoked', 'stolen', 'stolen-blank')`,
        ),
    )
    .addColumn('date_of_theft', 'text')
    .addColumn('place_of_theft', 'text')
    .addColumn('country_of_theft', 'text')
    .addColumn('date_of_issue', 'text')
    .addColumn('date_of_expiry', 'text')
    .addColumn('national_reference', 'text')
    .addColumn('owner_ncb', 'text')
    .addColumn('reported_at', 'text')
    .addColumn('blank_from', 'text')
    .addColumn('blank_to', 'text')
    .addColumn('review_date', 'text')
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addColumn('withdrawn_at', 'bigint')
    .execute();

  // The primary key answers a look-up by itself: it begins with the key and holds the record's id.
  await db.schema
    .createTable('record_keys')
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('record_id', 'text', (column) => column.notNull().references('records.id'))
    .addPrimaryKeyConstraint('record_keys_pk', ['key', 'record_id'])
    .execute();

  await db.schema
    .createTable('data_state')
    .addColumn('id', 'integer', (column) => column.primaryKey().check(sql`id = 1`))
    .addColumn('collection', 'text')
    .addColumn('as_of', 'bigint')
    .addColumn('inputs_sha256', 'text')
    .addColumn('record_count', 'bigint')
    .addColumn('identity_key', 'text', (column) => column.notNull())
    .execute();
  const identityKey = randomBytes(16).toString('base64url');
  await sql`insert into data_state (id, identity_key) values (1, ${identityKey})`.execute(db);
}
