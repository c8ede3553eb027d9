/**
 * Digests that wait, shard by shard, until there are enough of them to ask one page for all.
 *
 * Asked in the order of the export, each key would fetch lines of pages far apart: at 150 M rows the
 * pages of a thread have 550 MB, and the memory's delay was the cost. Some thousand keys of one page
 * find its 200 KB in the second-level cache.
 */

import { DIGEST_BYTES } from '../../src/format/layout.ts';
import type { Digests } from '../../src/matcher/matcher.ts';

const DIGEST_WORDS = DIGEST_BYTES / 4;
/** Of all shards together. */
const QUEUE_BYTES = 192 * 1024 ** 2;
const KEYS_MAX = 4096;
const KEYS_MIN = 16;

/** The keys of one shard; views that the next push() to it overwrites. */
export interface QueuedKeys {
  digests: Digests;
  categories: Uint8Array;
  count: number;
}

export class ShardQueue {
  readonly #capacity: number;
  readonly #counts: Uint32Array;
  readonly #digests: Uint32Array;
  readonly #categories: Uint8Array;

  /** Memory is taken as it is used: a short list needs little. */
  constructor(shardCount: number) {
    const share = Math.floor(QUEUE_BYTES / ((DIGEST_BYTES + 1) * Math.max(1, shardCount)));
    this.#capacity = Math.max(KEYS_MIN, Math.min(KEYS_MAX, share));
    this.#counts = new Uint32Array(shardCount);
    this.#digests = new Uint32Array(DIGEST_WORDS * this.#capacity * shardCount);
    this.#categories = new Uint8Array(this.#capacity * shardCount);
  }

  /** Adds the digest at a place of the list; true if the shard must be taken now. */
  push(shard: number, digests: Digests, index: number, category: number): boolean {
    const count = this.#counts[shard]!;
    const place = shard * this.#capacity + count;
    const from = DIGEST_WORDS * index;
    const to = DIGEST_WORDS * place;
    this.#digests[to] = digests[from]!;
    this.#digests[to + 1] = digests[from + 1]!;
    this.#digests[to + 2] = digests[from + 2]!;
    this.#digests[to + 3] = digests[from + 3]!;
    this.#categories[place] = category;
    this.#counts[shard] = count + 1;
    return count + 1 === this.#capacity;
  }

  /** What waits for the shard; nothing waits for it then. */
  take(shard: number): QueuedKeys {
    const count = this.#counts[shard]!;
    this.#counts[shard] = 0;
    const first = shard * this.#capacity;
    return {
      digests: this.#digests.subarray(DIGEST_WORDS * first, DIGEST_WORDS * (first + count)),
      categories: this.#categories.subarray(first, first + count),
      count,
    };
  }
}
