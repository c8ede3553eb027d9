/**
 * A set of digests in pages that are all resident, asked in batches: the matcher without its host.
 *
 * A question is a digest in memory, its answer a byte in memory. The clock of ask() covers all
 * between, in processor time: the copy into the wasm's area, the choice of pages, the probes.
 */

import { readMatcherModule } from '../data-build/matcher-module.ts';
import type { StateCode } from '../src/document/issuing-state.ts';
import { parseStateCode } from '../src/document/issuing-state.ts';
import { PAGE_HEADER_BYTES } from '../src/format/layout.ts';
import type { PageKind } from '../src/format/page.ts';
import type { Digests } from '../src/matcher/matcher.ts';
import { PageArena } from '../src/matcher/page-arena.ts';
import { PageBuilder, sortAndMerge } from '../src/matcher/page-builder.ts';
import { type MatcherCore, reserve, startCore } from '../src/matcher/matcher-core.ts';
import { processorMs } from './measurement.ts';

/** Sizes of the goals, at which the peers are known; `sltd build` has 8,192 keys, 10 bits and 6 probes (page-sizes.ts). */
const KEYS_PER_SHARD = 32_768;
const FILTER_OPTIONS = { bitsPerKey: 8, probes: 5 };
const PAGE_ALIGN_BYTES = 64;

/** Digests by shard, docs/format.md section 4, and where each shard's begin. */
export interface Shards {
  digests: Digests;
  /** Digests before shard i; one more than there are shards. */
  starts: Uint32Array;
}

const shardOf = (d3: number, shardCount: number): number => Math.floor((d3 * shardCount) / 2 ** 32);

/** A counting sort by shard: what partitioning does at night. */
export function intoShards(digests: Digests, keysPerShard = KEYS_PER_SHARD): Shards {
  const count = digests.length / 4;
  const shardCount = Math.max(1, Math.ceil(count / keysPerShard));
  const starts = new Uint32Array(shardCount + 1);
  for (let at = 3; at < digests.length; at += 4) {
    const next = shardOf(digests[at]!, shardCount) + 1;
    starts[next] = starts[next]! + 1;
  }
  for (let shard = 0; shard < shardCount; shard++) {
    starts[shard + 1] = starts[shard + 1]! + starts[shard]!;
  }
  const ends = starts.slice();
  const sorted = new Uint32Array(digests.length);
  for (let at = 0; at < digests.length; at += 4) {
    const shard = shardOf(digests[at + 3]!, shardCount);
    const to = 4 * ends[shard]!;
    ends[shard] = ends[shard]! + 1;
    for (let word = 0; word < 4; word++) sorted[to + word] = digests[at + word]!;
  }
  return { digests: sorted, starts };
}

export interface BuiltPages {
  filter: Uint8Array[];
  match: Uint8Array[];
  keyCount: number;
  /** Sort, filter page and match page, by shard. */
  shardMs: number[];
  reseededShards: number;
}

/** Both pages of every shard. */
export function buildPages(
  { digests, starts }: Shards,
  options: { bitsPerKey: number; probes: number } = FILTER_OPTIONS,
): BuiltPages {
  const builder = new PageBuilder(readMatcherModule());
  const shardCount = starts.length - 1;
  const identity = {
    ...{ state: parseStateCode('D') as StateCode, shardCount, epochKeyId: new Uint8Array(16) },
    ...options,
  };
  const built: BuiltPages = {
    ...{ filter: [], match: [], keyCount: digests.length / 4, shardMs: [], reseededShards: 0 },
  };
  for (let shardIndex = 0; shardIndex < shardCount; shardIndex++) {
    const [from, to] = [starts[shardIndex]!, starts[shardIndex + 1]!];
    const categories = new Uint8Array(to - from);
    const start = performance.now();
    const { filterPage, match } = builder.buildShard(
      { ...identity, shardIndex },
      digests.subarray(4 * from, 4 * to),
      categories,
    );
    built.shardMs.push(performance.now() - start);
    built.filter.push(filterPage);
    built.match.push(match.page);
    if (match.reseeds > 0) built.reseededShards++;
  }
  return built;
}

/**
 * Nanoseconds a key to search the match pages alone and write them: the digests are sorted, and the header, its
 * seed included, is there. Throws if they come out as other bytes than built.
 */
export function searchNanos({ digests, starts }: Shards, built: BuiltPages): number {
  const { memory, BUILD_CATEGORIES, BUILD_DIGESTS, BUILD_PAGE, buildMatchPage } = startCore(
    readMatcherModule(),
  );
  let ms = 0;
  built.match.forEach((page, shard) => {
    const own = digests.subarray(4 * starts[shard]!, 4 * starts[shard + 1]!);
    const sorted = sortAndMerge(own, new Uint8Array(own.length / 4));
    reserve(memory, BUILD_PAGE.value + page.length);
    const bytes = new Uint8Array(memory.buffer);
    new Uint32Array(memory.buffer).set(sorted.digests, BUILD_DIGESTS.value >> 2);
    bytes.set(sorted.categories, BUILD_CATEGORIES.value);
    const written = bytes.subarray(BUILD_PAGE.value, BUILD_PAGE.value + page.length).fill(0);
    written.set(page.subarray(0, PAGE_HEADER_BYTES));
    const start = performance.now();
    buildMatchPage();
    ms += performance.now() - start;
    if (Buffer.compare(written, page) !== 0) throw new Error('the page differs');
  });
  return (1e6 * ms) / built.keyCount;
}

