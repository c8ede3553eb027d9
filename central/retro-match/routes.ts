/**
 * GET /v1/retro-matches: documents that were let pass before their report, for those concerned.
 *
 * The agency whose post let it pass, its bureau, and the bureau that owns the record, which learns the
 * post and neither the desk nor the request. docs/api.md, "Retro-match".
 */

import { SltdError } from '../../src/errors.ts';
import { stateOfBureau } from '../../src/format/caller-state.ts';
import { stateOfCollection } from '../../src/format/collection.ts';
import type { Role } from '../../src/format/role.ts';
import { postOf } from '../cases/parties.ts';
import { isoTime } from '../http/iso-time.ts';
import { pageOf, pageRequest, TimePosition } from '../http/page.ts';
import type { RouteModule } from '../http/route-module.ts';
import { restrictingStates } from '../restrictions/find-restrictions.ts';
import type { RetroMatchesTable } from './tables.ts';

const READERS: readonly Role[] = ['ncb', 'officer'];

/** A retro-match as it is told: no number, but to the asking side the request and the place that it knows. */
function retroMatchView(row: RetroMatchesTable & { request_id: string }, tenant: string) {
  const isAsking = tenant === row.tenant || tenant === row.bureau;
  return {
    id: row.id,
    recordId: row.record_id,
    issuingState: row.state,
    tenant: row.tenant,
    post: postOf(row.site),
    ...(isAsking ? { site: row.site, requestId: row.request_id, place: row.place } : {}),
    checkedAt: isoTime(row.checked_at),
    ...(row.direction === null ? {} : { direction: row.direction }),
    answered: row.answer,
    reportedAt: isoTime(row.reported_at),
    foundAt: isoTime(row.found_at),
  };
}

/** Adds the address above. */
export const addRetroMatchRoutes: RouteModule = (app, { db, callerOf, collection }) => {
  app.get('/v1/retro-matches', async (c) => {
    const { tenant, role, state: callerState } = await callerOf(c);
    if (!READERS.includes(role)) throw new SltdError('forbidden');
    const state = stateOfBureau(tenant);
    const listState = stateOfCollection(await collection());
    const request = pageRequest(c, TimePosition);
    const { after } = request;
    const restricting = await restrictingStates(db, callerState);
    const rows = await db
      .selectFrom('retro_matches as found')
      .innerJoin('check_events as event', 'event.number', 'found.event_number')
      .selectAll('found')
      .select('event.request_id')
      .where((eb) =>
        eb.or([
          eb('found.tenant', '=', tenant),
          eb('found.bureau', '=', tenant),
          // Of its records: owners.ts.
          ...(listState === undefined && state !== undefined
            ? [eb('found.state', '=', state)]
            : []),
          ...(listState !== undefined && listState === state ? [eb.lit(true)] : []),
        ]),
      )
      .$if(restricting.length > 0, (query) => query.where('found.state', 'not in', restricting))
      .$if(after !== undefined, (query) =>
        query.where((eb) =>
          eb(eb.refTuple('found.found_at', 'found.id'), '<', eb.tuple(after![0], after![1])),
        ),
      )
      .orderBy('found.found_at', 'desc')
      .orderBy('found.id', 'desc')
      .limit(request.limit + 1)
      .execute();
    return c.json(
      pageOf(rows, request, {
        view: (row) => retroMatchView(row, tenant),
        positionOf: (row) => [row.found_at, row.id],
      }),
    );
  });
};
