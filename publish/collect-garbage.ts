/**
 * Garbage collection: what no edition needs any more goes away.
 *
 * Kept are the last seven editions, the one in force among them, and whatever was in force or was put
 * within 72 hours: readers may still answer from it, and rollback may need it. All else that nothing kept names
 * is taken away, manifests before pages, so that no manifest stays whose pages are gone. On doubt nothing
 * is taken: a head or a kept manifest that cannot be read ends it.
 *
 * What was put within the grace time stays, and publishers rely on nothing older (copy-edition.ts); who
 * brings old objects back into use waits for the collectors at work (collectors.ts).
 */

import { SltdError } from '../src/errors.ts';
import type { Head } from '../src/format/head.ts';
import { openManifest } from '../src/format/manifest.ts';
import { fromHex, type ObjectFolder, objectName, toHex } from '../src/format/names.ts';
import { openOverlay } from '../src/format/overlay.ts';
import type { VerifyKey } from '../src/format/signature.ts';
import { asCollector } from './collectors.ts';
import { readHead } from './head.ts';
import { readHistory } from './history.ts';
import { inParallel } from './in-parallel.ts';
import type { ObjectStore, StoredEntry } from './object-store.ts';
import { pagesOf } from './prove-pages.ts';
import { readObject } from './read-object.ts';

/** An object is left alone for so long after it was put, named or not. */
export const GRACE_MS = 24 * 60 * 60 * 1000;
/** Longest from a look at the store to the last request that follows from it. */
const BATCH_MS = 60_000;
const BATCH_OBJECTS = 1_000;

const KEPT_EDITIONS = 7;
const KEPT_MS = 72 * 60 * 60 * 1000;

/** In this order objects go. */
const FOLDERS = ['history', 'manifests', 'overlays', 'pages'] as const satisfies ObjectFolder[];
/** All else in the store is not ours to take. */
const OBJECT_NAME = /^[a-z]+\/[0-9a-f]{64}$/;

export interface GarbageOptions {
  /** Public keys of the head role. */
  headKeys: readonly VerifyKey[];
  /** Only tells what would be taken. */
  dryRun: boolean;
  /** Milliseconds since 1970; a test has a clock of its own. */
  now?: () => number;
  onProgress?: (taken: number, total: number) => void;
  signal?: AbortSignal | undefined;
}

/** An edition that stays, whole. */
export interface KeptEdition {
  /** Its id. */
  edition: string;
  /** When its list ends, in milliseconds since 1970. */
  asOf: number;
  /** By heads that a trusted key signed: rollback goes back to what was in force and to nothing else. */
  use: 'in force' | 'was in force' | 'never in force';
}

export interface GarbageResult {
  /** The editions that stay, the one in force first, then by their time, the newest first. */
  kept: KeptEdition[];
  /** What was taken away, or would be, by folder. */
  taken: Record<(typeof FOLDERS)[number], { objects: number; bytes: number }>;
}

/** Takes away what nothing kept names. Throws 'edition-missing' if the store has no head. */
export async function collectGarbage(
  store: ObjectStore,
  options: GarbageOptions,
): Promise<GarbageResult> {
  const zero = () => ({ objects: 0, bytes: 0 });
  const taken = { history: zero(), manifests: zero(), overlays: zero(), pages: zero() };
  const count = (folder: keyof typeof taken, { sizeBytes }: StoredEntry) => {
    taken[folder].objects++;
    taken[folder].bytes += sizeBytes;
  };
  let done = 0;
  /** One look and what follows from it; the editions that stay, once nothing more is to go. */
  const batch = async (): Promise<Listed[] | undefined> => {
    const deadline = performance.now() + BATCH_MS;
    const { kept, garbage } = await look(store, options);
    const chosen = options.dryRun ? garbage : garbage.slice(0, BATCH_OBJECTS);
    if (chosen.length === 0) return kept;
    for (const folder of FOLDERS) {
      const entries = chosen.filter((item) => item.folder === folder);
      await inParallel(entries, async ({ entry }) => {
        options.signal?.throwIfAborted();
        if (!options.dryRun) {
          if (performance.now() > deadline) return;
          await store.delete(entry.name);
        }
        count(folder, entry);
        done++;
        options.onProgress?.(done, garbage.length);
      });
    }
    if (done === 0) {
      throw new SltdError('store-unavailable', { detail: 'the store is too slow to be looked at' });
    }
    return options.dryRun ? kept : undefined;
  };
  for (;;) {
    const kept = await (options.dryRun ? batch() : asCollector(store, batch));
    if (kept) return { kept: await usesOf(store, kept, options), taken };
  }
}