export const bytesOf = (pages: readonly Uint8Array[]): number =>
  pages.reduce((sum, { length }) => sum + length, 0);

/** As much of the matcher as probes need. */
export type ProbeCore = Pick<
  MatcherCore,
  | 'memory'
  | 'ADDRESSES'
  | 'ANSWERS'
  | 'ARENAS'
  | 'CHUNK_KEYS'
  | 'DIGESTS'
  | 'probeFilters'
  | 'probeMatches'
>;

/** Asks pages that lie in the memory of one wasm instance. */
export class ResidentSet {
  readonly #core: ProbeCore;
  readonly #chunkKeys: number;
  /** Address of each shard's page. */
  readonly #places: Record<PageKind, Uint32Array>;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;

  constructor(
    pages: Pick<BuiltPages, 'filter' | 'match'>,
    core: ProbeCore = startCore(readMatcherModule()),
  ) {
    const { memory } = core;
    let start = Math.ceil(core.ARENAS.value / PAGE_ALIGN_BYTES) * PAGE_ALIGN_BYTES;
    const place = (kind: PageKind): Uint32Array => {
      const capacityBytes = pages[kind].reduce((sum, { length }) => sum + length + 64, 64);
      const slotCount = 2 ** Math.ceil(Math.log2(pages[kind].length + 1));
      const end = start + 8 * slotCount + capacityBytes + 4 * PAGE_ALIGN_BYTES;
      reserve(memory, end);
      const arena = new PageArena({ memory, start, slotCount, capacityBytes, kind });
      arena.clear();
      start = Math.ceil(end / PAGE_ALIGN_BYTES) * PAGE_ALIGN_BYTES;
      return Uint32Array.from(pages[kind], (page, shardIndex) => arena.put(shardIndex, page));
    };
    this.#core = core;
    this.#chunkKeys = core.CHUNK_KEYS.value;
    this.#places = { filter: place('filter'), match: place('match') };
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
  }

  /**
   * Nanoseconds a digest, and how many were found: by the filter pages alone, by the match pages alone,
   * or by `both`, the match pages about what the filter lets pass: a verdict.
   */
  ask(digests: Digests, stages: PageKind | 'both'): { nanos: number; found: number } {
    const count = digests.length / 4;
    const answers = new Uint8Array(count);
    const at = this.#core.ANSWERS.value;
    const start = processorMs();
    for (let first = 0; first < count; first += this.#chunkKeys) {
      const keys = Math.min(this.#chunkKeys, count - first);
      this.#words.set(
        digests.subarray(4 * first, 4 * (first + keys)),
        this.#core.DIGESTS.value >> 2,
      );
      this.#choosePages(stages === 'match' ? 'match' : 'filter', keys);
      if (stages === 'match') this.#core.probeMatches(keys);
      else this.#core.probeFilters(keys);
      if (stages === 'both') this.#askMatches(keys);
      answers.set(this.#bytes.subarray(at, at + keys), first);
    }
    const nanos = ((processorMs() - start) * 1e6) / count;
    let found = 0;
    for (const answer of answers) if (answer !== 0) found++;
    return { nanos, found };
  }

  /** The page addresses of the first `keys` digests in place. */
  #choosePages(kind: PageKind, keys: number): void {
    const words = this.#words;
    const places = this.#places[kind];
    const shardCount = places.length;
    const addresses = this.#core.ADDRESSES.value >> 2;
    let d3 = (this.#core.DIGESTS.value >> 2) + 3;
    for (let i = 0; i < keys; i++, d3 += 4) {
      words[addresses + i] = places[shardOf(words[d3]!, shardCount)]!;
    }
  }

  /** Second stage: the digests that passed move together; answers then count those only. */
  #askMatches(keys: number): void {
    const words = this.#words;
    const answers = this.#core.ANSWERS.value;
    const digests = this.#core.DIGESTS.value >> 2;
    let passed = 0;
    for (let i = 0; i < keys; i++) {
      if (this.#bytes[answers + i] === 0) continue;
      if (passed < i) {
        for (let word = 0; word < 4; word++) {
          words[digests + 4 * passed + word] = words[digests + 4 * i + word]!;
        }
      }
      passed++;
    }
    this.#choosePages('match', passed);
    if (passed > 0) this.#core.probeMatches(passed);
    this.#bytes.fill(0, answers + passed, answers + keys);
  }
}
