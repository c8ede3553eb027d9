/**
 * Reports that came by a load alone, and are in no operation log.
 *
 * Edges learn of them with their next edition, and until then go on letting the document pass under
 * an overlay of any age. So a loaded report is compared with all checks of the last 30 days at once, and
 * again after 1, 2, 4 and so on to 512 hours: what an older edition answered meanwhile, or was delivered
 * late, is found then, also where a gate held the edition for days. A match that is known is not told again.
 */

import type { ExpressionBuilder, Transaction } from 'kysely';
import { isPostgres } from '../database/database.ts';
import type { CentralDatabase, CentralSchema } from '../database/schema.ts';
import { keysOfRow } from '../records/record-row.ts';
import { classBitsOf, type Report } from './report.ts';
import type { LoadedReportsTable } from './tables.ts';

const HOUR_MS = 3_600_000;
/** The last power of two within the 30 days of the tags. */
const LAST_HOURS = 512;

/** Those that are to be compared now, the longest due first. */
export function dueReports(
  db: CentralDatabase,
  { nowMs, limit }: { nowMs: number; limit: number },
): Promise<LoadedReportsTable[]> {
  return db
    .selectFrom('loaded_reports')
    .selectAll()
    .where('due_at', '<=', nowMs)
    .orderBy('due_at')
    .orderBy('record_id')
    .limit(limit)
    .execute();
}

/** The keys of those that are still listed, as reports; made of the record, since `record_keys` is in order of keys. */
export async function loadedReportsOf(
  db: CentralDatabase,
  due: readonly LoadedReportsTable[],
): Promise<Report[]> {
  if (due.length === 0) return [];
  const takenAt = new Map(due.map(({ record_id: id, at }) => [id, at]));
  const rows = await db
    .selectFrom('records')
    .select(['id', 'classes', 'state', 'number'])
    .where('id', 'in', [...takenAt.keys()])
    .where('withdrawn_at', 'is', null)
    .execute();
  return rows.flatMap((row) =>
    keysOfRow(row).map((key) => ({
      ...{ recordId: row.id, key, classes: classBitsOf(key), at: takenAt.get(row.id)! },
      // The age that a check tells is that of the overlay, which has none of these.
      knownAfter: Number.POSITIVE_INFINITY,
    })),
  );
}

/**
 * Those of them that no load is changing, taken until the transaction ends: a load has its rows for minutes, and
 * whoever waited for them would have all wait that wait for him. On SQLite a load has the whole database.
 */
export async function holdDue(
  trx: Transaction<CentralSchema>,
  due: readonly LoadedReportsTable[],
): Promise<readonly LoadedReportsTable[]> {
  if (due.length === 0 || !isPostgres(trx)) return due;
  const ids = due.map(({ record_id: id }) => id);
  const rows = await trx
    .selectFrom('loaded_reports')
    .select('record_id')
    .where('record_id', 'in', ids)
    .forUpdate()
    .skipLocked()
    .execute();
  const held = new Set(rows.map(({ record_id: id }) => id));
  return due.filter(({ record_id: id }) => held.has(id));
}

/** Has those that were compared wait for their next turn, or forgets them. */
export async function putOff(
  trx: Transaction<CentralSchema>,
  due: readonly LoadedReportsTable[],
  nowMs: number,
): Promise<void> {
  // One load is one time, so there are few of them.
  for (const [at, reports] of Map.groupBy(due, (report) => report.at)) {
    const ids = reports.map(({ record_id: id }) => id);
    // Not one that another load has had begin anew meanwhile.
    const these = (eb: ExpressionBuilder<CentralSchema, 'loaded_reports'>) =>
      eb.and([eb('record_id', 'in', ids), eb('at', '=', at)]);
    const next = nextTurn(nowMs - at);
    if (next === undefined) await trx.deleteFrom('loaded_reports').where(these).execute();
    else
      await trx
        .updateTable('loaded_reports')
        .set({ due_at: at + next })
        .where(these)
        .execute();
  }
}

/** Milliseconds from the load to the turn after one at `age`; undefined after the last one. */
function nextTurn(age: number): number | undefined {
  const hours = age / HOUR_MS;
  const next = hours < 1 ? 1 : 2 ** (Math.floor(Math.log2(hours)) + 1);
  return next > LAST_HOURS ? undefined : next * HOUR_MS;
}