/** The editions with what they are or were, the one in force first. */
async function usesOf(
  store: ObjectStore,
  kept: readonly Listed[],
  { headKeys }: GarbageOptions,
): Promise<KeptEdition[]> {
  const head = await readHead(store, headKeys);
  const inForce = head && toHex(head.manifestSha256);
  const past = new Set((await readHistory(store, headKeys)).map(({ edition }) => edition));
  const useOf = (edition: string) => (past.has(edition) ? 'was in force' : 'never in force');
  const editions = kept.map(
    ({ edition, asOf }): KeptEdition => ({
      ...{ edition, asOf },
      use: edition === inForce ? 'in force' : useOf(edition),
    }),
  );
  const isFirst = ({ use }: KeptEdition) => Number(use === 'in force');
  return editions.sort((a, b) => isFirst(b) - isFirst(a) || b.asOf - a.asOf);
}

/** Ids of the editions that stay. */
async function keptEditions(
  store: ObjectStore,
  { headKeys, now = Date.now }: Pick<GarbageOptions, 'headKeys' | 'now'>,
): Promise<Set<string>> {
  const head = await readHead(store, headKeys);
  if (!head) throw new SltdError('edition-missing');
  const kept = new Set([toHex(head.manifestSha256)]);
  const since = now() - KEPT_MS;
  for (const { edition, replacedAt } of await readHistory(store)) {
    if (kept.size < KEPT_EDITIONS || replacedAt > since) kept.add(edition);
  }
  // Built, and perhaps not in force yet; or in force before there was a history.
  const manifests = (await store.list('manifests')).filter(isOurs);
  manifests.sort((a, b) => b.modifiedAt - a.modifiedAt);
  for (const [index, { name, modifiedAt }] of manifests.entries()) {
    if (index < KEPT_EDITIONS || modifiedAt > since) kept.add(lastPart(name));
  }
  return kept;
}

type Listed = Pick<KeptEdition, 'edition' | 'asOf'>;

interface Garbage {
  folder: (typeof FOLDERS)[number];
  entry: StoredEntry;
}

/** What the store has, and what of it nothing kept names. */
async function look(
  store: ObjectStore,
  options: GarbageOptions,
): Promise<{ kept: Listed[]; garbage: Garbage[] }> {
  const { headKeys, now = Date.now } = options;
  const before = now() - GRACE_MS;
  // Listed first: what is put from here on is in no list.
  const listed: Garbage[] = [];
  for (const folder of FOLDERS) {
    for (const entry of await store.list(folder)) {
      if (isOurs(entry)) listed.push({ folder, entry });
    }
  }
  const editions = await keptEditions(store, options);
  const head = (await readHead(store, headKeys))!;
  const past = (await readHistory(store)).filter(({ edition }) => editions.has(edition));
  const named = new Set(past.map(({ name }) => name));
  await nameOverlays(store, head, named);
  for (const { head: replaced } of past) await nameOverlays(store, replaced, named);
  const lengths = new Map(listed.map(({ entry }) => [entry.name, entry.sizeBytes]));
  lengths.set(objectName('manifests', head.manifestSha256), head.manifestLength);
  const kept: Listed[] = [];
  for (const edition of editions) {
    const name = `manifests/${edition}`;
    const length = lengths.get(name);
    // One that history names and that is gone already.
    if (length === undefined) continue;
    const reference = { sha256: fromHex(edition), length };
    const manifest = openManifest(await readObject(store, 'manifests', reference));
    named.add(name);
    kept.push({ edition, asOf: manifest.asOf });
    for (const { reference: page } of pagesOf(manifest)) {
      named.add(objectName('pages', page.sha256));
    }
  }
  const garbage = listed.filter(({ entry }) => !named.has(entry.name) && entry.modifiedAt < before);
  return { kept, garbage };
}

/** The overlay of a head, and the one it stands on. */
async function nameOverlays(store: ObjectStore, head: Head, named: Set<string>): Promise<void> {
  const { overlaySha256, overlayLength } = head;
  if (!overlaySha256) return;
  const name = objectName('overlays', overlaySha256);
  if (named.has(name)) return;
  named.add(name);
  const object = await store.get(name, overlayLength);
  // Gone with an edition before; of the one in force, readers would have told.
  if (!object) return;
  const { base } = openOverlay(object.bytes);
  if (base) named.add(objectName('overlays', base.sha256));
}

const lastPart = (name: string): string => name.slice(name.indexOf('/') + 1);

const isOurs = ({ name }: StoredEntry): boolean => OBJECT_NAME.test(name);
