/**
 * Records over HTTP, as they are read. docs/api.md, "Records".
 *
 *     GET  /v1/records               those that the caller's bureau owns
 *     POST /v1/records/search        of these, the records of one number
 *     GET  /v1/records/:id           one, as far as the role sees it
 *     GET  /v1/records/:id/history   who did what to it
 */

import * as v from 'valibot';
import { canonicalNumber } from '../../src/document/canonical-key.ts';
import { parseStateCode } from '../../src/document/issuing-state.ts';
import { SltdError } from '../../src/errors.ts';
import { Id } from '../../src/format/forms.ts';
import { idOf, Version } from '../http/forms.ts';
import { pageOf, pageRequest } from '../http/page.ts';
import { readJsonAs } from '../http/read-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import { findRecord, listRecords, recordsOfNumber } from './find-records.ts';
import { historyView, listHistory } from './history.ts';
import { ownedIn, ownerOf, owningCallerOf } from './owners.ts';
import { historyLevel, opensNoRecord, recordDetails } from './views.ts';

/** Longer ones are refused as they are parsed. */
const SearchSchema = v.strictObject({ issuingState: v.string(), documentNumber: v.string() });

/** The addresses above. */
export const addRecordRoutes: RouteModule = (app, services) => {
  const { db, callerOf, collection } = services;

  app.get('/v1/records', async (c) => {
    const caller = await owningCallerOf(c, services);
    const page = pageRequest(c, Id);
    const rows = await listRecords(db, ownedIn(await collection(), caller.bureauState), page);
    const view = (row: (typeof rows)[number]) => recordDetails(row, caller, caller.tenant);
    return c.json(pageOf(rows, page, { view, positionOf: (row) => row.id }));
  });

  // A POST, so that the number stands in no address.
  app.post('/v1/records/search', async (c) => {
    const caller = await owningCallerOf(c, services);
    const page = pageRequest(c, Id);
    const { issuingState, documentNumber } = await readJsonAs(c.req.raw, SearchSchema);
    const state = parseStateCode(issuingState);
    if (state === undefined) throw new SltdError('state-unknown');
    if (ownerOf(await collection(), state) !== caller.tenant) throw new SltdError('forbidden');
    const number = canonicalNumber(documentNumber, state);
    if (!number.ok) throw new SltdError(number.code);
    const rows = await recordsOfNumber(db, { state, number: number.value }, page);
    const view = (row: (typeof rows)[number]) => recordDetails(row, caller, caller.tenant);
    return c.json(pageOf(rows, page, { view, positionOf: (row) => row.id }));
  });

  app.get('/v1/records/:id', async (c) => {
    const caller = await callerOf(c);
    // Before the look-up, so that the role cannot even learn which ids there are.
    if (opensNoRecord(caller.role)) throw new SltdError('forbidden');
    const row = await findRecord(db, idOf(c), caller);
    if (!row) throw new SltdError('not-found');
    const details = recordDetails(row, caller, ownerOf(await collection(), row.state));
    if (!details) throw new SltdError('forbidden');
    if (details.version !== undefined) c.header('etag', `"${details.version}"`);
    return c.json(details);
  });

  app.get('/v1/records/:id/history', async (c) => {
    const caller = await callerOf(c);
    if (opensNoRecord(caller.role)) throw new SltdError('forbidden');
    const id = idOf(c);
    const page = pageRequest(c, Version);
    const row = await findRecord(db, id, caller);
    if (!row) throw new SltdError('not-found');
    const level = historyLevel(caller, ownerOf(await collection(), row.state));
    if (!level) throw new SltdError('forbidden');
    const lines = await listHistory(db, id, page);
    const view = (line: (typeof lines)[number]) =>
      historyView(line, { level, tenant: caller.tenant });
    return c.json(pageOf(lines, page, { view, positionOf: (line) => line.number }));
  });
};
