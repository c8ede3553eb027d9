/**
 * Settings of the Worker, read once an isolate, and the services made of them.
 *
 * A setting that is missing or not usable fails with 'config-invalid' and its name, never its value.
 * The table of all settings stands in docs/api.md.
 */

import { base64url } from 'jose';
import { Tagger } from './check/audit.ts';
import type { CheckTools } from './check/check.ts';
import { CentralClient } from './check/confirmation.ts';
import { CredentialReader } from './check/credential.ts';
import { EventPoster } from './check/event-poster.ts';
import { epochKeyId } from './document/digest.ts';
import { SltdError } from './errors.ts';
import { fromHex } from './format/names.ts';
import { signingKey, type VerifyKey, verifyKeys } from './format/signature.ts';
import { parseTagKey } from './format/tag-key.ts';
import { WasmMatcher } from './matcher/wasm-matcher.ts';
import type { FreshnessLimits } from './store/edition.ts';
import { EditionStore, type EpochKey } from './store/edition-store.ts';
import { type Floor, type FloorKeeper, floorFrom } from './store/floor.ts';
import { HttpSource } from './store/http-source.ts';
import type { ObjectSource } from './store/object-source.ts';
import { type Defer, type PageCache, PageStore } from './store/page-store.ts';
import { type ObjectBucket, R2Source } from './store/r2-source.ts';

/** As much of a Durable Object namespace as is needed here. */
interface FloorNamespace {
  getByName(name: string): { raise(floor: Floor): Promise<unknown> };
}

/** Bindings, variables and secrets; all but the bucket and the floors are text. */
export interface Env {
  EDITIONS?: ObjectBucket;
  FLOORS?: FloorNamespace;
  EDITIONS_ORIGIN?: string;
  COLLECTION?: string;
  EPOCH_KEYS?: string;
  EDITION_KEYS?: string;
  OVERLAY_KEYS?: string;
  HEAD_KEYS?: string;
  CENTRAL_KEYS?: string;
  TOKEN_KEYS?: string;
  CENTRAL_URL?: string;
  EDGE_SIGNING_KEY?: string;
  SEAL_KEY?: string;
  TAG_KEY?: string;
  CHECK_EVENTS?: string;
  FRESH_SECONDS?: string;
  STALE_SECONDS?: string;
  POLL_SECONDS?: string;
  SEQUENCE_FLOOR?: string;
  PERMIT_FLOOR?: string;
  OVERLAY_FLOOR?: string;
  FILTER_ARENA_BYTES?: string;
  MATCH_ARENA_BYTES?: string;
}

/** What the outside gives: clock, network, cache, log, and the compiled matcher. */
export interface World {
  matcherModule: WebAssembly.Module;
  /** XXH64, seed 0. */
  hash64: (bytes: Uint8Array) => bigint;
  /** Milliseconds since 1970. */
  now: () => number;
  fetch: typeof fetch;
  cache?: PageCache | undefined;
  /** Instead of the one that the settings name. */
  source?: ObjectSource;
  /** Instead of the one that the settings name. */
  floorKeeper?: FloorKeeper;
  /** Takes one line of JSON. */
  log: (line: string) => void;
}

/** Everything that the requests of one isolate share. */
export interface Services extends Omit<CheckTools, 'defer'> {
  credentials: CredentialReader;
  /** Undefined: audit events carry no tags. */
  tagger: Tagger | undefined;
  /** Sends an audit line to central after the answer; undefined: the log alone has it. */
  postEvent: ((line: string, defer: Defer) => void) | undefined;
  /** 32 bytes each: the first one seals check ids, every one opens them. */
  sealKeys: readonly Uint8Array[];
  log: (line: string) => void;
}

/** Fresh up to 5 minutes, usable up to 6 hours: what the page on answers promises at most. */
const FRESH_SECONDS_MAX = 300;
const STALE_SECONDS_MAX = 21_600;
/** A report is known everywhere after 30 s only if edges look this often. */
const POLL_SECONDS_MAX = 10;
/** An isolate has 128 MB for heap and wasm together; most of it goes to filters, read every time. */
const FILTER_ARENA_BYTES = 44 * 1024 * 1024;
const MATCH_ARENA_BYTES = 4 * 1024 * 1024;
const ARENA_BYTES_MAX = 1024 * 1024 * 1024;
const SEAL_KEY_BYTES = 32;

