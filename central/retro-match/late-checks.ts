/**
 * Late checks: those that came after reports of the operation log which they did not know of yet.
 *
 * A check knows the reports up to the age of the list that answered it; one without a list knows none.
 * It is compared with reports of the last 30 days all the same: what was reported before is no longer
 * told as new, and without an end one such check would have the whole log read.
 */

import { setImmediate as letOthers } from 'node:timers/promises';
import { type DayKeys, dayOf, TAG_KEPT_MS } from '../../src/format/tag-key.ts';
import { NOT_LIVE } from '../check-events/take-events.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { operationsAfter } from '../records/operation-log.ts';
import { type FoundCheck, findChecks } from './find-checks.ts';
import { CLOCK_MARGIN_MS, type Report, reportsOf } from './report.ts';

/** A read takes a few milliseconds; on SQLite an answer waits for it. */
const OPERATIONS_PER_READ = 1_000;
/** Each look-up reads all tags that are staged. */
const REPORTS_PER_LOOKUP = 10_000;

/** Where a run stands: see CheckEventStateTable. */
interface Position {
  last_number: number;
  matched_number: number;
  matched_operation: number;
}

/** The new checks of documents that were reported before, on the days that are kept. */
export async function lateChecks(
  db: CentralDatabase,
  dayKeys: DayKeys,
  { state, kept, nowMs }: { state: Position; kept: { first: number; last: number }; nowMs: number },
): Promise<FoundCheck[]> {
  const fresh = await spanOf(db, state);
  if (fresh.first_at === null || fresh.last_at === null || fresh.as_of === null) return [];
  const days = {
    first: Math.max(kept.first, dayOf(fresh.first_at)),
    last: Math.min(kept.last, dayOf(fresh.last_at)),
  };
  const sinceMs = Math.max(fresh.as_of - CLOCK_MARGIN_MS, nowMs - TAG_KEPT_MS);
  const late: FoundCheck[] = [];
  for await (const reports of reportsSince(db, sinceMs, state.matched_operation)) {
    const found = await findChecks(db, dayKeys, reports, days);
    late.push(...found.filter(({ number }) => number > state.matched_number));
  }
  return late;
}

/** When the new checks were, and the age of the oldest list. Only a live one has tags. */
async function spanOf(db: CentralDatabase, state: Position) {
  // An entry is JSON as we write it: a text in it has its quotes escaped, and is never taken for a member.
  const has = (name: string, value: string) =>
    `%${JSON.stringify({ [name]: value }).slice(1, -1)}%`;
  let query = db
    .selectFrom('check_events')
    .select((eb) => [
      eb.fn.min<number | null>('at').as('first_at'),
      eb.fn.max<number | null>('at').as('last_at'),
      eb.fn.min<number | null>(eb.fn.coalesce('as_of', eb.lit(0))).as('as_of'),
    ])
    .where('number', '>', state.matched_number)
    .where('number', '<=', state.last_number);
  for (const purpose of NOT_LIVE) query = query.where('entry', 'not like', has('purpose', purpose));
  return query.executeTakeFirstOrThrow();
}

/** Reports taken at or after a time, up to and with operation `last`, some at a time. */
async function* reportsSince(
  db: CentralDatabase,
  sinceMs: number,
  last: number,
): AsyncGenerator<Report[]> {
  const first = await db
    .selectFrom('operations')
    .select((eb) => eb.fn.min<number | null>('seq').as('seq'))
    .where('at', '>=', sinceMs)
    .executeTakeFirstOrThrow();
  if (first.seq === null) return;
  let reports: Report[] = [];
  for (let after = first.seq - 1; after < last; ) {
    await letOthers();
    const operations = await operationsAfter(db, after, OPERATIONS_PER_READ);
    if (operations.length === 0) break;
    const upToLast = operations.filter(({ seq }) => seq <= last);
    reports.push(...(await reportsOf(db, upToLast)));
    after = operations.at(-1)!.seq;
    if (reports.length < REPORTS_PER_LOOKUP) continue;
    yield reports;
    reports = [];
  }
  if (reports.length > 0) yield reports;
}
