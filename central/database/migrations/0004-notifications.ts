/** Outbox, endpoints, deliveries and on-call contacts. Columns: central/notifications/tables.ts. */

import { type Kysely, sql } from 'kysely';

/** Creates the tables of notifications. */
export async function createNotifications(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('notifications')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('notifications_of_tenant')
    .on('notifications')
    .columns(['tenant', 'created_at', 'id'])
    .execute();
  await db.schema
    .createIndex('notifications_by_age')
    .on('notifications')
    .column('created_at')
    .execute();

  await db.schema
    .createTable('endpoints')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('url', 'text', (column) => column.notNull())
    .addColumn('secret', 'text', (column) => column.notNull())
    .addColumn('previous_secret', 'text')
    .addColumn('previous_until', 'bigint')
    .addColumn('types', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('disabled_at', 'bigint')
    .execute();
  await db.schema
    .createIndex('endpoints_of_tenant')
    .on('endpoints')
    .columns(['tenant', 'created_at', 'id'])
    .execute();

  await db.schema
    .createTable('deliveries')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('notification_id', 'text', (column) =>
      column.notNull().references('notifications.id').onDelete('cascade'),
    )
    .addColumn('endpoint_id', 'text', (column) =>
      column.notNull().references('endpoints.id').onDelete('cascade'),
    )
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) =>
      column.notNull().check(sql`state in ('pending', 'delivered', 'dead')`),
    )
    .addColumn('attempt_count', 'integer', (column) => column.notNull())
    .addColumn('due_at', 'bigint', (column) => column.notNull())
    .addColumn('last_failure', 'text')
    .addColumn('finished_at', 'bigint')
    .addUniqueConstraint('deliveries_once', ['notification_id', 'endpoint_id'])
    .execute();
  // Small, however many have been delivered: the worker looks at it several times a second.
  await db.schema
    .createIndex('deliveries_due')
    .on('deliveries')
    .columns(['endpoint_id', 'due_at'])
    .where(sql.ref('state'), '=', sql.lit('pending'))
    .execute();
  await db.schema
    .createIndex('deliveries_dead')
    .on('deliveries')
    .columns(['tenant', 'finished_at', 'id'])
    .where(sql.ref('state'), '=', sql.lit('dead'))
    .execute();

  await db.schema
    .createTable('contacts')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('place', 'integer', (column) => column.notNull())
    .addColumn('label', 'text', (column) => column.notNull())
    .addColumn('address', 'text', (column) => column.notNull())
    .addColumn('endpoint_id', 'text', (column) =>
      column.references('endpoints.id').onDelete('set null'),
    )
    .addUniqueConstraint('contacts_in_order', ['tenant', 'place'])
    .execute();
}
