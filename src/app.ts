/**
 * The routes of the edge, who may take them, and what the others are told.
 */

import { Hono } from 'hono';
import { CHECK_ROLES } from './check/caller.ts';
import type { Env } from './env.ts';
import { ROLES } from './format/role.ts';
import { guarded, opened, respondError, type ServicesOf } from './middleware/guard.ts';
import { respondProblem } from './middleware/respond.ts';
import { getCheck } from './routes/check-by-id.ts';
import { postChecks } from './routes/checks.ts';
import { getConsole } from './routes/console.ts';
import { getEditions } from './routes/editions.ts';
import { getHealth, getReadiness } from './routes/health.ts';

/** Path → the method that it has. */
const METHODS: Readonly<Record<string, string>> = {
  '/v1/checks': 'POST',
  '/v1/checks/:id': 'GET',
  '/v1/editions': 'GET',
  '/healthz': 'GET',
  '/readyz': 'GET',
  '/': 'GET',
};

/** The app; `servicesOf` gives what the requests of an isolate share. */
export function createApp(servicesOf: ServicesOf): Hono<{ Bindings: Env }> {
  const app = new Hono<{ Bindings: Env }>();
  app.post('/v1/checks', guarded(servicesOf, CHECK_ROLES, postChecks));
  app.get('/v1/checks/:id', guarded(servicesOf, CHECK_ROLES, getCheck));
  app.get('/v1/editions', guarded(servicesOf, ROLES, getEditions));
  app.get('/healthz', getHealth);
  app.get('/readyz', opened(servicesOf, getReadiness));
  app.get('/', opened(servicesOf, getConsole));
  for (const [path, method] of Object.entries(METHODS)) {
    const headers = { allow: method === 'GET' ? 'GET, HEAD' : method };
    app.all(path, () => respondProblem('method-not-allowed', { requestId: newId(), headers }));
  }
  app.notFound(() => respondProblem('not-found', { requestId: newId() }));
  app.onError((error) => respondError(error, newId()));
  return app;
}

const newId = () => crypto.randomUUID();
