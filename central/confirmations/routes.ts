/** Confirmations over HTTP: a question about candidates becomes a signed answer. */

import { readerOf } from '../database/database.ts';
import { readJsonBytes } from '../http/read-body.ts';
import type { RouteModule } from '../http/route-module.ts';
import { confirm } from './confirm.ts';

/** POST /v1/confirmations, for edges alone. */
export const addConfirmationRoutes: RouteModule = (app, services) => {
  // Officers wait: not behind a bulk of a bureau.
  const db = readerOf(services.db);
  const { signingKey: signer, clock, edgeCallerOf, sightings, cardLinks } = services;
  app.post('/v1/confirmations', async (c) => {
    const caller = await edgeCallerOf(c);
    const body = await readJsonBytes(c.req.raw);
    const { jws, keyCount, listedCount } = await confirm(body, {
      db,
      signer,
      caller,
      sightings,
      cardLinks,
      clock,
    });
    c.set('counts', { keyCount, listedCount });
    return c.json({ answer: jws });
  });
};
