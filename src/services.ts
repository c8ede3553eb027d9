/**
 * Settings of the Worker, read once an isolate, and the services made of them.
 *
 * A setting that is missing or not usable fails with 'config-invalid' and its name, never its value.
 * The table of all settings stands in docs/api.md.
 */

import { base64url } from 'jose';
import { Tagger } from './check/audit.ts';
import type { CheckTools } from './check/check.ts';
import type { Collection } from './check/collection.ts';
import { CredentialReader } from './check/credential.ts';
import { createCollections } from './collections.ts';
import { parseTagKey } from './format/tag-key.ts';
import { WasmMatcher } from './matcher/wasm-matcher.ts';
import { invalid, numberOf, publicKeys, setting } from './settings.ts';
import type { FreshnessLimits } from './store/edition.ts';
import type { Env, World } from './world.ts';

/** Everything that the requests of one isolate share. */
export interface Services extends Omit<CheckTools, 'defer'> {
  /** The first of the collections. */
  main: Collection;
  credentials: CredentialReader;
  /** Undefined: audit events carry no tags. */
  tagger: Tagger | undefined;
  /** 32 bytes each: the first one seals check ids, every one opens them. */
  sealKeys: readonly Uint8Array[];
  log: (line: string) => void;
}

/** Fresh up to 5 minutes, usable up to 6 hours: what the page on answers promises at most. */
const FRESH_SECONDS_MAX = 300;
const STALE_SECONDS_MAX = 21_600;
/** An isolate has 128 MB for heap and wasm together; most of it goes to filters, read every time. */
export const FILTER_ARENA_BYTES = 60 * 1024 * 1024;
export const MATCH_ARENA_BYTES = 4 * 1024 * 1024;
const ARENA_BYTES_MAX = 1024 * 1024 * 1024;
const SEAL_KEY_BYTES = 32;

/** The services of an isolate; throws 'config-invalid'. */
export async function createServices(env: Env, world: World): Promise<Services> {
  const { now, log } = world;
  const limits = limitsOf(env);
  const sealKeys = setting('SEAL_KEY', () => env.SEAL_KEY!.split(',').map(sealKeyOf));
  const collections = await createCollections(env, world, limits);
  const matcher = new WasmMatcher(world.matcherModule, {
    filterArenaBytes: bytesOf(env, 'FILTER_ARENA_BYTES', FILTER_ARENA_BYTES),
    matchArenaBytes: bytesOf(env, 'MATCH_ARENA_BYTES', MATCH_ARENA_BYTES),
  });
  return {
    main: collections[0],
    collections: new Map(collections.map((collection) => [collection.name, collection])),
    limits,
    now,
    log,
    sealKeys,
    matcher,
    credentials: new CredentialReader(await publicKeys(env, 'TOKEN_KEYS'), now),
    tagger: taggerOf(env, matcher),
  };
}

function limitsOf(env: Env): FreshnessLimits {
  const freshSeconds = numberOf(env, 'FRESH_SECONDS', FRESH_SECONDS_MAX, FRESH_SECONDS_MAX);
  const staleSeconds = numberOf(env, 'STALE_SECONDS', STALE_SECONDS_MAX, STALE_SECONDS_MAX);
  if (freshSeconds > staleSeconds) throw invalid('FRESH_SECONDS');
  return { freshSeconds, staleSeconds };
}

function taggerOf({ TAG_KEY: text }: Env, matcher: WasmMatcher): Tagger | undefined {
  if (!text) return undefined;
  const key = parseTagKey(text);
  if (!key) throw invalid('TAG_KEY');
  return new Tagger(matcher, key);
}

function sealKeyOf(text: string): Uint8Array {
  const bytes = base64url.decode(text.trim());
  if (bytes.length !== SEAL_KEY_BYTES) throw invalid('SEAL_KEY');
  return bytes;
}

const bytesOf = (env: Env, name: 'FILTER_ARENA_BYTES' | 'MATCH_ARENA_BYTES', preset: number) =>
  numberOf(env, name, preset, ARENA_BYTES_MAX);