/** The services of an isolate; throws 'config-invalid'. */
export async function createServices(env: Env, world: World): Promise<Services> {
  const { now, log } = world;
  const limits = limitsOf(env);
  const sealKeys = setting('SEAL_KEY', () => env.SEAL_KEY!.split(',').map(sealKeyOf));
  const source = world.source ?? sourceOf(env, world);
  const collection = env.COLLECTION || 'sltd';
  const editions = new EditionStore({
    ...{ source, limits, now, collection },
    pollMs: 1000 * numberOf(env, 'POLL_SECONDS', POLL_SECONDS_MAX, POLL_SECONDS_MAX),
    floor: floorSettingOf(env),
    floorKeeper: world.floorKeeper ?? floorKeeperOf(env, collection),
    epochKeys: await epochKeysOf(env),
    editionKeys: await publicKeys(env, 'EDITION_KEYS'),
    overlayKeys: await publicKeys(env, 'OVERLAY_KEYS'),
    headKeys: await publicKeys(env, 'HEAD_KEYS'),
  });
  const matcher = new WasmMatcher(world.matcherModule, {
    filterArenaBytes: bytesOf(env, 'FILTER_ARENA_BYTES', FILTER_ARENA_BYTES),
    matchArenaBytes: bytesOf(env, 'MATCH_ARENA_BYTES', MATCH_ARENA_BYTES),
  });
  return {
    editions,
    limits,
    now,
    log,
    sealKeys,
    pages: new PageStore({ source, cache: world.cache, hash64: world.hash64 }),
    matcher,
    central: env.CENTRAL_URL ? await centralOf(env, env.CENTRAL_URL, world) : undefined,
    credentials: new CredentialReader(await publicKeys(env, 'TOKEN_KEYS'), now),
    tagger: taggerOf(env, matcher),
    postEvent: await eventPosterOf(env, world),
  };
}

function limitsOf(env: Env): FreshnessLimits {
  const freshSeconds = numberOf(env, 'FRESH_SECONDS', FRESH_SECONDS_MAX, FRESH_SECONDS_MAX);
  const staleSeconds = numberOf(env, 'STALE_SECONDS', STALE_SECONDS_MAX, STALE_SECONDS_MAX);
  if (freshSeconds > staleSeconds) throw invalid('FRESH_SECONDS');
  return { freshSeconds, staleSeconds };
}

/** A directory over HTTP if one is named, else the bucket. */
function sourceOf(env: Env, { fetch }: World): ObjectSource {
  if (env.EDITIONS_ORIGIN) {
    return new HttpSource(urlOf('EDITIONS_ORIGIN', env.EDITIONS_ORIGIN), { fetch });
  }
  if (env.EDITIONS) return new R2Source(env.EDITIONS);
  throw invalid('EDITIONS or EDITIONS_ORIGIN');
}

/** What no edition may be older than, as far as it was known when the Worker was deployed. */
function floorSettingOf(env: Env): Floor {
  return {
    sequence: numberOf(env, 'SEQUENCE_FLOOR', 0, Number.MAX_SAFE_INTEGER),
    permittedAt: timeOf('PERMIT_FLOOR', env.PERMIT_FLOOR),
    overlayAsOf: timeOf('OVERLAY_FLOOR', env.OVERLAY_FLOOR),
  };
}

/** The collection's object, asked anew each time: a stub is of the request that made it. */
function floorKeeperOf({ FLOORS }: Env, collection: string): FloorKeeper | undefined {
  return (
    FLOORS && {
      async raise(floor) {
        const kept = floorFrom(await FLOORS.getByName(collection).raise(floor));
        if (!kept) throw new SltdError('floor-unavailable');
        return kept;
      },
    }
  );
}

