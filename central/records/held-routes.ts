/**
 * Held bulks over HTTP, for the bureau that sent them. docs/api.md, "Records".
 *
 *     GET  /v1/held-bulks                what waits, and what was decided
 *     GET  /v1/held-bulks/:id            one, with its items
 *     POST /v1/held-bulks/:id/release    apply it; another person than the one who sent it
 *     POST /v1/held-bulks/:id/refusal    drop it
 */

import { SltdError } from '../../src/errors.ts';
import type { Caller } from '../http/caller.ts';
import type { CentralContext } from '../http/context.ts';
import { idOf } from '../http/forms.ts';
import { pageOf, pageRequest, TimePosition } from '../http/page.ts';
import type { CentralServices, RouteModule } from '../http/route-module.ts';
import { changeRecords } from './change-batch.ts';
import { applyItems } from './change-records.ts';
import { numbered } from './change-routes.ts';
import { bulkToDecide, decideBulk, findHeld, heldView, listHeld } from './held-bulks.ts';
import { isOfBureau, owningCallerOf } from './owners.ts';

/** The addresses above. */
export const addHeldBulkRoutes: RouteModule = (app, services) => {
  const { db, clock } = services;

  app.get('/v1/held-bulks', async (c) => {
    const caller = await readerOf(c, services);
    const page = pageRequest(c, TimePosition);
    const rows = await listHeld(db, caller.tenant, page);
    return c.json(
      pageOf(rows, page, {
        view: (row) => heldView(row, { withItems: false }),
        positionOf: (row) => [row.held_at, row.id],
      }),
    );
  });

  app.get('/v1/held-bulks/:id', async (c) => {
    const caller = await readerOf(c, services);
    const bulk = await findHeld(db, caller.tenant, idOf(c));
    if (!bulk) throw new SltdError('not-found');
    return c.json(heldView(bulk, { withItems: true }));
  });

  app.post('/v1/held-bulks/:id/release', async (c) => {
    const caller = await deciderOf(c, services);
    const id = idOf(c);
    const change = { db, caller, nowMs: clock(), isReleased: true };
    const results = await changeRecords(change, async (batch) => {
      const { items } = await bulkToDecide(batch, id);
      const applied = numbered(await applyItems(batch, items));
      await decideBulk(batch, id, { status: 'released', results: applied });
      return { status: 'released', results: applied, operationSequence: await batch.flush() };
    });
    return c.json(results);
  });

  app.post('/v1/held-bulks/:id/refusal', async (c) => {
    const caller = await deciderOf(c, services);
    const id = idOf(c);
    await changeRecords({ db, caller, nowMs: clock() }, async (batch) => {
      await bulkToDecide(batch, id);
      await decideBulk(batch, id, { status: 'refused', results: null });
    });
    return c.json({ status: 'refused' });
  });
};

async function readerOf(c: CentralContext, { callerOf }: CentralServices): Promise<Caller> {
  const caller = await callerOf(c);
  if (!isOfBureau(caller)) throw new SltdError('forbidden');
  return caller;
}

/** A person of the bureau: a system that reports must not release what it has sent. */
async function deciderOf(c: CentralContext, services: CentralServices): Promise<Caller> {
  const caller = await owningCallerOf(c, services);
  if (caller.role !== 'ncb') throw new SltdError('forbidden');
  return caller;
}
