/**
 * Route module: each folder adds its own addresses to central through one function.
 *
 *     export const addThingRoutes: RouteModule = (app, { db, callerOf }) => {
 *       app.get('/v1/things', async (c) => { ... });
 *     };
 *
 * app.ts lists the modules. A handler throws SltdError and returns JSON; problem details, the log
 * line, `no-store` and 405 for other methods are app.ts's business.
 */

import type { Hono } from 'hono';
import type { SigningKey } from '../../src/format/signature.ts';
import type { DayKeys } from '../../src/format/tag-key.ts';
import type { CardLinks } from '../cards/card-links.ts';
import type { ImageStore } from '../cards/images.ts';
import type { AttachmentStore } from '../cases/attachments.ts';
import type { LiveCases } from '../cases/live-cases.ts';
import type { SightingRecorder } from '../cases/sightings.ts';
import type { CentralDatabase } from '../database/schema.ts';
import type { Reach } from '../notifications/address-guard.ts';
import type { BulkLimits } from '../records/held-bulks.ts';
import type { Caller } from './caller.ts';
import type { CentralContext, CentralEnv } from './context.ts';

/** What every module may use; nothing of a request lives here. */
export interface CentralServices {
  db: CentralDatabase;
  /** Name of the collection that the database holds. */
  collection: () => Promise<string>;
  /** Milliseconds since 1970. */
  clock: () => number;
  /** What a bureau may do in a day before a second person has to release it. */
  bulkLimits: BulkLimits;
  /** Where confirmed hits are written down. */
  sightings: SightingRecorder;
  /** Streams of what happens in cases. */
  liveCases: LiveCases;
  /** Where attachments of cases are kept. */
  attachments: AttachmentStore;
  /** Where images of cards are kept. */
  cardImages: ImageStore;
  /** Finds cards for answers and makes links to them. */
  cardLinks: CardLinks;
  /** Where notifications may be sent. */
  reach: Reach;
  /** Signs central's answers. */
  signingKey: SigningKey;
  /** Keys of the tags of checks; undefined if none is set. */
  dayKeys: DayKeys | undefined;
  /** The person or system of a direct token; throws 'unauthenticated'. */
  callerOf(c: CentralContext): Promise<Caller>;
  /** The caller of the edge, as the edge vouches for it; throws 'unauthenticated'. */
  edgeCallerOf(c: CentralContext): Promise<Caller>;
}

/** Adds the addresses of one folder. */
export type RouteModule = (app: Hono<CentralEnv>, services: CentralServices) => void;
