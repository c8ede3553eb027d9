/**
 * Merge: the staged export takes the place of the list, inside one transaction.
 *
 * Rows that are as they were are not touched. Rows that the export no longer has are withdrawn, not
 * deleted. What a bureau changed here stays as it is until an export has it: a withdrawal is not
 * undone, and a new report is not lost, because an export does not know of it. keep-changes.ts.
 * A record that the export lists again has no review any more: its old date would take it off at once.
 * The statements go by the order of the tables' indexes, or a large load would jump about in them.
 */

import { type RawBuilder, sql, type Transaction } from 'kysely';
import { CLASS_LETTER } from '../../src/document/document-class.ts';
import { isPostgres } from '../database/database.ts';
import type { CentralSchema } from '../database/schema.ts';
import { CORRECTABLE } from '../records/record-row.ts';
import { changedFields } from './changed-fields.ts';
import {
  confirmChanges,
  differs,
  type ExportTimes,
  keptRecords,
  tellContradicted,
} from './keep-changes.ts';
import { STAGED_COLUMNS } from './row-text.ts';

type ListTransaction = Transaction<CentralSchema>;

export interface MergeOptions extends ExportTimes {
  /** Nothing was loaded before: the rows are no news of single records. */
  isFirst: boolean;
}

/** How many records the merge has withdrawn, and kept as their bureaus said against the export. */
export interface MergeResult {
  withdrawnCount: number;
  contradictedCount: number;
}

const COLUMNS = sql.join(STAGED_COLUMNS.map((name) => sql.ref(name)));

/** Take the staged rows over. The transaction holds the lock of lockRecords(). */
export async function mergeList(
  transaction: ListTransaction,
  { isFirst, ...times }: MergeOptions,
): Promise<MergeResult> {
  const { nowMs } = times;
  const run = (query: RawBuilder<unknown>) => query.execute(transaction);
  // Sorting 100 million rows in the default 4 MB takes several times as long.
  if (isPostgres(transaction)) {
    await run(sql`set local work_mem = '256MB'`);
    await run(sql`analyze load_staging`);
  }
  await createLoadList(transaction);
  await confirmChanges(transaction, times);
  const contradictedCount = await tellContradicted(transaction, times);
  await run(sql`delete from load_list where id in (${keptRecords(times)})`);
  await createLoadChanges(transaction, times);
  const fields = changedFields({ isPostgres: isPostgres(transaction) });
  await run(historyOf('load-corrected', 'corrected', { nowMs, fields }));
  await run(historyOf('loaded-again', 'again', { nowMs, fields }));
  if (!isFirst) await takeAsReports(transaction, nowMs);
  await run(sql`
    update records as r
    set ${sql.join(CORRECTABLE.map((name) => sql`${sql.ref(name)} = l.${sql.ref(name)}`))},
      ${sql.join(REVIEW_COLUMNS.map((name) => sql`${sql.ref(name)} = ${ifStillListed(name)}`))},
      updated_at = ${sql.lit(nowMs)}, withdrawn_at = null, replaced_by = null, version = r.version + 1
    from load_changes as c join load_list as l on l.id = c.id
    where c.change in ('corrected', 'again') and r.id = c.id`);
  await insertNew(transaction, { nowMs, isFirst });
  await run(sql`
    insert into record_history (record_id, number, at, action, tenant, subject)
    select r.id, ${NEXT_NUMBER}, ${sql.lit(nowMs)}, 'load-withdrawn', 'central', 'load'
    from load_changes as c join records as r on r.id = c.id where c.change = 'gone'`);
  const { numAffectedRows } = await run(sql`
    update records
    set withdrawn_at = ${sql.lit(nowMs)}, updated_at = ${sql.lit(nowMs)}, version = version + 1
    where id in (select id from load_changes where change = 'gone')`);
  await run(sql`drop table load_changes`);
  return { withdrawnCount: Number(numAffectedRows ?? 0), contradictedCount };
}

/** Each id once, its last row of the export, in the order of ids. */
async function createLoadList(transaction: ListTransaction): Promise<void> {
  if (isPostgres(transaction)) {
    await sql`
      create unlogged table load_list as
      select distinct on (id) ${COLUMNS} from load_staging order by id, place desc`.execute(
      transaction,
    );
    await sql`analyze load_list`.execute(transaction);
    return;
  }
  await sql`
    create temp table load_list (${sql.raw(`${STAGED_COLUMNS.join(' text, ')} text`)}, primary key (id))
    without rowid`.execute(transaction);
  // SQLite takes the other columns from the row of the maximum.
  await sql`
    insert into load_list select ${COLUMNS}
    from (select ${COLUMNS}, max(place) from load_staging group by id order by id)`.execute(
    transaction,
  );
}

/**
 * What the export in `load_list` changes, found by one comparison of all records: those that are `new`, listed
 * `again`, `corrected` or `gone`. Every statement after it is about these few.
 */
