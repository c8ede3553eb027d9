/**
 * Opening: a sighting becomes a case, or joins the one that is open for its document at its post.
 *
 * One encounter is one case: the same record before the same post of the same agency, no more than an
 * hour after it was last seen there, as long as the case is open. The row of `encounters` is the lock:
 * two desks that scan at once meet there, whichever service serves them. Case, event and notifications
 * are one transaction with the mark on the sighting, so a process that dies leaves all or nothing.
 */

import type { Selectable } from 'kysely';
import type { CentralDatabase } from '../database/schema.ts';
import { newId } from '../http/new-id.ts';
import { ownerOf } from '../records/owners.ts';
import { ownCollection } from '../training/database.ts';
import {
  addEvent,
  type CaseRow,
  type CaseTransaction,
  lockCase,
  tellOthers,
} from './case-event.ts';
import { dueAt } from './clock.ts';
import { eachAlone } from './each-alone.ts';
import { bureauOfAgency, postOf } from './parties.ts';
import { CASE_STATES, type SightingsTable } from './tables.ts';

/** Longer than a traveller is kept at one post's desks, shorter than the way to a second try. */
const ENCOUNTER_MS = 3_600_000;
const BATCH_MAX = 50;
const OPEN_STATES = CASE_STATES.filter((state) => state !== 'closed');

type Sighting = Selectable<SightingsTable>;

/** Open or join cases for what was sighted, oldest first; how many sightings were taken. */
export const openCases = (db: CentralDatabase, nowMs: number): Promise<number> =>
  eachAlone(
    (after: Sighting | undefined) => waitingSightings(db, after),
    (sighting) => db.transaction().execute((transaction) => takeUp(transaction, sighting, nowMs)),
  );

function waitingSightings(db: CentralDatabase, after: Sighting | undefined): Promise<Sighting[]> {
  let query = db.selectFrom('sightings').selectAll().where('case_id', 'is', null);
  if (after)
    query = query.where((eb) =>
      eb(eb.refTuple('seen_at', 'id'), '>', eb.tuple(after.seen_at, after.id)),
    );
  return query.orderBy('seen_at').orderBy('id').limit(BATCH_MAX).execute();
}

async function takeUp(
  transaction: CaseTransaction,
  sighting: Sighting,
  nowMs: number,
): Promise<void> {
  const openedId = newId();
  // Locks the sighting; another service that took it first has set the case already.
  const taken = await transaction
    .updateTable('sightings')
    .set({ case_id: openedId })
    .where('id', '=', sighting.id)
    .where('case_id', 'is', null)
    .returning('id')
    .executeTakeFirst();
  if (!taken) return;
  const { record_id, tenant, site, seen_at: seenAt } = sighting;
  const encounter = { record_id, tenant, post: postOf(site) };
  const before = await transaction
    .insertInto('encounters')
    .values({ ...encounter, case_id: openedId, last_seen_at: seenAt })
    .onConflict((conflict) =>
      // Changes nothing: it locks the row and gives it back as it is.
      conflict
        .columns(['record_id', 'tenant', 'post'])
        .doUpdateSet((eb) => ({ record_id: eb.ref('excluded.record_id') })),
    )
    .returning(['case_id', 'last_seen_at'])
    .executeTakeFirstOrThrow();
  const isNew = before.case_id === openedId;
  const isSoon = Math.abs(seenAt - before.last_seen_at) <= ENCOUNTER_MS;
  const joined = !isNew && isSoon && (await join(transaction, before.case_id, sighting, nowMs));
  const caseId = joined ? before.case_id : openedId;
  if (joined) {
    await transaction
      .updateTable('sightings')
      .set({ case_id: caseId })
      .where('id', '=', sighting.id)
      .execute();
  } else {
    await open(transaction, openedId, sighting, nowMs);
  }
  if (isNew) return;
  let update = transaction
    .updateTable('encounters')
    .set({ case_id: caseId, last_seen_at: Math.max(seenAt, before.last_seen_at) });
  for (const [column, value] of Object.entries(encounter)) {
    update = update.where(column as keyof typeof encounter, '=', value);
  }
  await update.execute();
}

/** False if the case was closed meanwhile. */
async function join(
  transaction: CaseTransaction,
  caseId: string,
  sighting: Sighting,
  nowMs: number,
): Promise<boolean> {
  const row = await lockCase(transaction, caseId, OPEN_STATES);
  if (!row) return false;
  await addEvent(transaction, row, {
    ...{ kind: 'sighting', by: sighting, data: sightingData(sighting), nowMs },
  });
  return true;
}

async function open(
  transaction: CaseTransaction,
  id: string,
  sighting: Sighting,
  nowMs: number,
): Promise<void> {
  const { tenant, issuing_state: state } = sighting;
  const row: CaseRow = {
    id,
    record_id: sighting.record_id,
    issuing_state: state,
    category: sighting.category,
    issuing_ncb: ownerOf(await ownCollection(transaction), state),
    asking_tenant: tenant,
    post: postOf(sighting.site),
    asking_ncb: bureauOfAgency(tenant, sighting.asking_state) ?? null,
    asking_state: sighting.asking_state,
    state: 'opened',
    state_since: nowMs,
    outcome: null,
    due_at: dueAt('opened', nowMs),
    escalation_count: 0,
    version: 1,
    opened_at: nowMs,
    closed_at: null,
    opening_notice: '',
  };
  await transaction.insertInto('cases').values(row).execute();
  const notices = await tellOthers(transaction, row, { type: 'case.opened', nowMs });
  const event = { kind: 'opened', by: sighting, data: sightingData(sighting), nowMs } as const;
  const notice = notices.get(row.issuing_ncb);
  await addEvent(transaction, row, event, { opening_notice: notice ?? '' });
}

const sightingData = ({ site, purpose, direction, seen_at: seenAt }: Sighting) => ({
  seenAt: new Date(seenAt).toISOString(),
  post: postOf(site),
  site,
  ...(purpose === null ? {} : { purpose }),
  ...(direction === null ? {} : { direction }),
});
