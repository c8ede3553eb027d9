/**
 * Pages from the digests of one shard: the filter page, and the match page with its search.
 *
 * docs/format.md section 13 says which bytes, of all that a reader would accept, are written: the
 * same digests always give the same page. The bytes themselves are made in assembly/.
 */

import type { StateCode } from '../document/issuing-state.ts';
import { assert, SltdError } from '../errors.ts';
import { CATEGORIES } from '../format/category.ts';
import { DIGEST_BYTES, FILTER_BLOCK_BYTES, GOLDEN, PAGE_KEYS_MAX } from '../format/layout.ts';
import {
  filterPageBytes,
  matchPageBytes,
  type PageHeader,
  writePageHeader,
} from '../format/page.ts';
import type { Digests } from './matcher.ts';
import { type MatcherCore, reserve, startCore } from './matcher-core.ts';

/** Whose page it is. */
export interface PageIdentity {
  state: StateCode;
  shardIndex: number;
  shardCount: number;
  epochKeyId: Uint8Array;
}

/** A match page, and how hard it was to find: seeds given up, buckets displaced under the last. */
export interface BuiltMatchPage {
  page: Uint8Array;
  seed: number;
  reseeds: number;
  evictions: number;
}

const DIGEST_WORDS = DIGEST_BYTES / 4;
const SEEDS_MAX = 64;

/** Both pages of a shard, and the number of distinct keys in them. */
export interface BuiltShard {
  filterPage: Uint8Array;
  match: BuiltMatchPage;
  keyCount: number;
}

/** Builds one page after the other in a wasm memory of its own. */
export class PageBuilder {
  readonly #core: MatcherCore;

  constructor(module: WebAssembly.Module) {
    this.#core = startCore(module);
  }

  /**
   * Both pages of a shard from its digests and categories, in any order and with duplicates: what
   * sortAndMerge(), buildFilterPage() and buildMatchPage() make of them, without a copy in between.
   */
  buildShard(
    { bitsPerKey, probes, ...identity }: PageIdentity & { bitsPerKey: number; probes: number },
    digests: Digests,
    categories: Uint8Array,
  ): BuiltShard {
    const keyCount = this.#sort(identity, digests, categories);
    const filter = this.#openPage(filterHeader({ ...identity, bitsPerKey, probes, keyCount }));
    if (keyCount > 0) this.#core.buildFilterPage();
    const filterPage = filter.slice();
    return { filterPage, match: this.#searchMatchPage(identity, keyCount), keyCount };
  }

  /** Digests and categories to BUILD_DIGESTS and BUILD_CATEGORIES; how many are distinct. */
  #sort(identity: PageIdentity, digests: Digests, categories: Uint8Array): number {
    const { memory, BUILD_PAGE, sortDigests } = this.#core;
    const count = categories.length;
    assert(digests.length === DIGEST_WORDS * count, 'one category a key');
    assertCategories(categories);
    const input = BUILD_PAGE.value;
    reserve(memory, input + (DIGEST_BYTES + 1 + 4) * count + 4);
    new Uint32Array(memory.buffer).set(digests, input >> 2);
    new Uint8Array(memory.buffer).set(categories, input + DIGEST_BYTES * count);
    const keyCount = sortDigests(count, identity.shardIndex, identity.shardCount);
    assert(keyCount !== -2, 'every digest is of the shard');
    if (keyCount < 0) throw new SltdError('build-failed', { detail: 'too many keys' });
    return keyCount;
  }

  /** The filter page of the digests: sorted and unique, at most PAGE_KEYS_MAX. */
  buildFilterPage(
    { bitsPerKey, probes, ...identity }: PageIdentity & { bitsPerKey: number; probes: number },
    digests: Digests,
  ): Uint8Array {
    const keyCount = this.#putSorted(digests);
    const target = this.#openPage(filterHeader({ ...identity, bitsPerKey, probes, keyCount }));
    if (keyCount > 0) this.#core.buildFilterPage();
    return target.slice();
  }

  /**
   * The match page of the digests (sorted and unique, at most PAGE_KEYS_MAX) and their categories.
   *
   * Throws digest-collision if two keys can be told apart by no seed, build-failed if no seed fits.
   */
  buildMatchPage(identity: PageIdentity, digests: Digests, categories: Uint8Array): BuiltMatchPage {
    const keyCount = this.#putSorted(digests);
    assert(categories.length === keyCount, 'one category a key');
    assertCategories(categories);
    new Uint8Array(this.#core.memory.buffer).set(categories, this.#core.BUILD_CATEGORIES.value);
    return this.#searchMatchPage(identity, keyCount);
  }

  /** The match page of the digests and categories in place. */
  #searchMatchPage(identity: PageIdentity, keyCount: number): BuiltMatchPage {
    // 3.5 keys a bucket: fewer buckets make smaller pages, but are harder to place.
    const tableCount = Math.ceil((2 * keyCount) / 7);
    const length = matchPageBytes(keyCount, tableCount);
    const header: PageHeader = {
      ...identity,
      ...{ kind: 'match', length, keyCount, tableCount, parameter: 0 },
    };
    const target = this.#openPage(header);
    if (keyCount === 0) return { page: target.slice(), seed: 0, reseeds: 0, evictions: 0 };
    for (let reseeds = 0; reseeds < SEEDS_MAX; reseeds++) {
      const seed = Math.imul(reseeds, GOLDEN) >>> 0;
      writePageHeader(target, { ...header, parameter: seed });
      const evictions = this.#core.buildMatchPage();
      if (evictions >= 0) return { page: target.slice(), seed, reseeds, evictions };
    }
    const { memory, BUILD_DIGESTS } = this.#core;
    const digests = new Uint32Array(memory.buffer, BUILD_DIGESTS.value, DIGEST_WORDS * keyCount);
    throw new SltdError(haveCollision(digests) ? 'digest-collision' : 'build-failed');
  }

