/**
 * A page by its reference: from the data-centre cache, else from the source.
 *
 * What the source hands out is proved by SHA-256. A copy from the cache was proved before it was put
 * there, so XXH64 is enough to see that it came back whole; one that did not is dropped and fetched
 * anew. Either way the header must be the one that the manifest's row names.
 */

import { type ErrorCode, SltdError } from '../errors.ts';
import type { PageReference } from '../format/manifest.ts';
import { checkContent, objectName } from '../format/names.ts';
import { decodePage, type PageExpectation } from '../format/page.ts';
import type { ObjectSource } from './object-source.ts';

/** As much of the Cache API as is needed here. */
export interface PageCache {
  match(url: string): Promise<Response | undefined>;
  put(url: string, response: Response): Promise<void>;
  delete(url: string): Promise<boolean>;
}

interface PageStoreOptions {
  source: ObjectSource;
  cache?: PageCache | undefined;
  /** XXH64, seed 0. */
  hash64: (bytes: Uint8Array) => bigint;
}

/** Lets work that no answer needs go on after the response. */
export type Defer = (work: Promise<unknown>) => void;

/** Never resolved: the cache wants a URL, and this host belongs to nobody. */
const CACHE_ORIGIN = 'https://sltd-edge.invalid/';

export class PageStore {
  readonly #options: PageStoreOptions;

  constructor(options: PageStoreOptions) {
    this.#options = options;
  }

  /**
   * The page, proved. Throws 'page-unavailable' if it cannot be had and 'page-corrupt' if it is not
   * what the reference names; both after one retry, because most failures are of the moment.
   */
  async get(
    reference: PageReference,
    expected: PageExpectation,
    defer: Defer,
  ): Promise<Uint8Array> {
    const cached = await this.#fromCache(reference, expected, defer);
    if (cached) return cached;
    let page: Uint8Array;
    try {
      page = await this.#fromSource(reference, expected);
    } catch {
      page = await this.#fromSource(reference, expected);
    }
    this.#keep(reference, page, defer);
    return page;
  }

  async #fromCache(
    reference: PageReference,
    expected: PageExpectation,
    defer: Defer,
  ): Promise<Uint8Array | undefined> {
    const { cache, hash64 } = this.#options;
    if (!cache) return undefined;
    const url = cacheUrl(reference);
    try {
      const response = await cache.match(url);
      if (!response) return undefined;
      const page = new Uint8Array(await response.arrayBuffer());
      if (page.length === reference.length && hash64(page) === reference.xxh64) {
        decodePage(page, expected);
        return page;
      }
    } catch {
      // A cache that fails is no cache; the source decides.
    }
    defer(quiet(cache.delete(url)));
    return undefined;
  }

  async #fromSource(reference: PageReference, expected: PageExpectation): Promise<Uint8Array> {
    const name = objectName('pages', reference.sha256);
    let page: Uint8Array | undefined;
    try {
      page = await this.#options.source.get(name, reference.length);
    } catch (cause) {
      const isTooLong = cause instanceof SltdError && cause.code === 'format-length';
      throw failure(isTooLong ? 'page-corrupt' : 'page-unavailable', cause);
    }
    // S4: a page that is not there is no empty page.
    if (!page) throw new SltdError('page-unavailable', { detail: 'missing' });
    try {
      await checkContent(page, reference);
      decodePage(page, expected);
    } catch (cause) {
      throw failure('page-corrupt', cause);
    }
    return page;
  }

  #keep(reference: PageReference, page: Uint8Array, defer: Defer): void {
    const { cache } = this.#options;
    if (!cache) return;
    const headers = {
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'application/octet-stream',
    };
    const response = new Response(page as Uint8Array<ArrayBuffer>, { headers });
    defer(quiet(cache.put(cacheUrl(reference), response)));
  }
}

const cacheUrl = (reference: PageReference) => CACHE_ORIGIN + objectName('pages', reference.sha256);

/** The cache only saves time: its failures are no failures of a check. */
const quiet = (work: Promise<unknown>) => work.catch(() => {});

const failure = (code: ErrorCode, cause: unknown) => new SltdError(code, { cause });
