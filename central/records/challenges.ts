/**
 * Challenges: another bureau says that a record is wrong, and every answer shows it until its owner
 * (owners.ts) has looked.
 *
 * A challenge takes nothing off the list: only the owner can. It tells the officer at the desk that the
 * traveller may be right.
 */

import { SltdError } from '../../src/errors.ts';
import { stateOfBureau } from '../../src/format/caller-state.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { isoTime } from '../http/iso-time.ts';
import { newId } from '../http/new-id.ts';
import type { PageRequest, TimePosition } from '../http/page.ts';
import { notify } from '../notifications/notify.ts';
import { isRestricted } from '../restrictions/find-restrictions.ts';
import { ownCollection } from '../training/database.ts';
import type { ChangeBatch } from './change-batch.ts';
import { findRecord } from './find-records.ts';
import { ownerOf } from './owners.ts';
import type { RecordChallengesTable, RecordRow } from './tables.ts';

/** What the owner found. */
export type ChallengeOutcome = NonNullable<RecordChallengesTable['outcome']>;

/** Dispute a listed record of another bureau, which is told of it; the challenge's id. */
export async function openChallenge(
  batch: ChangeBatch,
  recordId: string,
  reason: string,
): Promise<string> {
  const { transaction, caller, nowMs } = batch;
  const { row, owner } = await ownedRow(batch, recordId);
  if (owner === caller.tenant) throw new SltdError('forbidden');
  if (row.withdrawn_at !== null) throw new SltdError('record-withdrawn');
  const open = await transaction
    .selectFrom('record_challenges')
    .select('id')
    .where('record_id', '=', recordId)
    .where('tenant', '=', caller.tenant)
    .where('resolved_at', 'is', null)
    .executeTakeFirst();
  if (open) throw new SltdError('challenge-open');
  const id = newId();
  await transaction
    .insertInto('record_challenges')
    .values({
      ...{ id, record_id: recordId, tenant: caller.tenant, subject: caller.subject, reason },
      ...{ opened_at: nowMs, outcome: null, answer: null, resolved_by: null, resolved_at: null },
    })
    .execute();
  await count(batch, row, { change: 1, action: 'challenged' });
  await notify(transaction, {
    ...{ tenant: owner, type: 'record.challenged', nowMs },
    payload: { record: recordId, challenge: id, bureau: caller.tenant },
  });
  return id;
}

/** The owner's answer; the bureau that disputed the record is told. */
export async function resolveChallenge(
  batch: ChangeBatch,
  { recordId, id }: { recordId: string; id: string },
  { outcome, answer }: { outcome: ChallengeOutcome; answer: string },
): Promise<void> {
  const { transaction, caller, nowMs } = batch;
  const { row, owner } = await ownedRow(batch, recordId);
  if (owner !== caller.tenant) throw new SltdError('forbidden');
  const challenge = await transaction
    .selectFrom('record_challenges')
    .selectAll()
    .where('id', '=', id)
    .where('record_id', '=', recordId)
    .executeTakeFirst();
  if (!challenge) throw new SltdError('not-found');
  if (challenge.resolved_at !== null) throw new SltdError('challenge-resolved');
  // An answer that says so must be true.
  if (outcome === 'record-withdrawn' && row.withdrawn_at === null) {
    throw new SltdError('record-listed');
  }
  if (outcome === 'record-corrected' && !(await isCorrected(batch, challenge))) {
    throw new SltdError('record-uncorrected');
  }
  await transaction
    .updateTable('record_challenges')
    .set({ outcome, answer, resolved_by: caller.subject, resolved_at: nowMs })
    .where('id', '=', id)
    .execute();
  await count(batch, row, { change: -1, action: 'challenge-resolved' });
  const bureau = stateOfBureau(challenge.tenant);
  if (await isRestricted(transaction, row.state, bureau)) return;
  await notify(transaction, {
    ...{ tenant: challenge.tenant, type: 'record.challenge-answered', nowMs },
    payload: { record: recordId, challenge: id, outcome },
  });
}

/** The record as far as the caller may know of it, and its bureau; throws 'not-found'. */
async function ownedRow(
  { transaction, caller }: ChangeBatch,
  id: string,
): Promise<{ row: RecordRow; owner: string }> {
  const row = await findRecord(transaction, id, { state: stateOfBureau(caller.tenant) });
  if (!row) throw new SltdError('not-found');
  return { row, owner: ownerOf(await ownCollection(transaction), row.state) };
}

/** True if the record was corrected since it was disputed, here or by an export. */
async function isCorrected(
  { transaction }: ChangeBatch,
  { record_id, opened_at }: RecordChallengesTable,
): Promise<boolean> {
  const line = await transaction
    .selectFrom('record_history')
    .select('number')
    .where('record_id', '=', record_id)
    .where('action', 'in', ['corrected', 'load-corrected'])
    .where('at', '>=', opened_at)
    .executeTakeFirst();
  return line !== undefined;
}

async function count(
  batch: ChangeBatch,
  row: RecordRow,
  { change, action }: { change: 1 | -1; action: 'challenged' | 'challenge-resolved' },
): Promise<void> {
  const number = row.version + 1;
  await batch.transaction
    .updateTable('records')
    .set((eb) => ({
      open_challenge_count: eb('open_challenge_count', '+', change),
      ...{ version: number, updated_at: batch.nowMs },
    }))
    .where('id', '=', row.id)
    .execute();
  batch.record({ record_id: row.id, number, action });
}

/** Challenges of a record in order of time; of one bureau alone where it is named. */
export function listChallenges(
  db: CentralDatabase,
  { recordId, tenant }: { recordId: string; tenant: string | undefined },
  { limit, after }: PageRequest<TimePosition>,
): Promise<RecordChallengesTable[]> {
  const [atMs, id] = after ?? [-1, ''];
  let query = db
    .selectFrom('record_challenges')
    .selectAll()
    .where('record_id', '=', recordId)
    .where((eb) =>
      eb.or([eb('opened_at', '>', atMs), eb('opened_at', '=', atMs).and('id', '>', id)]),
    );
  if (tenant !== undefined) query = query.where('tenant', '=', tenant);
  return query
    .orderBy('opened_at')
    .orderBy('id')
    .limit(limit + 1)
    .execute();
}

/** Challenges of records of a state, or of all, that wait for an answer; the longest waiting first, one row more. */
export function openChallenges(
  db: CentralDatabase,
  of: { state: string } | 'all',
  { limit, after }: PageRequest<TimePosition>,
): Promise<RecordChallengesTable[]> {
  const [atMs, id] = after ?? [-1, ''];
  let query = db
    .selectFrom('record_challenges as challenge')
    .selectAll('challenge')
    .where('challenge.resolved_at', 'is', null)
    .where((eb) => eb(eb.refTuple('challenge.opened_at', 'challenge.id'), '>', eb.tuple(atMs, id)));
  if (of !== 'all') {
    query = query
      .innerJoin('records', 'records.id', 'challenge.record_id')
      .where('records.state', '=', of.state);
  }
  return query
    .orderBy('challenge.opened_at')
    .orderBy('challenge.id')
    .limit(limit + 1)
    .execute();
}

/** A challenge as both bureaus see it: no person is named across the border. */
export const challengeView = (challenge: RecordChallengesTable) => ({
  id: challenge.id,
  bureau: challenge.tenant,
  reason: challenge.reason,
  openedAt: isoTime(challenge.opened_at),
  outcome: challenge.outcome ?? undefined,
  answer: challenge.answer ?? undefined,
  resolvedAt: challenge.resolved_at === null ? undefined : isoTime(challenge.resolved_at),
});
