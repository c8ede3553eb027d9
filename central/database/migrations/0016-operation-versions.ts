/** Migration 0016: a joint operation is changed by whoever has seen how it stands. */

import type { Kysely } from 'kysely';

export async function addOperationVersions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('joint_operations')
    .addColumn('version', 'integer', (column) => column.notNull().defaultTo(1))
    .execute();
}
