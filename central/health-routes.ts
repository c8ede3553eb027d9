/** Health over HTTP: alive, and ready to answer. */

import { problem } from './http/problem.ts';
import { traceError } from './http/request-log.ts';
import type { RouteModule } from './http/route-module.ts';
import { readDataState } from './records/find-records.ts';

/** GET /healthz and /readyz, without a token. */
export const addHealthRoutes: RouteModule = (app, { db }) => {
  app.get('/healthz', (c) => c.json({ health: 'alive' }));

  app.get('/readyz', async (c) => {
    let isLoaded: boolean;
    try {
      isLoaded = (await readDataState(db)) !== undefined;
    } catch (error) {
      c.set('error', traceError(error));
      return problem('central-unavailable');
    }
    return isLoaded ? c.json({ health: 'ready' }) : problem('edition-missing');
  });
};
