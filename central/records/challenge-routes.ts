/**
 * Challenges over HTTP. docs/api.md, "Records".
 *
 *     GET  /v1/challenges                                     those that wait for the caller's answer
 *     POST /v1/records/:id/challenges                         dispute a record of another bureau
 *     GET  /v1/records/:id/challenges                         all for the owner, one's own for others
 *     POST /v1/records/:id/challenges/:challenge/resolution   the owner's answer
 */

import * as v from 'valibot';
import { SltdError } from '../../src/errors.ts';
import { stateOfBureau } from '../../src/format/caller-state.ts';
import type { Caller } from '../http/caller.ts';
import type { CentralContext } from '../http/context.ts';
import { idOf } from '../http/forms.ts';
import { pageOf, pageRequest, TimePosition } from '../http/page.ts';
import { readJsonAs } from '../http/read-body.ts';
import type { CentralServices, RouteModule } from '../http/route-module.ts';
import {
  challengeView,
  listChallenges,
  openChallenge,
  openChallenges,
  resolveChallenge,
} from './challenges.ts';
import { changeRecords } from './change-batch.ts';
import { findRecord } from './find-records.ts';
import { ownedIn, ownerOf, owningCallerOf } from './owners.ts';
import type { RecordChallengesTable } from './tables.ts';
import { Reason } from './texts.ts';

const ChallengeSchema = v.strictObject({ reason: Reason });
const ResolutionSchema = v.strictObject({
  outcome: v.picklist(['record-stands', 'record-corrected', 'record-withdrawn']),
  answer: Reason,
});

const positionOf = ({ opened_at: at, id }: RecordChallengesTable) => [at, id];

/** The addresses above. */
export const addChallengeRoutes: RouteModule = (app, services) => {
  const { db, clock } = services;

  app.get('/v1/challenges', async (c) => {
    const { role, bureauState } = await owningCallerOf(c, services);
    if (role !== 'ncb') throw new SltdError('forbidden');
    const page = pageRequest(c, TimePosition);
    const rows = await openChallenges(db, ownedIn(await services.collection(), bureauState), page);
    const view = (challenge: (typeof rows)[number]) => ({
      record: challenge.record_id,
      ...challengeView(challenge),
    });
    return c.json(pageOf(rows, page, { view, positionOf }));
  });

  app.post('/v1/records/:id/challenges', async (c) => {
    const caller = await bureauCallerOf(c, services);
    const id = idOf(c);
    const { reason } = await readJsonAs(c.req.raw, ChallengeSchema);
    const challengeId = await changeRecords({ db, caller, nowMs: clock() }, (batch) =>
      openChallenge(batch, id, reason),
    );
    c.header('location', `/v1/records/${id}/challenges`);
    return c.json({ id: challengeId }, 201);
  });

  app.get('/v1/records/:id/challenges', async (c) => {
    const caller = await bureauCallerOf(c, services);
    const recordId = idOf(c);
    const page = pageRequest(c, TimePosition);
    const row = await findRecord(db, recordId, caller);
    if (!row) throw new SltdError('not-found');
    const owner = ownerOf(await services.collection(), row.state);
    const tenant = owner === caller.tenant ? undefined : caller.tenant;
    const rows = await listChallenges(db, { recordId, tenant }, page);
    return c.json(pageOf(rows, page, { view: challengeView, positionOf }));
  });

  app.post('/v1/records/:id/challenges/:challenge/resolution', async (c) => {
    const caller = await bureauCallerOf(c, services);
    const recordId = idOf(c);
    const resolution = await readJsonAs(c.req.raw, ResolutionSchema);
    await changeRecords({ db, caller, nowMs: clock() }, (batch) =>
      resolveChallenge(batch, { recordId, id: idOf(c, 'challenge') }, resolution),
    );
    return c.json({ outcome: resolution.outcome });
  });
};

/** A person of a bureau: disputes are between people. */
async function bureauCallerOf(c: CentralContext, { callerOf }: CentralServices): Promise<Caller> {
  const caller = await callerOf(c);
  if (caller.role !== 'ncb' || stateOfBureau(caller.tenant) === undefined) {
    throw new SltdError('forbidden');
  }
  return caller;
}
