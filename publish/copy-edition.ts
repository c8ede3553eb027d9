/**
 * Copies an edition from one store to another: its pages, then its manifest, then all of it is proved
 * from what the other store hands out. The head is not touched: what is copied is not yet in force.
 *
 * Objects are named by their content, so a copy that ended anywhere goes on where it was, and only what
 * is missing is sent. What is there already counts only if garbage collection cannot take it away
 * meanwhile (collect-garbage.ts): pages of the edition in force, and young ones. Others are put again,
 * which makes them young. A page that the other store has damaged is mended on the way.
 */

import { SltdError } from '../src/errors.ts';
import type { Head } from '../src/format/head.ts';
import type { Manifest, PageReference } from '../src/format/manifest.ts';
import { objectName } from '../src/format/names.ts';
import type { VerifyKey } from '../src/format/signature.ts';
import { GRACE_MS } from './collect-garbage.ts';
import { awaitCollectors } from './collectors.ts';
import { inParallel } from './in-parallel.ts';
import type { ObjectStore, StoredObject } from './object-store.ts';
import { pagesOf } from './prove-pages.ts';
import { type EditionName, readManifest } from './read-manifest.ts';
import { type ReadableStore, readObject } from './read-object.ts';

/** So old may an object be that a copy relies on, and so long may the copy take: both fit in grace. */
const RELIABLE_MS = GRACE_MS / 2 - 60 * 60 * 1000;

export interface CopyOptions {
  from: ReadableStore;
  to: ObjectStore;
  edition: EditionName;
  /** The head in force in `to`, if there is one. */
  inForce: Head | undefined;
  /** Public keys of the edition role. */
  editionKeys: readonly VerifyKey[];
  /**
   * Asks the copied edition; it reads from the store it is handed, every page at least, and throws if
   * an answer is wrong.
   */
  prove(store: ReadableStore, manifest: Manifest): Promise<void>;
  onStep(step: 'upload' | 'verify'): void;
  onProgress(done: number, total: number): void;
  /** Longest wait for garbage collection under way; shorter in tests. */
  settleMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface CopyResult {
  manifest: Manifest;
  /** Distinct pages of the edition. */
  pages: number;
  /** Of these, how many were sent, and their bytes. */
  sentPages: number;
  sentBytes: number;
  /** Pages that the other store had damaged, and has whole now. */
  mendedPages: number;
}

/** All of the edition, proved to be in the other store; throws a coded error if it is not. */
export async function copyEdition(options: CopyOptions): Promise<CopyResult> {
  const { from, to, edition, editionKeys, signal } = options;
  const startedAt = Date.now();
  const source = await readManifest(from, edition, editionKeys);
  await to.prepare();

  options.onStep('upload');
  const pages = new Map<string, PageReference>();
  for (const { reference } of pagesOf(source.manifest)) {
    pages.set(objectName('pages', reference.sha256), reference);
  }
  const reliable = await reliablePages(options, startedAt);
  const missing = [...pages].filter(([name, { length }]) => reliable.get(name) !== length);
  let sentBytes = 0;
  let done = pages.size - missing.length;
  await inParallel(missing, async ([, page]) => {
    signal?.throwIfAborted();
    const bytes = await readObject(from, 'pages', page);
    // Over what may be there: it is old, or of another length.
    await to.put('pages', bytes, { overwrite: true });
    sentBytes += bytes.length;
    options.onProgress(++done, pages.size);
  });
  await to.flush();
  await to.put('manifests', source.bytes, { overwrite: true });
  await to.flush();

  await awaitCollectors(to, options);

  options.onStep('verify');
  const { manifest } = await readManifest(to, edition, editionKeys);
  const mending = new MendingStore(from, to, pages);
  await options.prove(mending, manifest);
  await to.flush();
  signal?.throwIfAborted();
  if (Date.now() - startedAt > RELIABLE_MS) {
    throw new SltdError('store-unavailable', { detail: 'the copy took too long: run it again' });
  }
  const { mendedPages } = mending;
  return { manifest, pages: pages.size, sentPages: missing.length, sentBytes, mendedPages };
}

/** Names and lengths of the pages that stay in the store until this copy is in force. */
async function reliablePages(
  { to, inForce, editionKeys }: CopyOptions,
  startedAt: number,
): Promise<Map<string, number>> {
  const kept = new Set<string>();
  try {
    if (inForce) {
      const { manifest } = await readManifest(to, inForce, editionKeys);
      for (const { reference } of pagesOf(manifest)) {
        kept.add(objectName('pages', reference.sha256));
      }
    }
  } catch (error) {
    // An edition in force that is damaged is what this copy shall mend: nothing of it counts.
    if (!(error instanceof SltdError) || error.code === 'store-unavailable') throw error;
  }
  const reliable = new Map<string, number>();
  for (const { name, sizeBytes, modifiedAt } of await to.list('pages')) {
    const isYoung = modifiedAt > startedAt - RELIABLE_MS;
    if (isYoung || kept.has(name)) reliable.set(name, sizeBytes);
  }
  return reliable;
}

/** Reads from the copy; a page that is missing there or not right is put once more, and read again. */
class MendingStore implements ReadableStore {
  mendedPages = 0;
  readonly #from: ReadableStore;
  readonly #to: ObjectStore;
  readonly #pages: ReadonlyMap<string, PageReference>;

  constructor(from: ReadableStore, to: ObjectStore, pages: ReadonlyMap<string, PageReference>) {
    this.#from = from;
    this.#to = to;
    this.#pages = pages;
  }

  async get(name: string, lengthMax: number): Promise<StoredObject | undefined> {
    const page = this.#pages.get(name);
    if (!page) return this.#to.get(name, lengthMax);
    try {
      return { bytes: await readObject(this.#to, 'pages', page), version: name };
    } catch (error) {
      if (!(error instanceof SltdError) || error.code === 'store-unavailable') throw error;
    }
    await this.#to.put('pages', await readObject(this.#from, 'pages', page), { overwrite: true });
    this.mendedPages++;
    return this.#to.get(name, lengthMax);
  }
}
