/**
 * Joint operations over HTTP.
 *
 *     POST, GET /v1/joint-operations               make one (a bureau); those that the caller sees
 *     GET, PUT  /v1/joint-operations/:id           one; change it (its lead; If-Match)
 *     GET       /v1/joint-operations/:id/report    figures as JSON; /report.csv, /report.html
 *     POST, DELETE /v1/joint-operations/:id/links  a link to the live page; end the caller's links
 *     GET       /joint-operations/live/:token      the live page
 *     PUT, GET  /v1/own-list                       the agency's own list, as CSV; what is loaded
 *
 * docs/api.md, "Joint operations".
 */

import * as v from 'valibot';
import { SltdError } from '../../src/errors.ts';
import { Id } from '../../src/format/forms.ts';
import type { Role } from '../../src/format/role.ts';
import { idOf } from '../http/forms.ts';
import { ifMatch } from '../http/if-match.ts';
import { isoTime } from '../http/iso-time.ts';
import { pageOf, pageRequest } from '../http/page.ts';
import { readBytes, readJsonAs } from '../http/read-body.ts';
import type { CentralContext } from '../http/context.ts';
import type { RouteModule } from '../http/route-module.ts';
import { createLink, endLinks, LINK_HOURS_MAX, openLink } from './live-links.ts';
import {
  createOperation,
  findOperation,
  listOperations,
  type Operation,
  OperationSchema,
  operationView,
  replaceOperation,
} from './operations.ts';
import { compareWithOwnLists, replaceOwnList } from './own-list.ts';
import { readNames } from './read-names.ts';
import { operationReport } from './report.ts';
import { reportCsv } from './report-csv.ts';
import { PAGE_POLICY, reportPage } from './report-page.ts';

const LEADERS: readonly Role[] = ['ncb'];
const READERS: readonly Role[] = ['ncb', 'officer', 'auditor', 'data-operator'];
/** Who answers for an agency's data. */
const LIST_KEEPERS: readonly Role[] = ['ncb', 'data-operator'];
const LIST_BYTES_MAX = 32 * 1024 * 1024;

const LinkSchema = v.strictObject({
  hours: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(LINK_HOURS_MAX)),
});

/** Adds the addresses above. */
export const addJointOperationRoutes: RouteModule = (app, { db, clock, callerOf, dayKeys }) => {
  const callerIn = async (c: CentralContext, roles: readonly Role[]) => {
    const caller = await callerOf(c);
    if (!roles.includes(caller.role)) throw new SltdError('forbidden');
    return caller;
  };
  const operationOf = async (c: CentralContext, roles: readonly Role[]) => {
    const { tenant } = await callerIn(c, roles);
    return { tenant, operation: await findOperation(db, idOf(c), tenant) };
  };
  const reportFor = async (operationId: string, tenant: string) => {
    if (dayKeys) await compareWithOwnLists(db, dayKeys);
    const operation = await findOperation(db, operationId, tenant);
    return operationReport(db, operation, { tenant, nowMs: clock() });
  };
  const reportOf = async (c: CentralContext) => {
    const { tenant, operation } = await operationOf(c, READERS);
    return reportFor(operation.id, tenant);
  };
  const answer = (c: CentralContext, operation: Operation, status: 200 | 201 = 200) => {
    c.header('etag', `"${operation.version}"`);
    return c.json({ ...operationView(operation), posts: operation.posts }, status);
  };
  const page = (c: CentralContext, html: string) =>
    c.html(html, 200, {
      'content-security-policy': PAGE_POLICY,
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    });

  app.post('/v1/joint-operations', async (c) => {
    const { tenant } = await callerIn(c, LEADERS);
    const body = await readJsonAs(c.req.raw, OperationSchema);
    return answer(c, await createOperation(db, body, { tenant, nowMs: clock() }), 201);
  });

  app.get('/v1/joint-operations', async (c) => {
    const { tenant } = await callerIn(c, READERS);
    const request = pageRequest(c, Id);
    const rows = await listOperations(db, tenant, request);
    return c.json(pageOf(rows, request, { view: operationView, positionOf: ({ id }) => id }));
  });

  app.get('/v1/joint-operations/:id', async (c) => {
    const { operation } = await operationOf(c, READERS);
    return answer(c, operation);
  });

  app.put('/v1/joint-operations/:id', async (c) => {
    const { tenant, operation } = await operationOf(c, LEADERS);
    if (operation.lead_tenant !== tenant) throw new SltdError('forbidden');
    const version = ifMatch(c);
    if (version === undefined) throw new SltdError('version-missing');
    const body = await readJsonAs(c.req.raw, OperationSchema);
    return answer(c, await replaceOperation(db, { ...operation, version }, body));
  });

  app.get('/v1/joint-operations/:id/report', async (c) => c.json(await reportOf(c)));
  app.get('/v1/joint-operations/:id/report.csv', async (c) =>
    c.body(reportCsv(await reportOf(c)), 200, { 'content-type': 'text/csv; charset=utf-8' }),
  );
  app.get('/v1/joint-operations/:id/report.html', async (c) =>
    page(c, reportPage(await reportOf(c), { isLive: false })),
  );

  app.post('/v1/joint-operations/:id/links', async (c) => {
    const { tenant, operation } = await operationOf(c, READERS);
    const { hours } = await readJsonAs(c.req.raw, LinkSchema);
    const about = { operationId: operation.id, tenant, hours, nowMs: clock() };
    const { token, expiresAt } = await createLink(db, about);
    const path = `/joint-operations/live/${token}`;
    return c.json({ path, expiresAt: isoTime(expiresAt) }, 201);
  });

  app.delete('/v1/joint-operations/:id/links', async (c) => {
    const { tenant, operation } = await operationOf(c, READERS);
    await endLinks(db, { operationId: operation.id, tenant });
    return c.body(null, 204);
  });

  app.get('/joint-operations/live/:token', async (c) => {
    const { operationId, tenant } = await openLink(db, c.req.param('token'), clock());
    return page(c, reportPage(await reportFor(operationId, tenant), { isLive: true }));
  });

  app.put('/v1/own-list', async (c) => {
    const { tenant } = await callerIn(c, LIST_KEEPERS);
    const type = c.req.header('content-type') ?? '';
    if (!/^text\/csv\s*(;|$)/i.test(type)) throw new SltdError('content-type');
    const names = readNames(await readBytes(c.req.raw, LIST_BYTES_MAX));
    return c.json({ documents: await replaceOwnList(db, names, { tenant, clock }) });
  });

  app.get('/v1/own-list', async (c) => {
    const { tenant } = await callerIn(c, LIST_KEEPERS);
    const row = await db
      .selectFrom('own_lists')
      .selectAll()
      .where('tenant', '=', tenant)
      .executeTakeFirst();
    if (!row) return c.json({ documents: 0 });
    return c.json({ documents: row.name_count, loadedAt: isoTime(row.loaded_at) });
  });
};
