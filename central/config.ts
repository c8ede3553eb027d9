/**
 * Settings of central, from its environment. docs/operations.md has the table.
 *
 * Everything is checked at the start, before anything is opened, and a refusal names the setting and
 * never its value.
 */

import { mkdirSync } from 'node:fs';
import { openStore } from '../publish/open-store.ts';
import { epochKeyId } from '../src/document/digest.ts';
import { SltdError } from '../src/errors.ts';
import { equalBytes, fromHex } from '../src/format/names.ts';
import {
  type SigningKey,
  signingKey,
  type VerifyKey,
  verifyKeys,
} from '../src/format/signature.ts';
import type { ImageStore } from './cards/images.ts';
import type { AttachmentStore } from './cases/attachments.ts';
import type { SpoolStore } from './cases/sighting-spool.ts';
import { DayKeys, parseTagKey } from '../src/format/tag-key.ts';
import type { DatabaseLocation } from './database/database.ts';
import type { EpochKey } from './overlay/publisher.ts';
import { BULK_LIMITS, type BulkLimits } from './records/held-bulks.ts';
import type { Reach } from './notifications/address-guard.ts';

export interface ServeConfig {
  /** What the database has to hold; undefined: whatever it holds. */
  collection: string | undefined;
  signingKey: SigningKey;
  edgeKeys: readonly VerifyKey[];
  tokenKeys: readonly VerifyKey[];
  /** Undefined without TAG_KEY. */
  dayKeys: DayKeys | undefined;
  host: string;
  port: number;
  bulkLimits: BulkLimits;
  /** Attachments of cases. */
  attachments: AttachmentStore;
  /** Hits that the database does not take in time. */
  sightingSpool: SpoolStore;
  /** Images of cards. */
  cardImages: ImageStore;
  /** Where officers reach central; undefined without PUBLIC_URL. */
  publicUrl: string | undefined;
  /** Where notifications may be sent. */
  reach: Reach;
  webhookTimeoutMs: number | undefined;
  webhookRetryMs: number | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_FOLDER = '.sltd';
const DEFAULT_PORT = 8788;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const EPOCH_KEY_BYTES = 16;
/** A report is published within 3 s, so that an edge that looks every 10 s has it within 15. */
const POLL_MS = 500;
const INTERVAL_MS = 2_000;
/** Long enough to see each state of the case, short enough to stay at the desk. */
const ANSWER_AFTER_SECONDS = 20;
/** The trainee may close the case first. */
const CLOSE_AFTER_SECONDS = 120;

/** Settings of the publisher of overlays. */
export interface OverlayConfig {
  /** As openStore() takes it. */
  location: string;
  collection: string;
  overlayKey: SigningKey;
  headKey: SigningKey;
  overlayKeys: readonly VerifyKey[];
  headKeys: readonly VerifyKey[];
  editionKeys: readonly VerifyKey[];
  epochKeys: readonly EpochKey[];
  /** How often the log is looked at, and the shortest time between publications; milliseconds. */
  pollMs: number;
  intervalMs: number;
}

/** PostgreSQL by DATABASE_URL, or a SQLite file by DATABASE_FILE, .sltd/central.sqlite by default. */
export function databaseLocation(env: Environment): DatabaseLocation {
  const { DATABASE_URL: url, DATABASE_FILE: file } = env;
  if (url && file) throw refuse('DATABASE_URL and DATABASE_FILE: give one of them');
  if (url) return { url };
  if (file) return { file };
  mkdirSync(DEFAULT_FOLDER, { recursive: true, mode: 0o700 });
  return { file: `${DEFAULT_FOLDER}/central.sqlite` };
}

/**
 * A folder for each database: what is left in one is of that one and no other, and what it does not name is
 * swept up.
 */
function besideDatabase(what: string, env: Environment): string {
  const location = databaseLocation(env);
  return 'file' in location
    ? `${location.file}-${what}`
    : `${DEFAULT_FOLDER}/${what}-${databaseName(location.url)}`;
}

const databaseName = (url: string): string =>
  URL.canParse(url) ? new URL(url).pathname.replaceAll(/[^\w-]/g, '') : '';

/** Keys and address of the service; throws 'config-invalid' with the name of a bad setting. */
export async function serveConfig(env: Environment): Promise<ServeConfig> {
  const edgeKeys = await named('EDGE_KEYS', env, verifyKeys);
  const tokenKeys = await named('TOKEN_KEYS', env, verifyKeys);
  // The key alone tells a token of an edge from one of a person: a shared one would make them one.
  const isShared = tokenKeys.some(({ keyId }) => edgeKeys.some((e) => equalBytes(e.keyId, keyId)));
  if (isShared) throw refuse('TOKEN_KEYS and EDGE_KEYS share a key');
  return {
    collection: env.COLLECTION || undefined,
    signingKey: await named('CENTRAL_SIGNING_KEY', env, privateKey),
    edgeKeys,
    tokenKeys,
    dayKeys: dayKeysOf(env.TAG_KEY),
    host: env.HOST || '127.0.0.1',
    port: portOf(env.PORT),
    bulkLimits: {
      reportsPerDay: countOf('REPORTS_PER_DAY', env) ?? BULK_LIMITS.reportsPerDay,
      withdrawalsPerDay: countOf('WITHDRAWALS_PER_DAY', env) ?? BULK_LIMITS.withdrawalsPerDay,
    },
    attachments: { folder: env.ATTACHMENTS_DIR || besideDatabase('attachments', env) },
    sightingSpool: { folder: env.SIGHTINGS_DIR || besideDatabase('sightings', env) },
    cardImages: openStore(env.CARD_STORE || `${DEFAULT_FOLDER}/cards`, env),
    publicUrl: originOf('PUBLIC_URL', env),
    reach: { loopback: env.WEBHOOK_LOOPBACK === 'allow' },
    webhookTimeoutMs: millisecondsOf('WEBHOOK_TIMEOUT_MS', env),
    webhookRetryMs: millisecondsOf('WEBHOOK_RETRY_MS', env),
  };
}

/** Settings of the bureaus that are played in a training; throws 'config-invalid'. */
export async function simulatorConfig(env: Environment) {
  const url = originOf('CENTRAL_URL', env);
  if (url === undefined) throw refuse('CENTRAL_URL is missing');
  return {
    centralUrl: url,
    tokenKey: await named('TOKEN_SIGNING_KEY', env, privateKey),
    answerAfterMs: 1_000 * (countOf('ANSWER_AFTER_SECONDS', env) ?? ANSWER_AFTER_SECONDS),
    closeAfterMs: 1_000 * (countOf('CLOSE_AFTER_SECONDS', env) ?? CLOSE_AFTER_SECONDS),
  };
}

/**
 * Keys and place of the publisher of overlays: the private keys of overlays and heads, the public ones
 * of editions, the epoch keys. Throws 'config-invalid' with the name of a bad setting.
 */
export async function overlayConfig(env: Environment): Promise<OverlayConfig> {
  const location = env.EDITION_STORE;
  if (!location) throw refuse('EDITION_STORE is missing');
  return {
    ...{ location, collection: env.COLLECTION || 'sltd' },
    overlayKey: await named('OVERLAY_SIGNING_KEY', env, privateKey),
    headKey: await named('HEAD_SIGNING_KEY', env, privateKey),
    overlayKeys: await named('OVERLAY_KEYS', env, verifyKeys),
    headKeys: await named('HEAD_KEYS', env, verifyKeys),
    editionKeys: await named('EDITION_KEYS', env, verifyKeys),
    epochKeys: await named('EPOCH_KEYS', env, epochKeysOf),
    pollMs: countOf('OVERLAY_POLL_MS', env) ?? POLL_MS,
    intervalMs: countOf('OVERLAY_INTERVAL_MS', env) ?? INTERVAL_MS,
  };
}

const privateKey = async (text: string) => signingKey(JSON.parse(text) as JsonWebKey);

const epochKeysOf = (text: string): Promise<EpochKey[]> =>
  Promise.all(
    text.split(',').map(async (hex) => {
      const key = fromHex(hex.trim());
      if (key.length !== EPOCH_KEY_BYTES) throw refuse('EPOCH_KEYS');
      return { key, id: await epochKeyId(key) };
    }),
  );

/** Public half of CENTRAL_SIGNING_KEY, which signs the checkpoints of the audit; 'config-invalid'. */
export const checkpointKeys = (env: Environment): Promise<VerifyKey[]> =>
  named('CENTRAL_SIGNING_KEY', env, (text) => verifyKeys((JSON.parse(text) as { x: string }).x));

function dayKeysOf(text: string | undefined): DayKeys | undefined {
  if (!text) return undefined;
  const key = parseTagKey(text);
  if (!key) throw refuse('TAG_KEY is not usable');
  return new DayKeys(key);
}

async function named<T>(
  name: string,
  env: Environment,
  read: (text: string) => Promise<T>,
): Promise<T> {
  const text = env[name];
  if (!text) throw refuse(`${name} is missing`);
  try {
    return await read(text);
  } catch {
    // The cause may hold parts of a key.
    throw refuse(`${name} is not usable`);
  }
}

/** An origin, `https` but for the loopback; undefined if it is not set. */
function originOf(name: string, env: Environment): string | undefined {
  const text = env[name];
  if (!text) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLoopback = url?.protocol === 'http:' && LOOPBACK.has(url.hostname);
  const isOrigin = url !== undefined && url.href === `${url.origin}/`;
  if (!isOrigin || (url.protocol !== 'https:' && !isLoopback)) {
    throw refuse(`${name} is not usable`);
  }
  return url.origin;
}

function portOf(text: string | undefined): number {
  if (!text) return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw refuse('PORT is not a port');
  return port;
}

/** A number of things; undefined if it is not set. */
function countOf(name: string, env: Environment): number | undefined {
  const text = env[name];
  if (!text) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw refuse(`${name} is not a number`);
  return Number(text);
}

/** 1 ms to 10 minutes; undefined if it is not set. */
function millisecondsOf(name: string, env: Environment): number | undefined {
  const text = env[name];
  if (!text) return undefined;
  const ms = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (ms < 1 || ms > 600_000) throw refuse(`${name} is not a number of milliseconds`);
  return ms;
}

const refuse = (detail: string): SltdError => new SltdError('config-invalid', { detail });
