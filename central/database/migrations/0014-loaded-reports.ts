/** Migration 0014: reports that came by a load, until they were compared with all checks that can meet them. */

import type { Kysely } from 'kysely';

export async function createLoadedReports(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('loaded_reports')
    .addColumn('record_id', 'text', (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('due_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('loaded_reports_due')
    .on('loaded_reports')
    .columns(['due_at', 'record_id'])
    .execute();
  // What a check was told of is asked before it is told again.
  await db.schema
    .createIndex('retro_matches_check')
    .on('retro_matches')
    .columns(['event_number', 'place'])
    .execute();
}
