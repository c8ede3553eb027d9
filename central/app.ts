/**
 * Central over HTTP: the confirmation service behind the edge.
 *
 *     POST /v1/confirmations   a question about candidates > a signed answer
 *     GET  /v1/records/:id     one record, as far as the caller's role sees it
 *     GET  /healthz, /readyz   alive; ready to answer
 *
 * Every failure is a problem of src/errors.ts, nothing of a request is echoed or logged, and no
 * answer may be cached. docs/api.md, "Central".
 */

import { type Context, Hono } from 'hono';
import { routePath } from 'hono/route';
import { type ErrorCode, SltdError } from '../src/errors.ts';
import type { SigningKey, VerifyKey } from '../src/format/signature.ts';
import { authenticate, type Caller } from './caller.ts';
import { confirm } from './confirm.ts';
import { problem } from './problem.ts';
import { readJsonBytes } from './read-body.ts';
import { findRecord, readDataState } from './records.ts';
import { type ErrorTrace, type LogLine, traceError, writeLogLine } from './request-log.ts';
import type { CentralDatabase } from './schema.ts';
import { opensNoRecord, recordDetails } from './views.ts';

export interface CentralOptions {
  /** Migrated; the app does not close it. */
  db: CentralDatabase;
  /** Signs the answers; the edge knows its public half as one of CENTRAL_KEYS. */
  signingKey: SigningKey;
  /** Public keys of the edges that may ask. */
  edgeKeys: readonly VerifyKey[];
  /** Milliseconds since 1970. */
  clock?: () => number;
  log?: (line: LogLine) => void;
}

interface CentralEnv {
  Variables: { counts: Pick<LogLine, 'keyCount' | 'listedCount'>; error: ErrorTrace };
}

/** 16 bytes in base64url: what load.ts makes. */
const RECORD_ID = /^[\w-]{22}$/;

/** The app; `createCentral(options).fetch(request)` answers in process. */
export function createCentral(options: CentralOptions): Hono<CentralEnv> {
  const { db, signingKey: signer, edgeKeys, clock = Date.now, log = writeLogLine } = options;
  const callerOf = (c: Context): Promise<Caller> =>
    authenticate(c.req.header('authorization'), { edgeKeys, nowMs: clock() });
  const app = new Hono<CentralEnv>();

  app.use(async (c, next) => {
    const startedMs = performance.now();
    await next();
    c.header('cache-control', 'no-store');
    log({
      time: new Date(clock()).toISOString(),
      event: 'request',
      route: routePath(c, -1),
      status: c.res.status,
      durationMs: Math.round(performance.now() - startedMs),
      ...c.get('counts'),
      ...(c.get('error') ? { error: c.get('error') } : {}),
    });
  });

  app.post('/v1/confirmations', async (c) => {
    const caller = await callerOf(c);
    const body = await readJsonBytes(c.req.raw);
    const { jws, keyCount, listedCount } = await confirm(body, { db, signer, caller, clock });
    c.set('counts', { keyCount, listedCount });
    return c.json({ answer: jws });
  });

  app.get('/v1/records/:id', async (c) => {
    const caller = await callerOf(c);
    // Before the look-up, so that the role cannot even learn which ids there are.
    if (opensNoRecord(caller.role)) throw new SltdError('forbidden');
    const id = c.req.param('id');
    const row = RECORD_ID.test(id) ? await findRecord(db, id) : undefined;
    if (!row) throw new SltdError('not-found');
    const details = recordDetails(row, caller);
    if (!details) throw new SltdError('forbidden');
    return c.json(details);
  });

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

  for (const path of ['/v1/confirmations', '/v1/records/:id', '/healthz', '/readyz']) {
    app.all(path, () => problem('method-not-allowed'));
  }
  app.notFound(() => problem('not-found'));
  app.onError((error, c) => {
    const code: ErrorCode = error instanceof SltdError ? error.code : 'internal';
    if (code === 'internal') c.set('error', traceError(error));
    return problem(code);
  });
  return app;
}
