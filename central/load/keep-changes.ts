/**
 * What a bureau changed here stands until an export confirms it.
 *
 * The bureau of the issuing state is the authority for its records, and an export is what some system
 * has of them: one that lags, or never hears of central, must neither list again what the bureau
 * withdrew nor drop what it reported. Once an export agrees, exports decide of the record again. Where
 * one that is complete up to a day after the change says otherwise, the bureau is told, once.
 */

import { type RawBuilder, sql, type Transaction } from 'kysely';
import type { CentralSchema } from '../database/schema.ts';
import { bureauOf } from '../http/caller.ts';
import { isoTime } from '../http/iso-time.ts';
import { notify } from '../notifications/notify.ts';
import { BUREAU_COLUMNS } from '../records/record-row.ts';

type ListTransaction = Transaction<CentralSchema>;

const DAY_MS = 86_400_000;
/** How long a confirmed change is known: editions of before may come back under an overlay. */
const REMEMBERED_MS = 7 * DAY_MS;
/** How far an export may lag before a bureau is asked what is right. */
const LAG_MS = DAY_MS;
/** Records of one notification. */
const NOTICE_RECORDS = 100;

export interface ExportTimes {
  /** The export is complete up to here, in milliseconds since 1970. */
  asOfMs: number;
  /** Changes after this may not be in it. */
  keptAfterMs: number;
  nowMs: number;
}

/** Ids of records that stay as they are, whatever the export says. */
export const keptRecords = ({ asOfMs, keptAfterMs }: ExportTimes): RawBuilder<unknown> => sql`
  select record_id from operations where at > ${sql.lit(keptAfterMs)}
  union
  select record_id from bureau_changes
  where confirmed_as_of is null or confirmed_as_of > ${sql.lit(asOfMs)}`;

/** A column that is not the same in the list, `r`, and in the export, `l`. */
export const differs = (name: string): RawBuilder<unknown> =>
  sql`r.${sql.ref(name)} is distinct from l.${sql.ref(name)}`;
const IS_CORRECTED = sql`(${sql.join(BUREAU_COLUMNS.map(differs), sql` or `)})`;

/** Confirms what the export in `load_list` agrees with; it then decides of these records. */
export async function confirmChanges(
  transaction: ListTransaction,
  { asOfMs, keptAfterMs }: ExportTimes,
): Promise<void> {
  await transaction
    .deleteFrom('bureau_changes')
    .where('confirmed_as_of', '<', asOfMs - REMEMBERED_MS)
    .execute();
  await sql`
    update bureau_changes set confirmed_as_of = ${sql.lit(asOfMs)}
    where at <= ${sql.lit(keptAfterMs)}
      and (confirmed_as_of is null or confirmed_as_of > ${sql.lit(asOfMs)})
      and record_id in (
        select c.record_id from bureau_changes as c
        join records as r on r.id = c.record_id
        left join load_list as l on l.id = c.record_id
        where (r.withdrawn_at is not null) = (l.id is null)
          and (l.id is null or c.keeps_fields = 0 or not ${IS_CORRECTED}))`.execute(transaction);
}

/**
 * Tells bureaus where the export in `load_list` contradicts them; how many records stand against it.
 * Before the kept records leave `load_list`.
 */
export async function tellContradicted(
  transaction: ListTransaction,
  { asOfMs, keptAfterMs, nowMs }: ExportTimes,
): Promise<number> {
  const { rows } = await sql<Contradicted>`
    select c.record_id as id, c.at, c.told_at, r.state,
      case when r.withdrawn_at is not null then 'withdrawn'
        when l.id is null then 'listed' else 'corrected' end as stands
    from bureau_changes as c
    join records as r on r.id = c.record_id
    left join load_list as l on l.id = c.record_id
    where c.confirmed_as_of is null and c.at <= ${sql.lit(keptAfterMs)}
    order by c.record_id`.execute(transaction);
  const untold = rows.filter((row) => row.told_at === null && row.at <= asOfMs - LAG_MS);
  for (const [tenant, records] of Map.groupBy(untold, ({ state }) => bureauOf(state))) {
    for (let start = 0; start < records.length; start += NOTICE_RECORDS) {
      const slice = records.slice(start, start + NOTICE_RECORDS);
      await notify(transaction, {
        ...{ tenant, type: 'record.export-differs', nowMs },
        payload: {
          asOf: isoTime(asOfMs),
          records: slice.map(({ id, stands }) => ({ record: id, stands })),
        },
      });
      const ids = slice.map(({ id }) => id);
      await transaction
        .updateTable('bureau_changes')
        .set({ told_at: nowMs })
        .where('record_id', 'in', ids)
        .execute();
    }
  }
  return rows.length;
}

interface Contradicted {
  id: string;
  at: number;
  told_at: number | null;
  state: string;
  /** What the bureau said, which stands. */
  stands: 'listed' | 'withdrawn' | 'corrected';
}
