/**
 * Central over HTTP: the service behind the edge, put together from the route modules of its folders.
 *
 * Every failure is a problem of src/errors.ts, nothing of a request is echoed or logged, and no
 * answer may be cached. docs/api.md, "Central".
 */

import { Hono } from 'hono';
import { routePath } from 'hono/route';
import { type ErrorCode, SltdError } from '../src/errors.ts';
import { FieldsError } from '../src/fields-error.ts';
import type { SigningKey, VerifyKey } from '../src/format/signature.ts';
import type { DayKeys } from '../src/format/tag-key.ts';
import { TRAINING } from '../src/format/training.ts';
import { CardLinks } from './cards/card-links.ts';
import type { ImageStore } from './cards/images.ts';
import { addCardPages } from './cards/page-routes.ts';
import { addCardRoutes } from './cards/routes.ts';
import type { AttachmentStore } from './cases/attachments.ts';
import { LiveCases } from './cases/live-cases.ts';
import { addCaseRoutes } from './cases/routes.ts';
import { SightingSpool, type SpoolStore } from './cases/sighting-spool.ts';
import { SightingRecorder, storeIn, type StoreSightings } from './cases/sightings.ts';
import { addCheckEventRoutes } from './check-events/routes.ts';
import { addConfirmationRoutes } from './confirmations/routes.ts';
import { addCoverageRoutes } from './coverage/routes.ts';
import { isBusy, readerOf } from './database/database.ts';
import type { CentralDatabase } from './database/schema.ts';
import { addHealthRoutes } from './health-routes.ts';
import {
  authenticate,
  DIRECT_TOKEN_SECONDS_MAX,
  EDGE_TOKEN_SECONDS_MAX,
  type TokenRule,
} from './http/caller.ts';
import type { CentralContext, CentralEnv } from './http/context.ts';
import { problem } from './http/problem.ts';
import { type LogLine, traceError, writeLogLine } from './http/request-log.ts';
import type { CentralServices, RouteModule } from './http/route-module.ts';
import { addJointOperationRoutes } from './joint-operations/routes.ts';
import type { Reach } from './notifications/address-guard.ts';
import { addNotificationRoutes } from './notifications/routes.ts';
import { addOperationRoutes } from './overlay/routes.ts';
import { addChallengeRoutes } from './records/challenge-routes.ts';
import { addChangeRoutes } from './records/change-routes.ts';
import { BULK_LIMITS, type BulkLimits } from './records/held-bulks.ts';
import { addHeldBulkRoutes } from './records/held-routes.ts';
import { addRecordRoutes } from './records/routes.ts';
import { addRestrictionRoutes } from './restrictions/routes.ts';
import { addRetroMatchRoutes } from './retro-match/routes.ts';
import { collectionReader } from './training/database.ts';
import { markTraining } from './training/mark-response.ts';

/** Every folder with addresses of its own. */
const ROUTE_MODULES: readonly RouteModule[] = [
  addConfirmationRoutes,
  addRecordRoutes,
  addChangeRoutes,
  addHeldBulkRoutes,
  addChallengeRoutes,
  addRestrictionRoutes,
  addCaseRoutes,
  addNotificationRoutes,
  addCardRoutes,
  addCardPages,
  addOperationRoutes,
  addCheckEventRoutes,
  addJointOperationRoutes,
  addCoverageRoutes,
  addRetroMatchRoutes,
  addHealthRoutes,
];

export interface CentralOptions {
  /** Migrated; the app does not close it. */
  db: CentralDatabase;
  /** Signs the answers; the edge knows its public half as one of CENTRAL_KEYS. */
  signingKey: SigningKey;
  /** Public keys of the edges that may ask for confirmations. */
  edgeKeys: readonly VerifyKey[];
  /** Public keys of who issues tokens to people and systems. */
  tokenKeys: readonly VerifyKey[];
  /** What a bureau may do in a day before a second person has to release it. */
  bulkLimits?: BulkLimits;
  /** Attachments of cases; a folder that is made when it is first needed. */
  attachments: AttachmentStore;
  /** Hits that the database does not take in time; a folder as well. */
  sightingSpool: SpoolStore;
  /** Images of cards. */
  cardImages: ImageStore;
  /** Where officers reach central, without a trailing slash; without it answers name cards alone. */
  publicUrl?: string | undefined;
  /** For who wants to end them; the app makes its own otherwise. */
  sightings?: SightingRecorder;
  liveCases?: LiveCases;
  /** Where notifications may be sent; public addresses by https by default. */
  reach?: Reach;
  /** Keys of the tags of checks; without them reports are not compared with past checks. */
  dayKeys?: DayKeys | undefined;
  /** Milliseconds since 1970. */
  clock?: () => number;
  log?: (line: LogLine) => void;
}

