/**
 * notify(): tell a tenant something, in the transaction of what it is about.
 *
 * The notification and one delivery for each endpoint that wants its type are rows of the caller's
 * own transaction: either the change and its notice stand, or neither. worker.ts sends them. A tenant
 * without an endpoint reads the notification at GET /v1/notifications.
 */

import { randomBytes } from 'node:crypto';
import type { Transaction } from 'kysely';
import type { CentralSchema } from '../database/schema.ts';
import { isoTime } from '../http/iso-time.ts';
import { holdsTraining } from '../training/database.ts';

/** Everything that a tenant can be told of; docs/api.md, "Notifications", says what is in each. */
export const NOTIFICATION_TYPES = [
  'case.opened',
  'case.state',
  'case.message',
  'case.escalated',
  'record.review-due',
  'record.expired',
  'record.challenged',
  'record.challenge-answered',
  'bulk.held',
  'card.published',
  'card.withdrawn',
  'retro-match.found',
  'endpoint.test',
] as const;

export type NotificationType = (typeof NOTIFICATION_TYPES)[number];

/** What is to be told, and to whom. */
export interface Notice {
  tenant: string;
  type: NotificationType;
  /** Sent as `data`. Opaque ids, states and times: never a document number or a person. */
  payload: Readonly<Record<string, unknown>>;
  nowMs: number;
  /** This endpoint of the tenant is told too, whatever types it subscribes to. */
  endpointId?: string | null | undefined;
  /** Only `endpointId` is told. */
  isForEndpointAlone?: boolean;
}

/** Write the notification into the transaction; the id is its `webhook-id`. */
export async function notify(
  transaction: Transaction<CentralSchema>,
  { tenant, type, payload, nowMs, endpointId, isForEndpointAlone = false }: Notice,
): Promise<{ id: string }> {
  const id = opaqueId();
  const mark = (await holdsTraining(transaction)) ? { training: true } : {};
  const body = JSON.stringify({ type, ...mark, timestamp: isoTime(nowMs), data: payload });
  const row = { id, tenant, type, body, created_at: nowMs };
  await transaction.insertInto('notifications').values(row).execute();
  const endpoints = await transaction
    .selectFrom('endpoints')
    .select(['id', 'types'])
    .where('tenant', '=', tenant)
    .where('disabled_at', 'is', null)
    .execute();
  const told = endpoints.filter(
    (each) => each.id === endpointId || (!isForEndpointAlone && wants(each.types, type)),
  );
  if (told.length === 0) return { id };
  await transaction
    .insertInto('deliveries')
    .values(
      told.map((each) => newDelivery({ notificationId: id, endpointId: each.id, tenant, nowMs })),
    )
    .execute();
  return { id };
}

/**
 * notify() for every tenant with an endpoint that takes the type. One that is switched off counts: its
 * replay finds what it missed.
 */
export async function notifySubscribers(
  transaction: Transaction<CentralSchema>,
  notice: Pick<Notice, 'type' | 'payload' | 'nowMs'>,
): Promise<void> {
  const endpoints = await transaction.selectFrom('endpoints').select(['tenant', 'types']).execute();
  const subscribed = endpoints.filter(({ types }) => wants(types, notice.type));
  for (const tenant of new Set(subscribed.map((each) => each.tenant))) {
    await notify(transaction, { ...notice, tenant });
  }
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
    id: opaqueId(),
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

/** 16 random bytes in base64url: tells nothing of what it names. */
export const opaqueId = (): string => randomBytes(16).toString('base64url');