async function centralOf(env: Env, url: string, { now, fetch }: World): Promise<CentralClient> {
  return new CentralClient({
    url: urlOf('CENTRAL_URL', url).replace(/\/$/, ''),
    centralKeys: await publicKeys(env, 'CENTRAL_KEYS'),
    edgeKey: await edgeKeyOf(env),
    now,
    fetch,
  });
}

function taggerOf({ TAG_KEY: text }: Env, matcher: WasmMatcher): Tagger | undefined {
  if (!text) return undefined;
  const key = parseTagKey(text);
  if (!key) throw invalid('TAG_KEY');
  return new Tagger(matcher, key);
}

/** `post` sends events to central as well; without it the log alone carries them there. */
async function eventPosterOf(
  env: Env,
  { now, fetch }: World,
): Promise<Services['postEvent'] | undefined> {
  if (!env.CHECK_EVENTS || env.CHECK_EVENTS === 'log') return undefined;
  if (env.CHECK_EVENTS !== 'post' || !env.CENTRAL_URL) throw invalid('CHECK_EVENTS');
  const poster = new EventPoster({
    url: urlOf('CENTRAL_URL', env.CENTRAL_URL).replace(/\/$/, ''),
    edgeKey: await edgeKeyOf(env),
    now,
    fetch,
  });
  return (line, defer) => defer(poster.post(line));
}

const edgeKeyOf = (env: Env) =>
  setting('EDGE_SIGNING_KEY', () => signingKey(JSON.parse(env.EDGE_SIGNING_KEY!)));

function epochKeysOf(env: Env): Promise<EpochKey[]> {
  return setting('EPOCH_KEYS', () =>
    Promise.all(
      env.EPOCH_KEYS!.split(',').map(async (text) => {
        const key = fromHex(text.trim());
        return { key, id: await epochKeyId(key) };
      }),
    ),
  );
}

type KeysName = 'EDITION_KEYS' | 'OVERLAY_KEYS' | 'HEAD_KEYS' | 'CENTRAL_KEYS' | 'TOKEN_KEYS';

const publicKeys = (env: Env, name: KeysName): Promise<VerifyKey[]> =>
  setting(name, () => verifyKeys(env[name]!));

function sealKeyOf(text: string): Uint8Array {
  const bytes = base64url.decode(text.trim());
  if (bytes.length !== SEAL_KEY_BYTES) throw invalid('SEAL_KEY');
  return bytes;
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

function urlOf(name: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Plain HTTP would show the list or the questions to whoever is on the line.
  const isLoopback = url?.protocol === 'http:' && LOOPBACK.has(url.hostname);
  if (!url || (url.protocol !== 'https:' && !isLoopback)) throw invalid(name);
  return url.href;
}

const bytesOf = (env: Env, name: 'FILTER_ARENA_BYTES' | 'MATCH_ARENA_BYTES', preset: number) =>
  numberOf(env, name, preset, ARENA_BYTES_MAX);

type NumberName =
  | 'FRESH_SECONDS'
  | 'STALE_SECONDS'
  | 'POLL_SECONDS'
  | 'SEQUENCE_FLOOR'
  | 'FILTER_ARENA_BYTES'
  | 'MATCH_ARENA_BYTES';

/** A whole number from 1 to `max`: the limits of freshness can only be made stricter. */
function numberOf(env: Env, name: NumberName, preset: number, max: number): number {
  const text = env[name];
  if (!text) return preset;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max) throw invalid(name);
  return value;
}

const UTC_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z$/;

/** A time in milliseconds since 1970; 0 if there is none. */
function timeOf(name: string, text: string | undefined): number {
  if (!text) return 0;
  const time = UTC_TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (!(time > 0)) throw invalid(name);
  return time;
}

/** What `read` makes of a setting; whatever goes wrong there is told by the setting's name alone. */
function setting<T>(name: string, read: () => T): T {
  try {
    const value = read();
    if (value instanceof Promise) return value.catch(() => Promise.reject(invalid(name))) as T;
    return value;
  } catch {
    throw invalid(name);
  }
}

const invalid = (name: string) => new SltdError('config-invalid', { detail: name });
