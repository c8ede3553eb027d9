/** Migration 0013: an agency's own list is written beside the one in force, and comes into force in one step. */

import { type Kysely, sql } from 'kysely';

export async function stageOwnLists(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('own_lists')
    .addColumn('list_id', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
  // A list from before is named as its agency is; a text key of SQLite may be null.
  await sql`update own_lists set list_id = tenant where tenant is not null`.execute(db);
  await db.schema.alterTable('own_list_names').renameColumn('tenant', 'list_id').execute();
  await db.schema
    .createTable('own_list_uploads')
    .addColumn('list_id', 'text', (column) => column.primaryKey())
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .execute();
  await sql`insert into own_list_uploads select list_id, loaded_at from own_lists
    where tenant is not null`.execute(db);
}