  /** Sorted, unique digests in place; how many. */
  #putSorted(digests: Digests): number {
    const keyCount = countKeys(digests);
    const { memory, BUILD_DIGESTS, BUILD_PAGE } = this.#core;
    reserve(memory, BUILD_PAGE.value);
    new Uint32Array(memory.buffer).set(digests, BUILD_DIGESTS.value >> 2);
    return keyCount;
  }

  /** The header in place; answers the page's bytes in wasm memory. */
  #openPage(header: PageHeader): Uint8Array {
    const { memory, BUILD_PAGE } = this.#core;
    reserve(memory, BUILD_PAGE.value + header.length);
    const target = new Uint8Array(memory.buffer, BUILD_PAGE.value, header.length);
    writePageHeader(target, header);
    return target;
  }
}

function filterHeader({
  bitsPerKey,
  probes,
  ...rest
}: PageIdentity & { bitsPerKey: number; probes: number; keyCount: number }): PageHeader {
  const blocks = Math.ceil((rest.keyCount * bitsPerKey) / (8 * FILTER_BLOCK_BYTES));
  const tableCount = rest.keyCount === 0 ? 0 : Math.max(1, blocks);
  const length = filterPageBytes(tableCount);
  return { ...rest, ...{ kind: 'filter', length, tableCount, parameter: probes } };
}

function assertCategories(categories: Uint8Array): void {
  for (const category of categories) {
    assert(category < CATEGORIES.length, 'a category is one of the format');
  }
}

/**
 * Sorts by (d3, d2, d1, d0) and merges equal digests, the highest category kept; new arrays. The
 * rule in plain words: buildShard() does the same in wasm, ten times as fast.
 */
export function sortAndMerge(
  digests: Digests,
  categories: Uint8Array,
): { digests: Digests; categories: Uint8Array } {
  const order = orderByDigest(digests);
  const sorted = new Uint32Array(digests.length);
  const kept = new Uint8Array(order.length);
  let count = 0;
  for (const origin of order) {
    const isSame = count > 0 && compare(digests, origin, sorted, count - 1) === 0;
    if (!isSame) {
      const to = DIGEST_WORDS * count;
      const from = DIGEST_WORDS * origin;
      for (let word = 0; word < DIGEST_WORDS; word++) sorted[to + word] = digests[from + word]!;
      count++;
    }
    kept[count - 1] = Math.max(kept[count - 1]!, categories[origin]!);
  }
  return { digests: sorted.slice(0, DIGEST_WORDS * count), categories: kept.slice(0, count) };
}

/** Keys that orderByDigest() can number: 21 bits, which with the 32 of d3 are exact in a double. */
const SORT_KEYS_MAX = 2 ** 21;

/** Indices in the order of the digests: by d3 with the platform's sort, then the few equal ones. */
function orderByDigest(digests: Digests): Uint32Array {
  const keyCount = digests.length / DIGEST_WORDS;
  assert(keyCount <= SORT_KEYS_MAX, 'a shard has at most 2^21 keys before merging');
  const ranked = new Float64Array(keyCount);
  for (let index = 0; index < keyCount; index++) {
    ranked[index] = digests[DIGEST_WORDS * index + 3]! * SORT_KEYS_MAX + index;
  }
  ranked.sort();
  const order = new Uint32Array(keyCount);
  for (let i = 0; i < keyCount; i++) {
    // Not %: on doubles it costs more than the sort.
    const index = ranked[i]! - Math.floor(ranked[i]! / SORT_KEYS_MAX) * SORT_KEYS_MAX;
    let place = i;
    for (; place > 0 && compare(digests, order[place - 1]!, digests, index) > 0; place--) {
      order[place] = order[place - 1]!;
    }
    order[place] = index;
  }
  return order;
}

/** Below, at or above 0 as the first digest lies before, at or behind the second. */
function compare(first: Digests, firstIndex: number, second: Digests, secondIndex: number): number {
  for (let word = DIGEST_WORDS - 1; word >= 0; word--) {
    const difference =
      first[DIGEST_WORDS * firstIndex + word]! - second[DIGEST_WORDS * secondIndex + word]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Number of keys; asserts that they are sorted and unique, build-failed if they are too many. */
function countKeys(digests: Digests): number {
  const keyCount = digests.length / DIGEST_WORDS;
  if (keyCount > PAGE_KEYS_MAX) throw new SltdError('build-failed', { detail: 'too many keys' });
  for (let index = 1; index < keyCount; index++) {
    assert(compare(digests, index - 1, digests, index) < 0, 'digests are sorted and unique');
  }
  return keyCount;
}

/** Whether two keys share bucket and slot under every seed: d1 and d2 are equal. */
function haveCollision(digests: Digests): boolean {
  const seen = new Set<bigint>();
  for (let at = 0; at < digests.length; at += DIGEST_WORDS) {
    seen.add((BigInt(digests[at + 1]!) << 32n) | BigInt(digests[at + 2]!));
  }
  return seen.size < digests.length / DIGEST_WORDS;
}
