/**
 * Migration 0015: which lines of history count among what a bureau does in 24 hours.
 *
 * Of what was written before, all of them.
 */

import type { Kysely } from 'kysely';

export async function addCountedLines(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('record_history')
    .addColumn('is_counted', 'integer', (column) => column.notNull().defaultTo(1))
    .execute();
}
