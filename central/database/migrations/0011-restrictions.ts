/** Migration 0011: who sees nothing of whose records, and for which state a hit was asked. */

import type { Kysely } from 'kysely';

export async function createRestrictions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('restrictions')
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('excluded', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('restrictions_key', ['source', 'excluded'])
    .execute();
  await db.schema
    .createIndex('restrictions_of_excluded')
    .on('restrictions')
    .columns(['excluded', 'source'])
    .execute();
  await db.schema
    .createTable('restriction_changes')
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('excluded', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('restriction_changes_key', ['state', 'version'])
    .execute();
  // Not known of what was before: its askers are then kept from what anybody is kept from.
  await db.schema.alterTable('sightings').addColumn('asking_state', 'text').execute();
  await db.schema.alterTable('cases').addColumn('asking_state', 'text').execute();
}
