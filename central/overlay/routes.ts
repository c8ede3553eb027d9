/** Operations over HTTP: is my report visible at the edges? docs/api.md, "Central". */

import { SltdError } from '../../src/errors.ts';
import type { RouteModule } from '../http/route-module.ts';
import { stateOfKey } from '../records/find-records.ts';
import { operationsAfter } from '../records/operation-log.ts';
import { isOfBureau, ownerOf } from '../records/owners.ts';
import { readPublication } from './publications.ts';

const OPERATION_NUMBER = /^[1-9]\d{0,15}$/;

/**
 * GET /v1/operations/:number, for those who write for the bureau whose operation it is: of others it
 * would tell how many changes there are in the world.
 */
export const addOperationRoutes: RouteModule = (app, { db, callerOf, collection }) => {
  app.get('/v1/operations/:number', async (c) => {
    const caller = await callerOf(c);
    if (!isOfBureau(caller)) throw new SltdError('forbidden');
    const text = c.req.param('number');
    const number = OPERATION_NUMBER.test(text) ? Number(text) : 0;
    const [operation] = await operationsAfter(db, number - 1, 1);
    const held = await collection();
    const isOwn =
      operation?.seq === number && ownerOf(held, stateOfKey(operation.key)) === caller.tenant;
    if (!isOwn) throw new SltdError('not-found');
    const publication = await readPublication(db, held);
    if (!publication || publication.lastOperation < number) {
      return c.json({ operation: number, published: false });
    }
    const { sequence, publishedAt } = publication;
    return c.json({
      ...{ operation: number, published: true, minSequence: sequence },
      publishedAt: new Date(publishedAt).toISOString(),
    });
  });
};
