/**
 * Restrictions over HTTP, for the bureau of the source state alone. docs/api.md, "Restrictions at central".
 *
 *     GET /v1/restrictions           which states see nothing of the records of the caller's state
 *     PUT /v1/restrictions           the whole list anew; If-Match
 *     GET /v1/restrictions/history   who set it to what, when and why
 */

import * as v from 'valibot';
import { parseStateCode } from '../../src/document/issuing-state.ts';
import { SltdError } from '../../src/errors.ts';
import { stateOfBureau } from '../../src/format/caller-state.ts';
import type { Caller } from '../http/caller.ts';
import type { CentralContext } from '../http/context.ts';
import { Version } from '../http/forms.ts';
import { ifMatch } from '../http/if-match.ts';
import { pageOf, pageRequest } from '../http/page.ts';
import { readJsonAs } from '../http/read-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import { Reason } from '../records/texts.ts';
import {
  changeView,
  listChanges,
  type RestrictionList,
  readRestrictionList,
  setRestrictionList,
} from './set-restrictions.ts';

/** More than there are states. */
const EXCLUDED_MAX = 300;

const ListSchema = v.strictObject({
  excluded: v.pipe(
    v.array(
      v.pipe(
        v.string(),
        v.check((code) => parseStateCode(code) === code),
      ),
    ),
    v.maxLength(EXCLUDED_MAX),
    v.check((codes) => new Set(codes).size === codes.length),
  ),
  reason: Reason,
});

/** The addresses above. */
export const addRestrictionRoutes: RouteModule = (app, { db, clock, callerOf }) => {
  const answer = (c: CentralContext, list: RestrictionList) => {
    c.header('etag', `"${list.version}"`);
    return c.json(list);
  };

  app.get('/v1/restrictions', async (c) => {
    const { state } = ownerOf(await callerOf(c));
    return answer(c, await readRestrictionList(db, state));
  });

  app.put('/v1/restrictions', async (c) => {
    const { state, subject } = ownerOf(await callerOf(c));
    // `"0"` where no list was set before.
    const version = ifMatch(c);
    if (version === undefined) throw new SltdError('version-missing');
    const { excluded, reason } = await readJsonAs(c.req.raw, ListSchema);
    // No state can be kept from its own records.
    if (excluded.includes(state)) throw new SltdError('request-invalid');
    const list = { state, excluded, reason, version, subject, nowMs: clock() };
    return answer(c, await setRestrictionList(db, list));
  });

  app.get('/v1/restrictions/history', async (c) => {
    const { state } = ownerOf(await callerOf(c));
    const request = pageRequest(c, Version);
    const rows = await listChanges(db, state, request);
    return c.json(
      pageOf(rows, request, { view: changeView, positionOf: ({ version }) => version }),
    );
  });
};

/** A person of the bureau of a state; throws 'forbidden' for anybody else. */
function ownerOf({ role, tenant, subject }: Caller): { state: string; subject: string } {
  const state = stateOfBureau(tenant);
  if (role !== 'ncb' || state === undefined) throw new SltdError('forbidden');
  return { state, subject };
}
