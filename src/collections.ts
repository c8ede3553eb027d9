/**
 * The collections of an edge, made from its settings.
 *
 * The plain settings are those of the first one. `COLLECTIONS` names the others, with what is their own:
 *
 *     {"tdawn": {"CENTRAL_URL": "https://…"}, "national-UTO": {"EDITIONS_ORIGIN": "https://…", …}}
 *
 * Trusted keys that are not given are those of the edge: whatever they sign names its collection, so one
 * list cannot stand in for another. Central and floors have no such fallback. Objects lie under
 * the name of the collection, in the place of the first one's.
 */

import * as v from 'valibot';
import type { Collection } from './check/collection.ts';
import { CentralClient } from './check/confirmation.ts';
import { EventPoster } from './check/event-poster.ts';
import { epochKeyId } from './document/digest.ts';
import { SltdError } from './errors.ts';
import { COLLECTION } from './format/collection.ts';
import { fromHex } from './format/names.ts';
import { signingKey } from './format/signature.ts';
import { invalid, numberOf, publicKeys, setting, timeOf, urlOf } from './settings.ts';
import type { FreshnessLimits } from './store/edition.ts';
import { EditionStore, type EpochKey } from './store/edition-store.ts';
import { type Floor, type FloorKeeper, floorFrom } from './store/floor.ts';
import { HttpSource } from './store/http-source.ts';
import type { ObjectSource } from './store/object-source.ts';
import { PageIds } from './store/page-ids.ts';
import { PageStore } from './store/page-store.ts';
import { PrefixedSource } from './store/prefixed-source.ts';
import { R2Source } from './store/r2-source.ts';
import type { Env, World } from './world.ts';

/** A report is known everywhere after 30 s only if edges look this often. */
const POLL_SECONDS_MAX = 10;
/** All of them share one memory. */
const COLLECTIONS_MAX = 8;

const text = v.optional(v.string());
const OwnSchema = v.strictObject({
  EDITIONS_ORIGIN: text,
  EDITION_KEYS: text,
  OVERLAY_KEYS: text,
  HEAD_KEYS: text,
  CENTRAL_URL: text,
  CENTRAL_KEYS: text,
  SEQUENCE_FLOOR: text,
  PERMIT_FLOOR: text,
  OVERLAY_FLOOR: text,
});
const OthersSchema = v.pipe(
  v.record(v.pipe(v.string(), v.regex(COLLECTION)), OwnSchema),
  v.check((others) => Object.keys(others).length < COLLECTIONS_MAX),
);

/** All that the edge holds, the first one first; throws 'config-invalid'. */
export async function createCollections(
  env: Env,
  world: World,
  limits: FreshnessLimits,
): Promise<[Collection, ...Collection[]]> {
  const shared = { world, limits, pageIds: new PageIds(), epochKeys: await epochKeysOf(env) };
  const place = world.source ?? sourceOf(env, world);
  const name = env.COLLECTION || 'sltd';
  if (!COLLECTION.test(name)) throw invalid('COLLECTION');
  const first = await collectionOf(name, env, { ...shared, source: place });
  const others = othersOf(env);
  if (name in others) throw invalid('COLLECTIONS');
  return [
    first,
    ...(await Promise.all(
      Object.entries(others).map(([other, own]) => {
        const source = own.EDITIONS_ORIGIN
          ? new HttpSource(urlOf('COLLECTIONS', own.EDITIONS_ORIGIN), { fetch: world.fetch })
          : new PrefixedSource(place, `${other}/`);
        return collectionOf(other, ownSettings(env, own), { ...shared, source });
      }),
    )),
  ];
}

type Own = v.InferOutput<typeof OwnSchema>;

function othersOf({ COLLECTIONS: settings }: Env): Readonly<Record<string, Own>> {
  if (!settings) return {};
  return setting('COLLECTIONS', () => {
    const value: unknown = JSON.parse(settings);
    if (Array.isArray(value)) throw invalid('COLLECTIONS');
    return v.parse(OthersSchema, value);
  });
}

/** Nothing of the first collection but its keys. */
const ownSettings = (env: Env, own: Own): Env => {
  const none = { CENTRAL_URL: '', SEQUENCE_FLOOR: '', PERMIT_FLOOR: '', OVERLAY_FLOOR: '' };
  // Without a central there is nowhere to post to.
  const CHECK_EVENTS = own.CENTRAL_URL ? env.CHECK_EVENTS : '';
  return { ...env, ...none, ...own, CHECK_EVENTS } as Env;
};

interface Shared {
  world: World;
  limits: FreshnessLimits;
  source: ObjectSource;
  pageIds: PageIds;
  epochKeys: readonly EpochKey[];
}

async function collectionOf(
  name: string,
  env: Env,
  { world, limits, source, pageIds, epochKeys }: Shared,
): Promise<Collection> {
  const editions = new EditionStore({
    ...{ source, limits, now: world.now, collection: name, pageIds, epochKeys },
    pollMs: 1000 * numberOf(env, 'POLL_SECONDS', POLL_SECONDS_MAX, POLL_SECONDS_MAX),
    floor: floorSettingOf(env),
    floorKeeper: world.floorKeeper ?? floorKeeperOf(env, name),
    editionKeys: await publicKeys(env, 'EDITION_KEYS'),
    overlayKeys: await publicKeys(env, 'OVERLAY_KEYS'),
    headKeys: await publicKeys(env, 'HEAD_KEYS'),
  });
  return {
    name,
    editions,
    pages: new PageStore({ source, cache: world.cache, hash64: world.hash64 }),
    central: env.CENTRAL_URL ? await centralOf(env, env.CENTRAL_URL, world) : undefined,
    postEvent: await eventPosterOf(env, world),
  };
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

/** `post` sends events to central as well; without it the log alone carries them there. */
async function eventPosterOf(env: Env, { now, fetch }: World): Promise<Collection['postEvent']> {
  if (!env.CHECK_EVENTS || env.CHECK_EVENTS === 'log') return undefined;
  if (env.CHECK_EVENTS !== 'post' || !env.CENTRAL_URL) throw invalid('CHECK_EVENTS');
  const poster = new EventPoster({
    url: urlOf('CENTRAL_URL', env.CENTRAL_URL).replace(/\/$/, ''),
    edgeKey: await edgeKeyOf(env),
    now,
    fetch,
  });
  return (line, defer) => poster.post(line, defer);
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
