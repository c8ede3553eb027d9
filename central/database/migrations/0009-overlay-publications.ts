/** What of the operation log is published: written by the publisher of overlays. */

import type { Kysely } from 'kysely';

/** One row a collection. */
export async function createOverlayPublications(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('overlay_publications')
    .addColumn('collection', 'text', (column) => column.primaryKey())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('last_operation', 'bigint', (column) => column.notNull())
    .addColumn('published_at', 'bigint', (column) => column.notNull())
    .execute();
}
