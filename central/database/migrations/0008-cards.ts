/** Migration 0008: Quick Check Cards, their versions, and which images a state has stored. */

import type { Kysely } from 'kysely';

/** Creates the tables of cards; the images themselves are in the object store. */
export async function createCards(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('cards')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('document_class', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('last_version', 'integer', (column) => column.notNull())
    .addColumn('published_version', 'integer')
    .execute();
  await db.schema
    .createIndex('cards_in_order')
    .on('cards')
    .columns(['state', 'created_at', 'id'])
    .execute();

  await db.schema
    .createTable('card_versions')
    .addColumn('card_id', 'text', (column) => column.notNull().references('cards.id'))
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('content', 'text', (column) => column.notNull())
    .addColumn('author', 'text', (column) => column.notNull())
    .addColumn('proposed_at', 'bigint', (column) => column.notNull())
    .addColumn('approver', 'text')
    .addColumn('approved_at', 'bigint')
    .addColumn('withdrawn_by', 'text')
    .addColumn('withdrawn_at', 'bigint')
    .addColumn('withdrawal_reason', 'text')
    .addPrimaryKeyConstraint('card_versions_key', ['card_id', 'version'])
    .execute();

  await db.schema
    .createTable('card_images')
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('sha256', 'text', (column) => column.notNull())
    .addColumn('media_type', 'text', (column) => column.notNull())
    .addColumn('size_bytes', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('card_images_key', ['state', 'sha256'])
    .execute();
}
