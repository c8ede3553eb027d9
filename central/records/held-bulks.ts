/**
 * Held bulks: an unusual number of reports or withdrawals waits for a second person of the bureau.
 *
 * A stolen credential or a wrong script must neither clear a state's documents nor list half of its
 * passports. What counts is the bureau's last 24 hours, so that a thousand single requests are as unusual
 * as one bulk of a thousand; what a second person released does not, or the rest of the day would
 * have to be released as well. Nothing of a held bulk is listed or withdrawn until it is released, and
 * whoever sent it cannot release it.
 */

import { SltdError } from '../../src/errors.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { isoTime } from '../http/iso-time.ts';
import { newId } from '../http/new-id.ts';
import type { PageRequest, TimePosition } from '../http/page.ts';
import { notify } from '../notifications/notify.ts';
import type { ChangeBatch } from './change-batch.ts';
import type { ChangeItem } from './change-records.ts';
import type { HeldBulksTable } from './tables.ts';

/** What a bureau does in 24 hours without anybody asking. */
export interface BulkLimits {
  reportsPerDay: number;
  withdrawalsPerDay: number;
}

/** The busiest countries report some thousands a day; withdrawals come one by one. */
export const BULK_LIMITS: BulkLimits = { reportsPerDay: 10_000, withdrawalsPerDay: 500 };

const DAY_MS = 24 * 3_600_000;

/** Why these items are unusual today; undefined if they are not. */
export async function unusualCause(
  batch: ChangeBatch,
  items: readonly ChangeItem[],
  limits: BulkLimits,
): Promise<HeldBulksTable['cause'] | undefined> {
  const asked = (action: ChangeItem['action']) =>
    items.reduce((count, item) => count + (item.action === action ? 1 : 0), 0);
  const reports = asked('report');
  const withdrawals = asked('withdraw');
  // A correction may take a document off the list as well: it becomes another number's record.
  const corrections = asked('correct');
  if (withdrawals + corrections > 0) {
    const done = await countToday(batch, ['withdrawn', 'corrected']);
    if (done + withdrawals + corrections > limits.withdrawalsPerDay) return 'many-withdrawals';
  }
  if (reports > 0) {
    const done = await countToday(batch, ['reported']);
    if (done + reports > limits.reportsPerDay) return 'many-reports';
  }
  return undefined;
}

async function countToday(
  { transaction, caller, nowMs }: ChangeBatch,
  actions: readonly ('reported' | 'withdrawn' | 'corrected')[],
): Promise<number> {
  const { count } = await transaction
    .selectFrom('record_history')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('tenant', '=', caller.tenant)
    .where('action', 'in', actions)
    .where('at', '>', nowMs - DAY_MS)
    .where('is_counted', '=', 1)
    .executeTakeFirstOrThrow();
  return count;
}

/** Put items aside, and tell the bureau; the id under which they wait. */
export async function holdItems(
  { transaction, caller, nowMs }: ChangeBatch,
  items: readonly ChangeItem[],
  cause: HeldBulksTable['cause'],
): Promise<string> {
  const id = newId();
  await transaction
    .insertInto('held_bulks')
    .values({
      ...{ id, cause, tenant: caller.tenant, subject: caller.subject, held_at: nowMs },
      ...{ item_count: items.length, items: JSON.stringify(items), status: 'held' },
      ...{ decided_by: null, decided_at: null, results: null },
    })
    .execute();
  await notify(transaction, {
    ...{ tenant: caller.tenant, type: 'bulk.held', nowMs },
    payload: { bulk: id, cause, itemCount: items.length },
  });
  return id;
}

/**
 * The held bulk that the caller is about to decide. Throws 'not-found' if it is none of the caller's
 * bureau, 'bulk-decided' if it is done with, 'second-person' if the caller sent it.
 */
export async function bulkToDecide(
  { transaction, caller }: ChangeBatch,
  id: string,
): Promise<{ items: ChangeItem[] }> {
  const bulk = await findHeld(transaction, caller.tenant, id);
  if (!bulk) throw new SltdError('not-found');
  if (bulk.status !== 'held' || bulk.items === null) throw new SltdError('bulk-decided');
  if (bulk.subject === caller.subject) throw new SltdError('second-person');
  return { items: JSON.parse(bulk.items) as ChangeItem[] };
}

/** Write down the decision; the items themselves are not kept. */
export async function decideBulk(
  { transaction, caller, nowMs }: ChangeBatch,
  id: string,
  decision: { status: 'released' | 'refused'; results: unknown },
): Promise<void> {
  await transaction
    .updateTable('held_bulks')
    .set({
      ...{ status: decision.status, items: null, decided_by: caller.subject, decided_at: nowMs },
      results: decision.results === null ? null : JSON.stringify(decision.results),
    })
    .where('id', '=', id)
    .execute();
}

/** A held bulk of a bureau. */
export function findHeld(db: CentralDatabase, tenant: string, id: string) {
  return db
    .selectFrom('held_bulks')
    .selectAll()
    .where('id', '=', id)
    .where('tenant', '=', tenant)
    .executeTakeFirst();
}

/** Held bulks of a bureau in order of time, one row more than the page has. */
export function listHeld(
  db: CentralDatabase,
  tenant: string,
  { limit, after }: PageRequest<TimePosition>,
): Promise<HeldBulksTable[]> {
  const [atMs, id] = after ?? [-1, ''];
  return db
    .selectFrom('held_bulks')
    .selectAll()
    .where('tenant', '=', tenant)
    .where((eb) => eb.or([eb('held_at', '>', atMs), eb('held_at', '=', atMs).and('id', '>', id)]))
    .orderBy('held_at')
    .orderBy('id')
    .limit(limit + 1)
    .execute();
}

/** A held bulk as its bureau sees it; with its items where it is looked at by itself. */
export function heldView(bulk: HeldBulksTable, { withItems }: { withItems: boolean }) {
  return {
    id: bulk.id,
    status: bulk.status,
    cause: bulk.cause,
    itemCount: bulk.item_count,
    sentBy: bulk.subject,
    heldAt: isoTime(bulk.held_at),
    decidedBy: bulk.decided_by ?? undefined,
    decidedAt: bulk.decided_at === null ? undefined : isoTime(bulk.decided_at),
    ...(withItems && bulk.items !== null ? { items: JSON.parse(bulk.items) as unknown } : {}),
    ...(withItems && bulk.results !== null ? { results: JSON.parse(bulk.results) as unknown } : {}),
  };
}
