/**
 * Events: the one way in which a case changes.
 *
 * Raising the version locks the case's row, so events of one case stand in a row without gaps, and a
 * reader who has seen version n misses nothing by asking for what comes after. The event, what it
 * changes and whom it tells are one transaction.
 */

import type { Selectable, Transaction, Updateable } from 'kysely';
import { stateOfBureau } from '../../src/format/caller-state.ts';
import type { CentralSchema } from '../database/schema.ts';
import type { Caller } from '../http/caller.ts';
import { type NotificationType, notify } from '../notifications/notify.ts';
import { restrictionsOf } from '../restrictions/find-restrictions.ts';
import { tenantsOf } from './parties.ts';
import { CASE_STATES, type CaseState, type CasesTable, type EventKind } from './tables.ts';

export type CaseRow = Selectable<CasesTable>;
export type CaseTransaction = Transaction<CentralSchema>;

/** Something that happened to a case. */
export interface CaseEvent {
  kind: EventKind;
  /** Undefined where central itself did it. */
  by: Pick<Caller, 'tenant' | 'subject'> | undefined;
  data: Readonly<Record<string, unknown>>;
  nowMs: number;
  requestKey?: string | undefined;
}

/**
 * Take the case for a change: its row with the version raised; undefined if there is none, or none in
 * one of `states`.
 */
export async function lockCase(
  transaction: CaseTransaction,
  id: string,
  states: readonly CaseState[] = CASE_STATES,
): Promise<CaseRow | undefined> {
  return transaction
    .updateTable('cases')
    .set((eb) => ({ version: eb('version', '+', 1) }))
    .where('id', '=', id)
    .where('state', 'in', states)
    .returningAll()
    .executeTakeFirst();
}

/** Write the event under the version that lockCase() gave the row, and what changes with it. */
export async function addEvent(
  transaction: CaseTransaction,
  row: Pick<CaseRow, 'id' | 'version'>,
  { kind, by, data, nowMs, requestKey }: CaseEvent,
  changes: Updateable<CasesTable> = {},
): Promise<void> {
  await transaction
    .insertInto('case_events')
    .values({
      case_id: row.id,
      version: row.version,
      at: nowMs,
      kind,
      by_tenant: by?.tenant ?? null,
      by_subject: by?.subject ?? null,
      data: JSON.stringify(data),
      request_key: requestKey ?? null,
    })
    .execute();
  if (Object.keys(changes).length === 0) return;
  await transaction.updateTable('cases').set(changes).where('id', '=', row.id).execute();
}

/** Tenants of the case that may be told of it: not those that the issuing state keeps its records from. */
export async function toldTenants(transaction: CaseTransaction, row: CaseRow): Promise<string[]> {
  const restrictions = await restrictionsOf(transaction, [row.issuing_state]);
  return tenantsOf(row).filter((tenant) => {
    const asked = tenant === row.asking_tenant ? row.asking_state : undefined;
    const state = stateOfBureau(tenant) ?? asked ?? undefined;
    return !restrictions.excludes(row.issuing_state, state);
  });
}

/** Tell all tenants of the case but the one that did it; the ids by tenant. */
export async function tellOthers(
  transaction: CaseTransaction,
  row: CaseRow,
  notice: {
    type: NotificationType;
    byTenant?: string | undefined;
    data?: Readonly<Record<string, unknown>>;
    nowMs: number;
  },
): Promise<Map<string, string>> {
  const { type, byTenant, data = {}, nowMs } = notice;
  const payload = { case: row.id, version: row.version, state: row.state, ...data };
  const ids = new Map<string, string>();
  for (const tenant of await toldTenants(transaction, row)) {
    if (tenant === byTenant) continue;
    const { id } = await notify(transaction, { tenant, type, payload, nowMs });
    ids.set(tenant, id);
  }
  return ids;
}
