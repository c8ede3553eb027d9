/** Operations over HTTP: is my report visible at the edges? docs/api.md, "Central". */

import { SltdError } from '../../src/errors.ts';
import type { RouteModule } from '../http/route-module.ts';
import { readDataState } from '../records/find-records.ts';
import { lastOperation } from '../records/operation-log.ts';
import { readPublication } from './publications.ts';

const OPERATION_NUMBER = /^[1-9]\d{0,15}$/;

/** GET /v1/operations/:number, for whoever may speak to central at all: it tells of no document. */
export const addOperationRoutes: RouteModule = (app, { db, callerOf }) => {
  app.get('/v1/operations/:number', async (c) => {
    await callerOf(c);
    const text = c.req.param('number');
    const number = OPERATION_NUMBER.test(text) ? Number(text) : Number.NaN;
    if (!(number <= (await lastOperation(db)))) throw new SltdError('not-found');
    const collection = (await readDataState(db))?.collection;
    const publication = collection && (await readPublication(db, collection));
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
