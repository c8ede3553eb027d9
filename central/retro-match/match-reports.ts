/**
 * Retro-match: a report is compared with the checks before it, and whoever let the document pass is
 * told, with when and where; once.
 *
 * Reports and checks arrive in any order, so each side that is new is compared with the other side as
 * it stood before:
 *
 *     new reports      with the checks of the last 30 days
 *     new checks       with the reports that their list did not have yet, and that were compared before
 *     loaded reports   with the checks of the last 30 days, several times: loaded-reports.ts
 *
 * What was found, what is told of it and how far both sides were read stand in one transaction. A
 * process that dies leaves nothing half done, and two at once tell nothing twice.
 */

import type { Transaction } from 'kysely';
import { ANSWER_LETTERS, type CheckEvent, wasAskedIn } from '../../src/format/check-event.ts';
import { stateOfBureau } from '../../src/format/caller-state.ts';
import { type DayKeys, dayOf } from '../../src/format/tag-key.ts';
import { bureauOfAgency } from '../cases/parties.ts';
import { firstDayKept } from '../check-events/tags.ts';
import type { CentralDatabase, CentralSchema } from '../database/schema.ts';
import { newId } from '../http/new-id.ts';
import { operationsAfter } from '../records/operation-log.ts';
import { restrictionsOf } from '../restrictions/find-restrictions.ts';
import { type FoundCheck, findChecks } from './find-checks.ts';
import { lateChecks } from './late-checks.ts';
import { dueReports, holdDue, loadedReportsOf, putOff } from './loaded-reports.ts';
import { type Report, reportsOf } from './report.ts';
import type { RetroMatchesTable } from './tables.ts';
import { tellMatches } from './tell.ts';
import { Told } from './told.ts';

const REPORTS_PER_RUN = 1_000;
const ROWS_PER_STATEMENT = 500;

/** What one run has done. */
export interface RetroRun {
  reports: number;
  found: number;
  /** Whether more reports are waiting. */
  isMore: boolean;
}

/** One run over what is new, at most 1,000 reports of the log and 1,000 loaded ones. */
export async function matchReports(
  db: CentralDatabase,
  { dayKeys, nowMs }: { dayKeys: DayKeys; nowMs: number },
): Promise<RetroRun> {
  // Read first: what is taken from here on is new to the next run.
  const state = await db.selectFrom('check_event_state').selectAll().executeTakeFirstOrThrow();
  const operations = await operationsAfter(db, state.matched_operation, REPORTS_PER_RUN);
  const due = await dueReports(db, { nowMs, limit: REPORTS_PER_RUN });
  const reports = [...(await reportsOf(db, operations)), ...(await loadedReportsOf(db, due))];
  const kept = { first: firstDayKept(nowMs), last: dayOf(nowMs) + 1 };
  const found = [
    ...(await findChecks(db, dayKeys, reports, kept)),
    ...(await lateChecks(db, dayKeys, { state, kept, nowMs })),
  ];
  const matchedOperation = operations.at(-1)?.seq ?? state.matched_operation;
  const isNew = operations.length + due.length > 0 || state.last_number > state.matched_number;
  if (!isNew) return { reports: 0, found: 0, isMore: false };
  const { written, held } = await db.transaction().execute(async (trx) => {
    const held = await holdDue(trx, due);
    // Before anything is written, so that two runs at once come one after the other. Events wait for it.
    await trx
      .updateTable('check_event_state')
      .set({ matched_operation: matchedOperation, matched_number: state.last_number })
      .where('matched_operation', '<=', matchedOperation)
      .where('matched_number', '<=', state.last_number)
      .execute();
    await putOff(trx, held, nowMs);
    const matches = await writeMatches(trx, found, nowMs);
    await tellMatches(trx, matches, nowMs);
    return { written: matches.length, held: held.length };
  });
  const isMore = Math.max(operations.length, held) === REPORTS_PER_RUN;
  return { reports: reports.length, found: written, isMore };
}

/** Writes what was found; those that were not known already. */
async function writeMatches(
  trx: Transaction<CentralSchema>,
  found: readonly FoundCheck[],
  nowMs: number,
): Promise<RetroMatchesTable[]> {
  const written: RetroMatchesTable[] = [];
  for (let start = 0; start < found.length; start += ROWS_PER_STATEMENT) {
    const rows = await rowsOf(trx, found.slice(start, start + ROWS_PER_STATEMENT), nowMs);
    if (rows.length === 0) continue;
    const inserted = await trx
      .insertInto('retro_matches')
      .values(rows)
      .onConflict((conflict) =>
        conflict.columns(['record_id', 'event_number', 'place']).doNothing(),
      )
      .returningAll()
      .execute();
    written.push(...inserted);
  }
  return written;
}

async function rowsOf(
  trx: Transaction<CentralSchema>,
  found: readonly FoundCheck[],
  nowMs: number,
): Promise<RetroMatchesTable[]> {
  const events = await trx
    .selectFrom('check_events')
    .select(['number', 'at', 'as_of', 'entry'])
    .where('number', 'in', [...new Set(found.map(({ number }) => number))])
    .execute();
  const byNumber = new Map(events.map((event) => [event.number, event]));
  const told = await Told.of(trx, [...byNumber.keys()]);
  const restrictions = await restrictionsOf(
    trx,
    found.map(({ report }) => stateOf(report)),
  );
  return found.flatMap((check) => {
    const { report, number, place } = check;
    const row = byNumber.get(number);
    const knew = row?.as_of != null && row.as_of > report.knownAfter;
    if (!row || knew || told.has(check)) return [];
    const event = JSON.parse(row.entry) as CheckEvent;
    // A tag has no class, and numbers of passports and of cards may be the same.
    if (!wasAskedIn(event, place, report.classes)) return [];
    const state = stateOf(report);
    // Who is kept from the records has not been told, and is not told now; nor is anybody of where it asked.
    const asking = event.state ?? stateOfBureau(event.tenant);
    if (restrictions.excludes(state, asking)) return [];
    const bureau = bureauOfAgency(event.tenant, event.state) ?? null;
    told.add(check);
    const isBureauTold = bureau !== null && !restrictions.excludes(state, stateOfBureau(bureau));
    const letter = event.answers[place];
    return {
      id: newId(),
      record_id: report.recordId,
      state,
      event_number: number,
      place,
      tenant: event.tenant,
      bureau: isBureauTold ? bureau : null,
      site: event.site,
      checked_at: row.at,
      direction: event.direction ?? null,
      answer: letter === ANSWER_LETTERS.unknown ? ('unknown' as const) : ('clear' as const),
      reported_at: report.at,
      found_at: nowMs,
    };
  });
}

/** Issuing state of a report: behind the class letter of its key, padded to three. */
const stateOf = ({ key }: Report): string => key.slice(1, 4).replaceAll('<', '');
