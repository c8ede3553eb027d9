/**
 * Migration 0012: what bureaus changed here and no export has confirmed yet.
 *
 * A change that the last load has not judged is one; what it has judged is as its export said.
 */

import { type Kysely, sql } from 'kysely';

export async function createBureauChanges(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('bureau_changes')
    .addColumn('record_id', 'text', (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('keeps_fields', 'integer', (column) => column.notNull())
    .addColumn('confirmed_as_of', 'bigint')
    .addColumn('told_at', 'bigint')
    .execute();
  await db.schema
    .createIndex('operations_record')
    .on('operations')
    .columns(['record_id', 'seq'])
    .execute();
  const own = sql`h.action in ('reported', 'corrected', 'withdrawn', 'expired')`;
  await sql`
    insert into bureau_changes (record_id, at, keeps_fields)
    select h.record_id, h.at, case when h.action = 'corrected' then 1 else 0 end
    from record_history as h
    join (
      select h.record_id, max(h.number) as number from record_history as h
      where ${own} and h.at > coalesce((select as_of - 600000 from data_state), 0)
      group by h.record_id
    ) as last on last.record_id = h.record_id and last.number = h.number
    where h.action <> 'expired'`.execute(db);
}
