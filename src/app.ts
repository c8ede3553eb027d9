/**
 * The routes of the edge, who may take them, and what the others are told.
 */

import { Hono } from 'hono';
import { CHECK_ROLES } from './check/caller.ts';
import { ROLES } from './format/role.ts';
import {
  type AppContext,
  guarded,
  opened,
  respondError,
  type ServicesOf,
} from './middleware/guard.ts';
import { respondProblem } from './middleware/respond.ts';
import { getCheck } from './routes/check-by-id.ts';
import { postChecks } from './routes/checks.ts';
import { getConsole } from './routes/console.ts';
import { getEditions } from './routes/editions.ts';
import { getHealth, getReadiness } from './routes/health.ts';
import type { Env } from './world.ts';

/** The app; `servicesOf` gives what the requests of an isolate share. */
export function createApp(servicesOf: ServicesOf): Hono<{ Bindings: Env }> {
  const app = new Hono<{ Bindings: Env }>();
  // One handler an address: Hono calls a single one straight, and makes a chain of two.
  app.all('/v1/checks', only('POST', guarded(servicesOf, CHECK_ROLES, postChecks)));
  app.all('/v1/checks/:id', only('GET', guarded(servicesOf, CHECK_ROLES, getCheck)));
  app.all('/v1/editions', only('GET', guarded(servicesOf, ROLES, getEditions)));
  app.all('/healthz', only('GET', getHealth));
  app.all('/readyz', only('GET', opened(servicesOf, getReadiness)));
  app.all('/', only('GET', opened(servicesOf, getConsole)));
  app.notFound(() => respondProblem('not-found', { requestId: newId() }));
  app.onError((error) => respondError(error, newId()));
  return app;
}

type Route = (c: AppContext) => Response | Promise<Response>;

/** The route for its one method, GET also for HEAD; any other is refused. */
function only(method: 'GET' | 'POST', route: Route): Route {
  const also = method === 'GET' ? 'HEAD' : method;
  const headers = { allow: method === 'GET' ? 'GET, HEAD' : method };
  return (c) => {
    const asked = c.req.raw.method;
    if (asked === method || asked === also) return route(c);
    return respondProblem('method-not-allowed', { requestId: newId(), headers });
  };
}

const newId = () => crypto.randomUUID();
