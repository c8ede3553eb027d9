/**
 * notify(): tell a tenant something, in the transaction of what it is about.
 *
 * The notification and one delivery for each endpoint that wants its type are rows of the caller's
 * own transaction: either the change and its notice stand, or neither. worker.ts sends them. A tenant
 * without an endpoint reads the notification at GET /v1/notifications.
 */

import type { Transaction } from 'kysely';
import { ISSUING_STATES } from '../../src/document/issuing-state.ts';
import type { CentralSchema } from '../database/schema.ts';
import { bureauOf } from '../http/caller.ts';
import { isoTime } from '../http/iso-time.ts';
import { newId } from '../http/new-id.ts';
import { holdsTraining } from '../training/database.ts';
import type { EndpointsTable } from './tables.ts';

/** Nine columns a row; SQLite takes 32,766 parameters a statement. */
export const INSERT_MAX = 1_000;

/** Everything that a tenant can be told of; docs/api.md, "Notifications", says what is in each. */
export const NOTIFICATION_TYPES = [
  'case.opened',
  'case.state',
  'case.message',
  'case.escalated',
  'record.review-due',
  'record.expired',
  'record.export-differs',
  'record.challenged',
  'record.challenge-answered',
  'bulk.held',
  'card.published',
  'card.withdrawn',
  'retro-match.found',
  'endpoint.test',
] as const;

export type NotificationType = (typeof NOTIFICATION_TYPES)[number];

/** What is to be told. */
interface Content {
  type: NotificationType;
  /** Sent as `data`. Opaque ids, states and times: never a document number or a person. */
  payload: Readonly<Record<string, unknown>>;
  nowMs: number;
}

/** And to whom. */
export interface Notice extends Content {
  tenant: string;
  /** This endpoint of the tenant is told too, whatever types it subscribes to. */
  endpointId?: string | null | undefined;
  /** Only `endpointId` is told. */
  isForEndpointAlone?: boolean;
}

/** Write the notification into the transaction; the id is its `webhook-id`. */
export async function notify(
  transaction: Transaction<CentralSchema>,
  { tenant, endpointId, isForEndpointAlone = false, ...notice }: Notice,
): Promise<{ id: string }> {
  const ids = await notifyAll(
    transaction,
    [tenant],
    notice,
    ({ id, types }) => id === endpointId || (!isForEndpointAlone && wants(types, notice.type)),
  );
  return { id: ids[0]! };
}

/**
 * notify() for every bureau, since each may read what it was told, and for every other tenant with an
 * endpoint that takes the type. One that is switched off counts: its replay finds what it missed.
 */
export async function notifyEverybody(
  transaction: Transaction<CentralSchema>,
  notice: Content,
): Promise<void> {
  const endpoints = await transaction.selectFrom('endpoints').select(['tenant', 'types']).execute();
  const subscribed = endpoints.filter(({ types }) => wants(types, notice.type));
  const tenants = new Set([
    ...ISSUING_STATES.map(({ code }) => bureauOf(code)),
    ...subscribed.map(({ tenant }) => tenant),
  ]);
  await notifyAll(transaction, [...tenants], notice, ({ types }) => wants(types, notice.type));
}

type Endpoint = Pick<EndpointsTable, 'id' | 'tenant' | 'types'>;

/** One notification for each tenant, and a delivery for each endpoint that is told; the ids in order. */
async function notifyAll(
  transaction: Transaction<CentralSchema>,
  tenants: readonly string[],
  { type, payload, nowMs }: Content,
  isTold: (endpoint: Endpoint) => boolean,
): Promise<string[]> {
  const mark = (await holdsTraining(transaction)) ? { training: true } : {};
  const body = JSON.stringify({ type, ...mark, timestamp: isoTime(nowMs), data: payload });
  const rows = tenants.map((tenant) => ({ id: newId(), tenant, type, body, created_at: nowMs }));
  await transaction.insertInto('notifications').values(rows).execute();
  const idOf = new Map(rows.map(({ tenant, id }) => [tenant, id]));
  const endpoints = await transaction
    .selectFrom('endpoints')
    .select(['id', 'tenant', 'types'])
    .where('tenant', 'in', tenants)
    .where('disabled_at', 'is', null)
    .execute();
  const deliveries = endpoints
    .filter(isTold)
    .map(({ id, tenant }) =>
      newDelivery({ notificationId: idOf.get(tenant)!, endpointId: id, tenant, nowMs }),
    );
  for (let start = 0; start < deliveries.length; start += INSERT_MAX) {
    const some = deliveries.slice(start, start + INSERT_MAX);
    await transaction.insertInto('deliveries').values(some).execute();
  }
  return rows.map(({ id }) => id);
}

/** True if a subscription, as the table holds it, includes the type. */
export const wants = (types: string | null, type: string): boolean =>
  types === null || (JSON.parse(types) as string[]).includes(type);

/** A delivery that is due at once. */
export function newDelivery(about: {
  notificationId: string;
  endpointId: string;
  tenant: string;
  nowMs: number;
}) {
  return {
    id: newId(),
    notification_id: about.notificationId,
    endpoint_id: about.endpointId,
    tenant: about.tenant,
    state: 'pending' as const,
    attempt_count: 0,
    due_at: about.nowMs,
    last_failure: null,
    finished_at: null,
  };
}