async function createLoadChanges(transaction: ListTransaction, times: ExportTimes): Promise<void> {
  await sql`create temporary table load_changes (id text primary key, change text)`.execute(
    transaction,
  );
  await sql`
    insert into load_changes
    select l.id,
      case when r.id is null then 'new' when r.withdrawn_at is not null then 'again' else 'corrected' end
    from load_list as l left join records as r on r.id = l.id
    where r.id is null or r.withdrawn_at is not null or ${DIFFERS}
    order by l.id`.execute(transaction);
  await sql`
    insert into load_changes
    select r.id, 'gone' from records as r
    where r.withdrawn_at is null
      and not exists (select 1 from load_list as l where l.id = r.id)
      and r.id not in (${keptRecords(times)})`.execute(transaction);
  if (isPostgres(transaction)) await sql`analyze load_changes`.execute(transaction);
}

/** Records that the list does not have yet, and their keys: a letter a class, the state padded. */
async function insertNew(
  transaction: ListTransaction,
  { nowMs, isFirst }: { nowMs: number; isFirst: boolean },
): Promise<void> {
  const fromNew = sql`
    from load_changes as c join load_list as l on l.id = c.id where c.change = 'new'`;
  const keysOf = (letter: string) => sql`
    select ${keyOf(letter)} as key, l.id as record_id
    ${fromNew} and l.classes like ${sql.lit(`%${letter}%`)}`;
  await sql`
    insert into record_keys (key, record_id)
    select key, record_id from (
      ${sql.join(LETTERS.map(keysOf), sql` union all `)}
    ) as k order by key, record_id`.execute(transaction);
  if (!isFirst) {
    await sql`
      insert into record_history (record_id, number, at, action, tenant, subject)
      select l.id, 1, ${sql.lit(nowMs)}, 'loaded', 'central', 'load' ${fromNew}`.execute(
      transaction,
    );
  }
  const columns = sql.join(STAGED_COLUMNS.map((name) => sql`l.${sql.ref(name)}`));
  await sql`
    insert into records (${COLUMNS}, updated_at)
    select ${columns}, ${sql.lit(nowMs)} ${fromNew} order by l.id`.execute(transaction);
}

const REVIEW_COLUMNS = ['review_date', 'review_noticed_at'] as const;
const ifStillListed = (name: string) =>
  sql`case when r.withdrawn_at is null then r.${sql.ref(name)} end`;

/** Of the classes, and the key of a staged row under one of them. */
const LETTERS = Object.values(CLASS_LETTER).sort();
const keyOf = (letter: string) =>
  sql`${sql.lit(letter)} || substr(l.state || '<<', 1, 3) || l.number`;

const DIFFERS = sql`(${sql.join(CORRECTABLE.map(differs), sql` or `)})`;

const NEXT_NUMBER = sql`
  1 + coalesce((select max(h.number) from record_history as h where h.record_id = r.id), 0)`;

/**
 * Has documents that are not listed yet compared with past checks: retro-match/loaded-reports.ts. First what
 * is new, then without what other records list already in all its classes: so only new rows are looked up by their keys.
 * A record that waits for its own turns may be gone with this load: it takes no other's place.
 */
async function takeAsReports(transaction: ListTransaction, nowMs: number): Promise<void> {
  const at = sql.lit(nowMs);
  await sql`
    insert into loaded_reports (record_id, at, due_at)
    select id, ${at}, ${at} from load_changes where change in ('new', 'again')
    on conflict (record_id) do update set at = excluded.at, due_at = excluded.due_at`.execute(
    transaction,
  );
  const listedUnder = (letter: string) => sql`
    select l.id, l.classes, ${sql.lit(letter)} as letter from loaded_reports as n
    join load_list as l on l.id = n.record_id
    join record_keys as k on k.key = ${keyOf(letter)}
    join records as other on other.id = k.record_id
    left join loaded_reports as waiting on waiting.record_id = other.id
    where n.at = ${at} and l.classes like ${sql.lit(`%${letter}%`)}
      and other.withdrawn_at is null and waiting.record_id is null`;
  await sql`
    delete from loaded_reports where at = ${at} and record_id in (
      select id from (${sql.join(LETTERS.map(listedUnder), sql` union all `)}) as listed
      group by id, classes having count(distinct letter) = length(classes))`.execute(transaction);
}

/** A line of history for each record of the list that the export changes in this way. */
const historyOf = (
  action: string,
  change: 'corrected' | 'again',
  { nowMs, fields }: { nowMs: number; fields: RawBuilder<unknown> },
) => sql`
  insert into record_history (record_id, number, at, action, tenant, subject, changes)
  select r.id, ${NEXT_NUMBER}, ${sql.lit(nowMs)}, ${sql.lit(action)}, 'central', 'load', ${fields}
  from load_changes as c
  join load_list as l on l.id = c.id
  join records as r on r.id = c.id
  where c.change = ${sql.lit(change)}`;