/** The app; `createCentral(options).fetch(request)` answers in process. */
export function createCentral(options: CentralOptions): Hono<CentralEnv> {
  const { clock = Date.now, log = writeLogLine } = options;
  const app = new Hono<CentralEnv>();

  app.use(async (c, next) => {
    const startedMs = performance.now();
    await next();
    // Not by c.header(), which would make another response of the one that is there.
    c.res.headers.set('cache-control', 'no-store');
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

  const collection = collectionReader(readerOf(options.db));
  app.use(async (c, next) => {
    await next();
    // What cannot be asked now is not marked, and says nothing either: the database is away.
    if ((await collection().catch(() => '')) === TRAINING) c.res = await markTraining(c.res);
  });

  const services = servicesOf(options, { clock, log, collection });
  for (const addRoutes of ROUTE_MODULES) addRoutes(app, services);
  // What was registered before answers first: here only the other methods of an address arrive.
  for (const path of new Set(app.routes.map((route) => route.path))) {
    if (path !== '/*') app.all(path, () => problem('method-not-allowed'));
  }
  app.notFound(() => problem('not-found'));
  app.onError((error, c) => {
    const code = codeOf(error);
    if (code === 'internal') c.set('error', traceError(error));
    return problem(code, error instanceof FieldsError ? error.fields : undefined);
  });
  return app;
}

function servicesOf(
  options: CentralOptions,
  {
    clock,
    log,
    collection,
  }: {
    clock: () => number;
    log: (line: LogLine) => void;
    collection: () => Promise<string>;
  },
): CentralServices {
  const { db, signingKey, edgeKeys, tokenKeys, attachments, cardImages } = options;
  const { sightings = recorder({ store: storeIn(db), ...options }, clock, log) } = options;
  const { liveCases = liveCasesOf(db, clock, log) } = options;
  const callerOf = async (c: CentralContext, rule: Omit<TokenRule, 'nowMs'>) =>
    authenticate(c.req.header('authorization'), { ...rule, nowMs: clock() });
  return {
    db,
    collection,
    clock,
    signingKey,
    dayKeys: options.dayKeys,
    bulkLimits: options.bulkLimits ?? BULK_LIMITS,
    attachments,
    cardImages,
    cardLinks: new CardLinks({
      db: readerOf(db),
      signer: signingKey,
      publicUrl: options.publicUrl,
      clock,
    }),
    sightings,
    liveCases,
    reach: options.reach ?? { loopback: false },
    callerOf: async (c) =>
      callerOf(c, {
        ...{ keys: tokenKeys, lifetimeMaxSeconds: DIRECT_TOKEN_SECONDS_MAX },
        collection: await collection(),
      }),
    edgeCallerOf: (c) =>
      callerOf(c, {
        ...{ keys: edgeKeys, lifetimeMaxSeconds: EDGE_TOKEN_SECONDS_MAX },
        collection: undefined,
      }),
  };
}

function codeOf(error: unknown): ErrorCode {
  if (error instanceof SltdError) return error.code;
  return isBusy(error) ? 'central-busy' : 'internal';
}

/** Streams of cases whose failures are seen in the log. */
export const liveCasesOf = (
  db: CentralDatabase,
  clock: () => number,
  log: (line: LogLine) => void,
): LiveCases =>
  new LiveCases({
    ...{ db, clock },
    onError: (error) =>
      log({
        time: new Date(clock()).toISOString(),
        event: 'job-failed',
        error: traceError(error),
      }),
  });

/** A recorder of sightings whose delays are seen in the log. */
export const recorder = (
  { store, sightingSpool }: Pick<CentralOptions, 'sightingSpool'> & { store: StoreSightings },
  clock: () => number,
  log: (line: LogLine) => void,
): SightingRecorder =>
  new SightingRecorder({
    store,
    spool: new SightingSpool(sightingSpool),
    onLate: (counts) =>
      log({ time: new Date(clock()).toISOString(), event: 'sighting-late', ...counts }),
    onUnread: (file) =>
      log({ time: new Date(clock()).toISOString(), event: 'sighting-unread', file }),
  });
