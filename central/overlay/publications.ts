/**
 * What of the log is published: one row a collection, written by the publisher, read by the service.
 *
 * It answers "is my report visible?": whoever asks an edge with `minSequence` of at least this
 * sequence is answered from data that have the operation.
 */

import type { CentralDatabase } from '../database/schema.ts';

/** A head and the operations that it makes visible. */
export interface Publication {
  collection: string;
  sequence: number;
  lastOperation: number;
  publishedAt: number;
}

/** Notes a publication, unless a later one is noted already. */
export async function recordPublication(
  db: CentralDatabase,
  { collection, sequence, lastOperation, publishedAt }: Publication,
): Promise<void> {
  const values = { sequence, last_operation: lastOperation, published_at: publishedAt };
  await db
    .insertInto('overlay_publications')
    .values({ collection, ...values })
    .onConflict((conflict) =>
      conflict
        .column('collection')
        .doUpdateSet(values)
        .where('overlay_publications.sequence', '<', sequence),
    )
    .execute();
}

/** What is published of a collection; undefined if nothing is. */
export async function readPublication(
  db: CentralDatabase,
  collection: string,
): Promise<Publication | undefined> {
  const row = await db
    .selectFrom('overlay_publications')
    .selectAll()
    .where('collection', '=', collection)
    .executeTakeFirst();
  if (!row) return undefined;
  const { sequence, last_operation: lastOperation, published_at: publishedAt } = row;
  return { collection, sequence, lastOperation, publishedAt };
}
