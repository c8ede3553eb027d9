/**
 * Endpoints and on-call contacts of a tenant: registered, shown, changed, removed.
 *
 * A secret is shown once, when it is made. While a new one is being brought in, both sign for a day.
 */

import * as v from 'valibot';
import { SltdError } from '../../src/errors.ts';
import { Id } from '../../src/format/forms.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { line } from '../http/forms.ts';
import { isoTime } from '../http/iso-time.ts';
import { newId } from '../http/new-id.ts';
import { endpointUrl, type Reach } from './address-guard.ts';
import { INSERT_MAX, NOTIFICATION_TYPES, newDelivery, notify, wants } from './notify.ts';
import { newSecret } from './signature.ts';
import type { EndpointsTable } from './tables.ts';

const ENDPOINTS_MAX = 10;
const CONTACTS_MAX = 10;
/** For so long the secret before still signs. */
const SECRET_OVERLAP_MS = 24 * 3_600_000;

/** Body of POST /v1/endpoints. */
export const EndpointSchema = v.strictObject({
  url: line(512),
  /** All types if left out. */
  types: v.optional(v.pipe(v.array(v.picklist(NOTIFICATION_TYPES)), v.minLength(1))),
});

/** Body of PUT /v1/contacts. */
export const ContactsSchema = v.strictObject({
  contacts: v.pipe(
    v.array(
      v.strictObject({
        label: line(64),
        address: line(128),
        endpointId: v.optional(Id),
      }),
    ),
    v.maxLength(CONTACTS_MAX),
  ),
});

interface Scope {
  db: CentralDatabase;
  tenant: string;
  nowMs: number;
}

/** An endpoint as its tenant sees it: everything but the secret. */
export function endpointView(row: Omit<EndpointsTable, 'secret' | 'previous_secret'>) {
  return {
    id: row.id,
    url: row.url,
    ...(row.types === null ? {} : { types: JSON.parse(row.types) as string[] }),
    createdAt: isoTime(row.created_at),
    ...(row.disabled_at === null ? {} : { disabledAt: isoTime(row.disabled_at) }),
  };
}

/** A new endpoint, with its secret. 'endpoint-refused' for its address, or if there are ten. */
export async function addEndpoint(
  { url: text, types }: v.InferOutput<typeof EndpointSchema>,
  { db, tenant, nowMs, reach }: Scope & { reach: Reach },
) {
  const url = endpointUrl(text, reach);
  const row = {
    id: newId(),
    tenant,
    url: url.href,
    secret: newSecret(),
    previous_secret: null,
    previous_until: null,
    types: types ? JSON.stringify([...new Set(types)]) : null,
    created_at: nowMs,
    disabled_at: null,
  };
  const { count } = await db
    .selectFrom('endpoints')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  if (count >= ENDPOINTS_MAX) throw new SltdError('endpoint-refused');
  await db.insertInto('endpoints').values(row).execute();
  return { ...endpointView(row), secret: row.secret };
}

/** Remove an endpoint and all that waits for it; 'not-found' unless it is the tenant's. */
export async function removeEndpoint(id: string, { db, tenant }: Scope): Promise<void> {
  const { numDeletedRows } = await db
    .deleteFrom('endpoints')
    .where('id', '=', id)
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  if (numDeletedRows === 0n) throw new SltdError('not-found');
}

/** A new secret beside the one before, which signs for a day longer; 'not-found' as above. */
export async function changeSecret(id: string, { db, tenant, nowMs }: Scope) {
  const secret = newSecret();
  const row = await db
    .updateTable('endpoints')
    .set((eb) => ({
      previous_secret: eb.ref('secret'),
      previous_until: nowMs + SECRET_OVERLAP_MS,
      secret,
    }))
    .where('id', '=', id)
    .where('tenant', '=', tenant)
    .returning('id')
    .executeTakeFirst();
  if (!row) throw new SltdError('not-found');
  return { id, secret };
}

/**
 * Send a message of type `endpoint.test` to this endpoint alone; 'not-found' as above, 'endpoint-disabled'
 * where nothing is sent to it.
 */
export async function testEndpoint(id: string, { db, tenant, nowMs }: Scope) {
  return db.transaction().execute(async (transaction) => {
    const row = await transaction
      .selectFrom('endpoints')
      .select(['id', 'disabled_at'])
      .where('id', '=', id)
      .where('tenant', '=', tenant)
      .executeTakeFirst();
    if (!row) throw new SltdError('not-found');
    if (row.disabled_at !== null) throw new SltdError('endpoint-disabled');
    return notify(transaction, {
      ...{ tenant, type: 'endpoint.test', payload: {}, nowMs, endpointId: id },
      isForEndpointAlone: true,
    });
  });
}

/**
 * Enable an endpoint again and send it, from a time on, what it did not get: dead letters, and what
 * was written before it was there. How many are under way again; 'not-found' as above.
 */
