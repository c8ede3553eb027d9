/**
 * Changes that people and the service make to a case: moves, messages, escalations.
 *
 * Each is one transaction: the row is locked by raising its version, the rules are looked at on the
 * locked row, event and notifications are written. What is refused is rolled back, version and all.
 */

import { isDeepStrictEqual } from 'node:util';
import { SltdError } from '../../src/errors.ts';
import type { CentralDatabase } from '../database/schema.ts';
import type { Caller } from '../http/caller.ts';
import { notify } from '../notifications/notify.ts';
import { contactsOf } from '../notifications/subscriptions.ts';
import {
  addEvent,
  type CaseRow,
  type CaseTransaction,
  lockCase,
  tellOthers,
  toldTenants,
} from './case-event.ts';
import { dueAt, responsibleIn } from './clock.ts';
import { eachAlone } from './each-alone.ts';
import { type Party, tenantOf, viewersOf } from './parties.ts';
import type { EventKind } from './tables.ts';
import { checkMove, type Move, type Mover } from './transitions.ts';

/** Questions and files may still come for so long. */
const ADDED_AFTER_CLOSING_MS = 30 * 24 * 3_600_000;

interface Change {
  db: CentralDatabase;
  caller: Caller;
  nowMs: number;
  /** What the caller has seen; 'case-changed' if the case has gone on since. */
  version?: number | undefined;
  /** Of the header Idempotency-Key: the same key again changes nothing. */
  requestKey?: string | undefined;
}

/** What an event is to hold, by which a request that is repeated is known again. */
interface Wish {
  kind: EventKind;
  data: Readonly<Record<string, unknown>>;
}

/**
 * Move the case; throws what checkMove() throws, 'not-found', 'case-changed', and 'repeat-differs' where
 * the key was used for something else.
 */
export async function moveCase(id: string, move: Move, change: Change): Promise<CaseRow> {
  return changing(
    id,
    change,
    { kind: 'state', data: { ...move } },
    async (transaction, row, movers) => {
      checkMove(row.state, move, movers);
      await enter(transaction, row, move, change);
    },
  );
}

/** A message from one side to the others; attachments are ids of the caller's own on this case. */
export async function writeMessage(
  id: string,
  { text, attachments }: { text: string; attachments: readonly string[] },
  change: Change,
): Promise<CaseRow> {
  const { caller, nowMs, requestKey } = change;
  const data = { text, ...(attachments.length > 0 ? { attachments } : {}) };
  return changing(id, change, { kind: 'message', data }, async (transaction, row) => {
    if (attachments.length > 0) await checkAttachments(transaction, row, attachments, caller);
    await addEvent(transaction, row, { kind: 'message', by: caller, data, nowMs, requestKey });
    const byTenant = caller.tenant;
    await tellOthers(transaction, row, { type: 'case.message', byTenant, nowMs });
  });
}

/** Enter a file into the case, by what `enter` does on the locked row. */
export const attachToCase = (
  id: string,
  change: Change,
  enterFile: (transaction: CaseTransaction, row: CaseRow) => Promise<void>,
): Promise<CaseRow> => changing(id, change, { kind: 'attachment', data: {} }, enterFile);

/** For notifications that were received: the cases that they opened count as notified. */
export async function markNotified(
  transaction: CaseTransaction,
  noticeIds: readonly string[],
  nowMs: number,
): Promise<void> {
  const opened = await transaction
    .selectFrom('cases')
    .select('id')
    .where('opening_notice', 'in', noticeIds)
    .where('state', '=', 'opened')
    .orderBy('id')
    .execute();
  for (const { id } of opened) {
    // Unless it was acknowledged in the meantime.
    const row = await lockCase(transaction, id, ['opened']);
    if (row) await enter(transaction, row, { to: 'notified' }, { caller: undefined, nowMs });
  }
}

/** Run a change on the locked case, if the caller takes part in it; the row as it is afterwards. */
async function changing(
  id: string,
  { db, caller, version, requestKey, nowMs }: Change,
  wish: Wish,
  apply: (transaction: CaseTransaction, row: CaseRow, movers: readonly Mover[]) => Promise<void>,
): Promise<CaseRow> {
  return db.transaction().execute(async (transaction) => {
    const row = await lockCase(transaction, id);
    const movers = row ? partiesOf(caller, row) : [];
    if (!row) throw new SltdError('not-found');
    if (movers.length === 0) {
      throw new SltdError(viewersOf(caller, row).length > 0 ? 'forbidden' : 'not-found');
    }
    const isRepeated =
      requestKey !== undefined && (await wasDone(transaction, id, { requestKey, wish }));
    if (!isRepeated) {
      if (version !== undefined && version !== row.version - 1) throw new SltdError('case-changed');
      if (wish.kind !== 'state' && isOver(row, nowMs)) throw new SltdError('case-over');
      await apply(transaction, row, movers);
      return transaction
        .selectFrom('cases')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirstOrThrow();
    }
    // Nothing happened, so the version that the lock has raised goes back.
    const unchanged = { ...row, version: row.version - 1 };
    await transaction
      .updateTable('cases')
      .set({ version: unchanged.version })
      .where('id', '=', id)
      .execute();
    return unchanged;
  });
}

