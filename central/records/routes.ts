/** Records over HTTP. docs/api.md, "Central". */

import * as v from 'valibot';
import { SltdError } from '../../src/errors.ts';
import { stateOfBureau } from '../http/caller.ts';
import { pageOf, pageRequest } from '../http/page.ts';
import type { RouteModule } from '../http/route-module.ts';
import { findRecord, listRecords } from './find-records.ts';
import { opensNoRecord, recordDetails } from './views.ts';

/** 16 bytes in base64url. */
const RECORD_ID = /^[\w-]{22}$/;
const PositionSchema = v.pipe(v.string(), v.regex(RECORD_ID));

/** GET /v1/records, those of the caller's bureau; GET /v1/records/:id, as far as the role sees it. */
export const addRecordRoutes: RouteModule = (app, { db, callerOf }) => {
  app.get('/v1/records', async (c) => {
    const caller = await callerOf(c);
    const state = stateOfBureau(caller.tenant);
    const isOwner = caller.role === 'ncb' || caller.role === 'data-operator';
    if (state === undefined || !isOwner) throw new SltdError('forbidden');
    const page = pageRequest(c, PositionSchema);
    const rows = await listRecords(db, state, page);
    const view = (row: (typeof rows)[number]) => recordDetails(row, caller);
    return c.json(pageOf(rows, page, { view, positionOf: (row) => row.id }));
  });

  app.get('/v1/records/:id', async (c) => {
    const caller = await callerOf(c);
    // Before the look-up, so that the role cannot even learn which ids there are.
    if (opensNoRecord(caller.role)) throw new SltdError('forbidden');
    const id = c.req.param('id');
    const row = RECORD_ID.test(id) ? await findRecord(db, id) : undefined;
    if (!row) throw new SltdError('not-found');
    const details = recordDetails(row, caller);
    if (!details) throw new SltdError('forbidden');
    return c.json(details);
  });
};
