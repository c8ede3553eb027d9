/** The color of the notice that a document belongs to, in the collections that have notices. */

import type { Kysely } from 'kysely';

export async function addNoticeColor(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('records').addColumn('notice_color', 'text').execute();
}
