/** Joint operations: their dates and posts, checks that named one wrongly, agencies' own lists. */

import type { Kysely } from 'kysely';

export async function createJointOperations(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('joint_operations')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('lead_tenant', 'text', (column) => column.notNull())
    .addColumn('states', 'text', (column) => column.notNull())
    .addColumn('starts_at', 'bigint', (column) => column.notNull())
    .addColumn('ends_at', 'bigint', (column) => column.notNull())
    .addColumn('quota', 'bigint')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();

  await db.schema
    .createTable('joint_operation_posts')
    .addColumn('operation_id', 'text', (column) =>
      column.notNull().references('joint_operations.id'),
    )
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('site', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('joint_operation_posts_pk', ['operation_id', 'tenant', 'site'])
    .execute();
  await db.schema
    .createIndex('joint_operation_posts_tenant')
    .on('joint_operation_posts')
    .columns(['tenant', 'operation_id'])
    .execute();

  // Not bound to an operation: the id may be of none.
  await db.schema
    .createTable('joint_operation_strays')
    .addColumn('operation_id', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('site', 'text', (column) => column.notNull())
    .addColumn('searches', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('joint_operation_strays_pk', [
      'operation_id',
      'reason',
      'tenant',
      'site',
    ])
    .execute();

  await db.schema
    .createTable('joint_operation_links')
    .addColumn('token_sha256', 'text', (column) => column.primaryKey())
    .addColumn('operation_id', 'text', (column) =>
      column.notNull().references('joint_operations.id'),
    )
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute();

  await db.schema
    .createTable('own_lists')
    .addColumn('tenant', 'text', (column) => column.primaryKey())
    .addColumn('loaded_at', 'bigint', (column) => column.notNull())
    .addColumn('name_count', 'integer', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('own_list_names')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('own_list_names_pk', ['tenant', 'name'])
    .execute();
}
