/**
 * First list: a load into PostgreSQL tables that hold no record yet.
 *
 * There is nothing to compare with, so the staged rows go in as they lie, and the indexes are made of all of
 * them at once: to keep those of 150 million rows up to date row by row takes longer than all else. Whoever
 * asks meanwhile waits for the tables, and would have had no answer. SQLite cannot do without its keys.
 */

import { sql, type Transaction } from 'kysely';
import { CLASS_LETTER } from '../../src/document/document-class.ts';
import type { CentralSchema } from '../database/schema.ts';
import { isPostgres } from '../database/database.ts';
import { STAGED_COLUMNS } from './row-text.ts';

const COLUMNS = sql.join(STAGED_COLUMNS.map((name) => sql.ref(name)));
const LETTERS = sql.join(Object.values(CLASS_LETTER).map((letter) => sql`(${sql.lit(letter)})`));

/** Whether this is the place for it: PostgreSQL, where nobody has reported and nothing was loaded. */
export async function isFirstList(transaction: Transaction<CentralSchema>): Promise<boolean> {
  if (!isPostgres(transaction)) return false;
  const row = await transaction.selectFrom('records').select('id').limit(1).executeTakeFirst();
  return row === undefined;
}

/** Take the staged rows over, of each id the last one of the export; how many records they are. */
export async function fillFirstList(
  transaction: Transaction<CentralSchema>,
  nowMs: number,
): Promise<number> {
  await sql`set local work_mem = '256MB'`.execute(transaction);
  await sql`set local maintenance_work_mem = '512MB'`.execute(transaction);
  const indexes = await dropIndexes(transaction);
  await sql`
    create temporary table load_superseded on commit drop as
    select place from (
      select place, lead(id) over (order by id, place) = id as is_superseded from load_staging
    ) as s where is_superseded`.execute(transaction);
  const { numAffectedRows } = await sql`
    insert into records (${COLUMNS}, updated_at)
    select ${COLUMNS}, ${sql.lit(nowMs)} from load_staging as s
    where not exists (select 1 from load_superseded as x where x.place = s.place)`.execute(
    transaction,
  );
  await sql`
    insert into record_keys (key, record_id)
    select letter || substr(state || '<<', 1, 3) || number, id
    from records cross join (values ${LETTERS}) as classes_of_all (letter)
    where strpos(classes, letter) > 0`.execute(transaction);
  for (const { table_name, name, definition, is_key } of indexes) {
    await sql.raw(definition).execute(transaction);
    if (!is_key) continue;
    await sql`
      alter table ${sql.ref(table_name)} add constraint ${sql.ref(name)}
      primary key using index ${sql.ref(name)}`.execute(transaction);
  }
  return Number(numAffectedRows);
}

interface Index {
  table_name: string;
  name: string;
  /** The statement that makes it. */
  definition: string;
  /** Of a primary key. */
  is_key: boolean;
}

/** The indexes of the list, which are gone now. */
async function dropIndexes(transaction: Transaction<CentralSchema>): Promise<readonly Index[]> {
  const { rows } = await sql<Index>`
    select t.relname as table_name, c.relname as name,
      pg_get_indexdef(i.indexrelid) as definition, i.indisprimary as is_key
    from pg_index as i
    join pg_class as c on c.oid = i.indexrelid
    join pg_class as t on t.oid = i.indrelid
    where i.indrelid in ('records'::regclass, 'record_keys'::regclass)
    order by c.relname`.execute(transaction);
  for (const { table_name, name, is_key } of rows) {
    const statement = is_key
      ? sql`alter table ${sql.ref(table_name)} drop constraint ${sql.ref(name)}`
      : sql`drop index ${sql.ref(name)}`;
    await statement.execute(transaction);
  }
  return rows;
}