/** Closed for so long that nothing is added any more: what comes late has to be forgotten with the rest. */
const isOver = ({ closed_at: closedAt }: CaseRow, nowMs: number): boolean =>
  closedAt !== null && nowMs - closedAt > ADDED_AFTER_CLOSING_MS;

const partiesOf = (caller: Caller, row: CaseRow): Party[] =>
  viewersOf(caller, row).filter((viewer) => viewer !== 'audit');

/** True if the key's request was done already; 'repeat-differs' if it was another one. */
async function wasDone(
  transaction: CaseTransaction,
  caseId: string,
  { requestKey, wish }: { requestKey: string; wish: Wish },
): Promise<boolean> {
  const found = await transaction
    .selectFrom('case_events')
    .select(['kind', 'data'])
    .where('case_id', '=', caseId)
    .where('request_key', '=', requestKey)
    .executeTakeFirst();
  if (!found) return false;
  const data = JSON.parse(found.data) as Record<string, unknown>;
  const names = new Set([...Object.keys(data), ...Object.keys(wish.data)]);
  // Where a move came from is not part of the request.
  names.delete('from');
  const isSame = [...names].every((name) => isDeepStrictEqual(data[name], wish.data[name]));
  if (found.kind !== wish.kind || !isSame) throw new SltdError('repeat-differs');
  return true;
}

async function enter(
  transaction: CaseTransaction,
  row: CaseRow,
  { to, reason, outcome }: Move,
  change: Pick<Change, 'nowMs' | 'requestKey'> & { caller: Caller | undefined },
): Promise<void> {
  const { caller, nowMs, requestKey } = change;
  const data = {
    ...{ from: row.state, to },
    ...(outcome === undefined ? {} : { outcome }),
    ...(reason === undefined ? {} : { reason }),
  };
  const event = { kind: 'state', by: caller, data, nowMs, requestKey } as const;
  await addEvent(transaction, row, event, {
    state: to,
    state_since: nowMs,
    due_at: dueAt(to, nowMs),
    escalation_count: 0,
    ...(to === 'closed' ? { outcome: outcome ?? null, closed_at: nowMs } : {}),
  });
  const told = { ...row, state: to };
  await tellOthers(transaction, told, { type: 'case.state', byTenant: caller?.tenant, nowMs });
}

async function checkAttachments(
  transaction: CaseTransaction,
  { id }: CaseRow,
  attachments: readonly string[],
  { tenant }: Caller,
): Promise<void> {
  const found = await transaction
    .selectFrom('attachments')
    .select('id')
    .where('id', 'in', attachments)
    .where('case_id', '=', id)
    .where('tenant', '=', tenant)
    .execute();
  if (found.length !== new Set(attachments).size) throw new SltdError('request-invalid');
}

const CASES_PER_READ = 50;

/**
 * Escalate the cases whose clock has run out: the next contact of who has to act is called; once all
 * have been, every side is told and the clock stops. How many cases.
 */
export async function escalateDue(db: CentralDatabase, nowMs: number): Promise<number> {
  return eachAlone(
    (after: DueCase | undefined) => dueCases(db, after, nowMs),
    ({ id }) => db.transaction().execute((transaction) => escalate(transaction, id, nowMs)),
  );
}

type DueCase = Pick<CaseRow, 'id' | 'due_at'>;

function dueCases(
  db: CentralDatabase,
  after: DueCase | undefined,
  nowMs: number,
): Promise<DueCase[]> {
  let query = db.selectFrom('cases').select(['id', 'due_at']).where('due_at', '<=', nowMs);
  if (after)
    query = query.where((eb) =>
      eb(eb.refTuple('due_at', 'id'), '>', eb.tuple(after.due_at!, after.id)),
    );
  return query.orderBy('due_at').orderBy('id').limit(CASES_PER_READ).execute();
}

async function escalate(transaction: CaseTransaction, id: string, nowMs: number): Promise<void> {
  const row = await transaction
    .updateTable('cases')
    .set((eb) => ({ version: eb('version', '+', 1) }))
    .where('id', '=', id)
    // Asked again on the locked row: another service may have been first.
    .where('due_at', '<=', nowMs)
    .returningAll()
    .executeTakeFirst();
  const party = row && responsibleIn(row.state);
  if (!row || !party) return;
  const tenant = tenantOf(party, row);
  const contacts = await contactsOf(transaction, tenant);
  const contact = contacts[row.escalation_count];
  const level = row.escalation_count + 1;
  const data = { party, level, isLast: contact === undefined };
  const event = { kind: 'escalated', by: undefined, data, nowMs } as const;
  await addEvent(transaction, row, event, {
    escalation_count: level,
    due_at: contact ? dueAt(row.state, nowMs) : null,
  });
  if (!contact) {
    await tellOthers(transaction, row, { type: 'case.escalated', data, nowMs });
    return;
  }
  if (!(await toldTenants(transaction, row)).includes(tenant)) return;
  const { endpointId, ...called } = contact;
  const payload = { case: id, version: row.version, state: row.state, ...data, contact: called };
  await notify(transaction, { tenant, type: 'case.escalated', payload, nowMs, endpointId });
}
