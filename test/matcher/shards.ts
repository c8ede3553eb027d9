/**
 * Made-up shards for the matcher's tests: seeded, so that every run sees the same digests.
 *
 * Digests are drawn directly, as uniform as SipHash makes them; d3 lies in the shard asked for.
 */

import { readMatcherModule } from '../../data-build/matcher-module.ts';
import { parseStateCode } from '../../src/document/issuing-state.ts';
import type { Digests } from '../../src/matcher/matcher.ts';
import { PageBuilder, sortAndMerge } from '../../src/matcher/page-builder.ts';

export const wasmModule = readMatcherModule();

const EPOCH_KEY_ID = Uint8Array.from({ length: 16 }, (_, index) => 0xa0 + index);
const STATE = parseStateCode('UTO')!;

/** The whole digest space of a state as one shard. */
export const ONE_SHARD = { state: STATE, shardIndex: 0, shardCount: 1, epochKeyId: EPOCH_KEY_ID };
/** One of several shards, so that `rest` is not d3 itself. */
export const MIDDLE_SHARD = { ...ONE_SHARD, shardIndex: 3, shardCount: 7 };

export const FILTER_OPTIONS = { bitsPerKey: 8, probes: 5 };

/** Uniform u32 words: splitmix32, a public-domain generator with a period of 2^32. */
export function randomWords(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let word = state ^ (state >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word ^= word >>> 15;
    word = Math.imul(word, 0x735a2d97);
    return (word ^ (word >>> 15)) >>> 0;
  };
}

/** So many digests of one shard, in no order. */
export function drawDigests(
  keyCount: number,
  {
    seed,
    shardIndex = 0,
    shardCount = 1,
  }: { seed: number; shardIndex?: number; shardCount?: number },
): Digests {
  const next = randomWords(seed);
  const digests = new Uint32Array(4 * keyCount).map(() => next());
  for (let at = 3; at < digests.length; at += 4) {
    digests[at] = Math.ceil((shardIndex * 2 ** 32 + digests[at]!) / shardCount);
  }
  return digests;
}

/** A shard with both pages, its sorted digests and their categories. */
export function drawShard(
  keyCount: number,
  {
    seed,
    identity = ONE_SHARD,
    builder,
    filter = FILTER_OPTIONS,
  }: {
    seed: number;
    identity?: typeof ONE_SHARD;
    builder?: PageBuilder;
    filter?: typeof FILTER_OPTIONS;
  },
) {
  const next = randomWords(~seed);
  const drawn = sortAndMerge(
    drawDigests(keyCount, { seed, ...identity }),
    new Uint8Array(keyCount).map(() => next() % 6),
  );
  const pageBuilder = builder ?? new PageBuilder(wasmModule);
  return {
    ...drawn,
    filterPage: pageBuilder.buildFilterPage({ ...identity, ...filter }, drawn.digests),
    matchPage: pageBuilder.buildMatchPage(identity, drawn.digests, drawn.categories).page,
  };
}