export async function replayEndpoint(
  id: string,
  since: number,
  { db, tenant, nowMs }: Scope,
): Promise<{ replayedCount: number }> {
  return db.transaction().execute(async (transaction) => {
    const endpoint = await transaction
      .updateTable('endpoints')
      .set({ disabled_at: null })
      .where('id', '=', id)
      .where('tenant', '=', tenant)
      .returning('types')
      .executeTakeFirst();
    if (!endpoint) throw new SltdError('not-found');
    const dead = await transaction
      .updateTable('deliveries')
      .set({ state: 'pending', attempt_count: 0, due_at: nowMs, finished_at: null })
      .where('endpoint_id', '=', id)
      .where('state', '=', 'dead')
      .where((eb) =>
        eb(
          'notification_id',
          'in',
          eb
            .selectFrom('notifications')
            .select('notifications.id')
            .where('tenant', '=', tenant)
            .where('created_at', '>=', since),
        ),
      )
      .executeTakeFirstOrThrow();
    const missed = await transaction
      .selectFrom('notifications')
      .select(['id', 'type'])
      .where('tenant', '=', tenant)
      .where('created_at', '>=', since)
      .where('type', '!=', 'endpoint.test')
      .where((eb) =>
        eb.not(
          eb.exists(
            eb
              .selectFrom('deliveries')
              .select('deliveries.id')
              .whereRef('deliveries.notification_id', '=', 'notifications.id')
              .where('deliveries.endpoint_id', '=', id),
          ),
        ),
      )
      .execute();
    const wanted = missed.filter(({ type }) => wants(endpoint.types, type));
    for (let start = 0; start < wanted.length; start += INSERT_MAX) {
      const some = wanted.slice(start, start + INSERT_MAX);
      await transaction
        .insertInto('deliveries')
        .values(
          some.map((each) =>
            newDelivery({ notificationId: each.id, endpointId: id, tenant, nowMs }),
          ),
        )
        .execute();
    }
    return { replayedCount: Number(dead.numUpdatedRows) + wanted.length };
  });
}

/**
 * Put one dead letter under way again; 'not-found' unless it is one, and the tenant's, 'endpoint-disabled' where
 * nothing is sent to its endpoint: it stays a dead letter then.
 */
export async function replayDeadLetter(id: string, { db, tenant, nowMs }: Scope): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    const letter = transaction
      .selectFrom('deliveries')
      .select('endpoint_id')
      .where('id', '=', id)
      .where('tenant', '=', tenant)
      .where('state', '=', 'dead');
    // Changes nothing: it locks the endpoint, which a worker may be switching off.
    const endpoint = await transaction
      .updateTable('endpoints')
      .set((eb) => ({ disabled_at: eb.ref('disabled_at') }))
      .where('id', 'in', letter)
      .returning('disabled_at')
      .executeTakeFirst();
    if (!endpoint) throw new SltdError('not-found');
    if (endpoint.disabled_at !== null) throw new SltdError('endpoint-disabled');
    const { numUpdatedRows } = await transaction
      .updateTable('deliveries')
      .set({ state: 'pending', attempt_count: 0, due_at: nowMs, finished_at: null })
      .where('id', '=', id)
      .where('state', '=', 'dead')
      .executeTakeFirstOrThrow();
    if (numUpdatedRows === 0n) throw new SltdError('not-found');
  });
}

/** The contacts of a tenant in the order in which they are called. */
export async function contactsOf(db: CentralDatabase, tenant: string) {
  const rows = await db
    .selectFrom('contacts')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('place')
    .execute();
  return rows.map(({ id, label, address, endpoint_id: endpointId }) => ({
    ...{ id, label, address },
    ...(endpointId === null ? {} : { endpointId }),
  }));
}

/**
 * Replace all contacts of a tenant; 'request-invalid' if one names an endpoint that is not its own. Of two
 * at once the later one stands whole: the rows are written in the order of their places, so it waits at
 * the first.
 */
export async function replaceContacts(
  { contacts }: v.InferOutput<typeof ContactsSchema>,
  { db, tenant }: Scope,
): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    const own = await transaction
      .selectFrom('endpoints')
      .select('id')
      .where('tenant', '=', tenant)
      .execute();
    const ids = new Set(own.map(({ id }) => id));
    const rows = contacts.map(({ label, address, endpointId = null }, place) => {
      if (endpointId !== null && !ids.has(endpointId)) throw new SltdError('request-invalid');
      return { id: newId(), tenant, place, label, address, endpoint_id: endpointId };
    });
    if (rows.length > 0) {
      await transaction
        .insertInto('contacts')
        .values(rows)
        .onConflict((conflict) =>
          conflict.columns(['tenant', 'place']).doUpdateSet((eb) => ({
            id: eb.ref('excluded.id'),
            label: eb.ref('excluded.label'),
            address: eb.ref('excluded.address'),
            endpoint_id: eb.ref('excluded.endpoint_id'),
          })),
        )
        .execute();
    }
    await transaction
      .deleteFrom('contacts')
      .where('tenant', '=', tenant)
      .where('place', '>=', rows.length)
      .execute();
  });
}
