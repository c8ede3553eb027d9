/**
 * Notifications over HTTP: what a tenant was told, where it wants to be told, what did not arrive.
 *
 *     GET  /v1/notifications                  all that the tenant was told, newest first
 *     POST, GET /v1/endpoints                 register (the secret is shown here alone); list
 *     DELETE /v1/endpoints/:id
 *     POST /v1/endpoints/:id/secret|test|replay
 *     GET  /v1/dead-letters, POST /v1/dead-letters/:id/replay
 *     GET, PUT /v1/contacts                   on-call contacts, in order
 *
 * Everything is the caller's own tenant's: another's is not found. docs/api.md, "Notifications".
 */

import * as v from 'valibot';
import { SltdError } from '../../src/errors.ts';
import { Time } from '../../src/format/forms.ts';
import type { Role } from '../../src/format/role.ts';
import type { Caller } from '../http/caller.ts';
import type { CentralContext } from '../http/context.ts';
import { isoTime } from '../http/iso-time.ts';
import { idOf } from '../http/forms.ts';
import { pageOf, pageRequest, TimePosition } from '../http/page.ts';
import { readJsonAs } from '../http/read-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import {
  addEndpoint,
  ContactsSchema,
  changeSecret,
  contactsOf,
  EndpointSchema,
  endpointView,
  removeEndpoint,
  replaceContacts,
  replayDeadLetter,
  replayEndpoint,
  testEndpoint,
} from './subscriptions.ts';

/** Who reads what a tenant was told, and who administers where it is told. */
const READERS: readonly Role[] = ['ncb', 'officer'];
const ADMINISTRATORS: readonly Role[] = ['ncb'];

/** Of a contact in the order of calls. */
const PlaceSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const ReplaySchema = v.strictObject({ since: Time });

/** Adds the addresses above. */
export const addNotificationRoutes: RouteModule = (app, { db, clock, callerOf, reach }) => {
  const scopeOf = async (c: CentralContext, roles: readonly Role[]) => {
    const caller: Caller = await callerOf(c);
    if (!roles.includes(caller.role)) throw new SltdError('forbidden');
    return { db, tenant: caller.tenant, nowMs: clock() };
  };

  app.get('/v1/notifications', async (c) => {
    const { tenant } = await scopeOf(c, READERS);
    const request = pageRequest(c, TimePosition);
    const { limit, after } = request;
    let query = db.selectFrom('notifications').selectAll().where('tenant', '=', tenant);
    if (after)
      query = query.where((eb) => eb(eb.refTuple('created_at', 'id'), '<', eb.tuple(...after)));
    const rows = await query
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute();
    return c.json(
      pageOf(rows, request, {
        view: ({ id, body }) => ({ id, ...(JSON.parse(body) as object) }),
        positionOf: (row) => [row.created_at, row.id],
      }),
    );
  });

  app.post('/v1/endpoints', async (c) => {
    const scope = await scopeOf(c, ADMINISTRATORS);
    const body = await readJsonAs(c.req.raw, EndpointSchema);
    return c.json(await addEndpoint(body, { ...scope, reach }), 201);
  });

  app.get('/v1/endpoints', async (c) => {
    const { tenant } = await scopeOf(c, ADMINISTRATORS);
    const request = pageRequest(c, TimePosition);
    const { limit, after } = request;
    let query = db
      .selectFrom('endpoints')
      .select(['id', 'tenant', 'url', 'previous_until', 'types', 'created_at', 'disabled_at'])
      .where('tenant', '=', tenant);
    if (after)
      query = query.where((eb) => eb(eb.refTuple('created_at', 'id'), '>', eb.tuple(...after)));
    const rows = await query
      .orderBy('created_at')
      .orderBy('id')
      .limit(limit + 1)
      .execute();
    return c.json(
      pageOf(rows, request, { view: endpointView, positionOf: (row) => [row.created_at, row.id] }),
    );
  });

  app.delete('/v1/endpoints/:id', async (c) => {
    await removeEndpoint(idOf(c), await scopeOf(c, ADMINISTRATORS));
    return c.body(null, 204);
  });

  app.post('/v1/endpoints/:id/secret', async (c) =>
    c.json(await changeSecret(idOf(c), await scopeOf(c, ADMINISTRATORS))),
  );

  app.post('/v1/endpoints/:id/test', async (c) => {
    const scope = await scopeOf(c, ADMINISTRATORS);
    return c.json(await testEndpoint(idOf(c), scope), 202);
  });

  app.post('/v1/endpoints/:id/replay', async (c) => {
    const scope = await scopeOf(c, ADMINISTRATORS);
    const { since } = await readJsonAs(c.req.raw, ReplaySchema);
    return c.json(await replayEndpoint(idOf(c), Date.parse(since), scope), 202);
  });

  app.get('/v1/dead-letters', async (c) => {
    const { tenant } = await scopeOf(c, ADMINISTRATORS);
    const request = pageRequest(c, TimePosition);
    const { limit, after } = request;
    let query = db
      .selectFrom('deliveries')
      .innerJoin('notifications', 'notifications.id', 'deliveries.notification_id')
      .selectAll('deliveries')
      .select('notifications.type')
      .where('deliveries.tenant', '=', tenant)
      .where('deliveries.state', '=', 'dead');
    if (after) {
      query = query.where((eb) =>
        eb(eb.refTuple('deliveries.finished_at', 'deliveries.id'), '<', eb.tuple(...after)),
      );
    }
    const rows = await query
      .orderBy('deliveries.finished_at', 'desc')
      .orderBy('deliveries.id', 'desc')
      .limit(limit + 1)
      .execute();
    return c.json(
      pageOf(rows, request, {
        view: (row) => ({
          id: row.id,
          notificationId: row.notification_id,
          endpointId: row.endpoint_id,
          type: row.type,
          attemptCount: row.attempt_count,
          failure: row.last_failure,
          diedAt: isoTime(row.finished_at ?? 0),
        }),
        positionOf: (row) => [row.finished_at, row.id],
      }),
    );
  });

  app.post('/v1/dead-letters/:id/replay', async (c) => {
    await replayDeadLetter(idOf(c), await scopeOf(c, ADMINISTRATORS));
    return c.body(null, 202);
  });

  app.get('/v1/contacts', async (c) => {
    const { tenant } = await scopeOf(c, ADMINISTRATORS);
    const request = pageRequest(c, PlaceSchema);
    const contacts = (await contactsOf(db, tenant)).map((contact, place) => ({
      ...contact,
      place,
    }));
    const rows = contacts.slice(
      (request.after ?? -1) + 1,
      (request.after ?? -1) + request.limit + 2,
    );
    const view = ({ place: _, ...contact }: (typeof rows)[number]) => contact;
    return c.json(pageOf(rows, request, { view, positionOf: ({ place }) => place }));
  });

  app.put('/v1/contacts', async (c) => {
    const scope = await scopeOf(c, ADMINISTRATORS);
    await replaceContacts(await readJsonAs(c.req.raw, ContactsSchema), scope);
    return c.json({ items: await contactsOf(db, scope.tenant) });
  });
};
