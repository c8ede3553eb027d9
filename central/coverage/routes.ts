/**
 * Coverage over HTTP: the caller's own agency alone.
 *
 *     PUT /v1/coverage/crossings             declare crossings by post, day and direction
 *     GET /v1/coverage?from=&to=[&site=]     checks against crossings; .csv for all of it at once
 *
 * docs/api.md, "Coverage".
 */

import * as v from 'valibot';
import { SltdError } from '../../src/errors.ts';
import { Name } from '../../src/format/forms.ts';
import type { Role } from '../../src/format/role.ts';
import type { CentralContext } from '../http/context.ts';
import { csvText } from '../http/csv.ts';
import { isoTime } from '../http/iso-time.ts';
import { pageOf, pageRequest } from '../http/page.ts';
import { readJsonAs } from '../http/read-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import {
  type CoverageQuery,
  CoverageQuerySchema,
  type CoverageRow,
  CrossingsSchema,
  coverageRows,
  declareCrossings,
  positionOf,
} from './coverage.ts';

const DECLARERS: readonly Role[] = ['data-operator', 'ncb'];
const READERS: readonly Role[] = ['data-operator', 'ncb', 'auditor', 'officer'];
/** A year at once, and a leap day. */
const DAYS_MAX = 366;
const CSV_ROWS_MAX = 100_000;
const DAY_MS = 86_400_000;

const PositionSchema = v.tuple([v.pipe(v.number(), v.safeInteger()), Name, Name]);

/** Adds the addresses above. */
export const addCoverageRoutes: RouteModule = (app, { db, clock, callerOf }) => {
  const tenantIn = async (c: CentralContext, roles: readonly Role[]): Promise<string> => {
    const { tenant, role } = await callerOf(c);
    if (!roles.includes(role)) throw new SltdError('forbidden');
    return tenant;
  };

  app.put('/v1/coverage/crossings', async (c) => {
    const tenant = await tenantIn(c, DECLARERS);
    const body = await readJsonAs(c.req.raw, CrossingsSchema);
    await declareCrossings(db, body, { tenant, nowMs: clock() });
    return c.json({ declared: body.crossings.length });
  });

  app.get('/v1/coverage', async (c) => {
    const tenant = await tenantIn(c, READERS);
    const request = pageRequest(c, PositionSchema);
    const rows = await coverageRows(db, { ...queryOf(c), ...request, tenant });
    return c.json(pageOf(rows, request, { view: coverageView, positionOf }));
  });

  app.get('/v1/coverage.csv', async (c) => {
    const tenant = await tenantIn(c, READERS);
    const asked = { ...queryOf(c), tenant, limit: CSV_ROWS_MAX, after: undefined };
    const rows = await coverageRows(db, asked);
    if (rows.length > CSV_ROWS_MAX) throw new SltdError('request-invalid');
    const header = ['day', 'site', 'direction', 'checks', 'unanswered', 'crossings', 'percent'];
    const lines = rows
      .map(coverageView)
      .map((row) => [
        ...[row.day, row.site, row.direction, row.checks, row.unanswered],
        ...[row.crossings ?? '', row.percent ?? ''],
      ]);
    const text = csvText([header, ...lines]);
    return c.body(text, 200, { 'content-type': 'text/csv; charset=utf-8' });
  });
};

function queryOf(c: CentralContext): CoverageQuery {
  const query = v.safeParse(CoverageQuerySchema, c.req.query());
  if (!query.success) throw new SltdError('request-invalid');
  const { from, to } = query.output;
  if (to < from || to - from >= DAYS_MAX) throw new SltdError('request-invalid');
  return query.output;
}

/** The row as it is sent; percent of the crossings that were checked, above 100 where some were twice. */
function coverageView({ day, site, direction, checks, unanswered, crossings }: CoverageRow) {
  const percent = crossings ? Math.round((checks / crossings) * 1000) / 10 : undefined;
  return {
    day: isoTime(day * DAY_MS).slice(0, 10),
    ...{ site, direction, checks, unanswered },
    ...(crossings === undefined ? {} : { crossings }),
    ...(percent === undefined ? {} : { percent }),
  };
}
