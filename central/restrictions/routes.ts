/**
 * Restrictions over HTTP, for the bureau of the source state alone; in a state's own list, for that
 * state's. docs/api.md, "Restrictions at central".
 *
 *     GET /v1/restrictions           which states see nothing of the records of the caller's state
 *     PUT /v1/restrictions           the whole list anew; If-Match
 *     GET /v1/restrictions/history   who set it to what, when and why
 */

import * as v from 'valibot';
import { parseStateCode } from '../../src/document/issuing-state.ts';
import { SltdError } from '../../src/errors.ts';
import type { CentralContext } from '../http/context.ts';
import { Version } from '../http/forms.ts';
import { ifMatch } from '../http/if-match.ts';
import { pageOf, pageRequest } from '../http/page.ts';
import { readJsonAs } from '../http/read-body.ts';
import type { CentralServices, RouteModule } from '../http/route-module.ts';
import { owningCallerOf } from '../records/owners.ts';
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
export const addRestrictionRoutes: RouteModule = (app, services) => {
  const { db, clock } = services;
  const answer = (c: CentralContext, list: RestrictionList) => {
    c.header('etag', `"${list.version}"`);
    return c.json(list);
  };

  app.get('/v1/restrictions', async (c) => {
    const { state } = await sourceOf(c, services);
    return answer(c, await readRestrictionList(db, state));
  });

  app.put('/v1/restrictions', async (c) => {
    const { state, subject } = await sourceOf(c, services);
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
    const { state } = await sourceOf(c, services);
    const request = pageRequest(c, Version);
    const rows = await listChanges(db, state, request);
    return c.json(
      pageOf(rows, request, { view: changeView, positionOf: ({ version }) => version }),
    );
  });
};

/** A person of the bureau that owns records of a state here; throws 'forbidden' for anybody else. */
async function sourceOf(
  c: CentralContext,
  services: CentralServices,
): Promise<{ state: string; subject: string }> {
  const { role, bureauState: state, subject } = await owningCallerOf(c, services);
  if (role !== 'ncb') throw new SltdError('forbidden');
  return { state, subject };
}
