/**
 * What a way to cut the list into pages costs an isolate in fetches and bytes, by arithmetic: page
 * numbers and sizes go through modelled arenas, and no page holds a byte.
 *
 * False positives come by their theory (data-build/verify/filter-theory.ts). The proof isolate-memory does the
 * same with the code that ships and pages that are real.
 */

import { filterFalsePositiveRate } from '../data-build/verify/filter-theory.ts';
import type { CanonicalKey } from '../src/document/canonical-key.ts';
import type { StateCode } from '../src/document/issuing-state.ts';
import type { Change } from '../src/document/look-alike.ts';
import { spellingsOf } from '../src/document/query.ts';
import { FILTER_BLOCK_BITS } from '../src/format/layout.ts';
import { filterPageBytes, matchPageBytes } from '../src/format/page.ts';
import type { WasmMatcher } from '../src/matcher/wasm-matcher.ts';
import { queryOf, SEARCHES_A_HIT, type Traffic } from '../test/support/traffic.ts';
import { ModelArena, type Policy } from './model-arena.ts';

/** Documents in the order they are asked, as far as pages are concerned. */
export interface Trace {
  states: readonly StateCode[];
  /** The keys of document i are those from starts[i] to before starts[i + 1]. */
  starts: Uint32Array;
  /** By key: index in `states`. */
  stateOfKey: Uint16Array;
  /** By key, four words: the digest. */
  digests: Uint32Array;
}

const EPOCH_KEY = new Uint8Array(16).fill(7);
/** Documents whose keys are hashed at once. */
const PART = 4096;

/** The keys that checks of so many documents look up. */
export function traceOf(traffic: Traffic, documentCount: number, matcher: WasmMatcher): Trace {
  const indexOf = new Map<StateCode, number>();
  const starts = new Uint32Array(documentCount + 1);
  const parts: { states: Uint16Array; digests: Uint32Array }[] = [];
  let keyCount = 0;
  for (let first = 0; first < documentCount; first += PART) {
    const keys: (CanonicalKey | Change)[] = [];
    const states: number[] = [];
    for (let i = first; i < Math.min(first + PART, documentCount); i++) {
      const result = queryOf(traffic.next());
      if (!result.ok) throw new Error(result.code);
      for (const { key, state, lookAlikes } of spellingsOf(result.query)) {
        const index = indexOf.get(state) ?? indexOf.size;
        indexOf.set(state, index);
        keys.push(key, ...lookAlikes);
        for (let n = 0; n <= lookAlikes.length; n++) states.push(index);
      }
      starts[i + 1] = keyCount + keys.length;
    }
    parts.push({ states: Uint16Array.from(states), digests: matcher.digests(keys, EPOCH_KEY) });
    keyCount += keys.length;
  }
  const stateOfKey = new Uint16Array(keyCount);
  const digests = new Uint32Array(4 * keyCount);
  let at = 0;
  for (const part of parts) {
    stateOfKey.set(part.states, at);
    digests.set(part.digests, 4 * at);
    at += part.states.length;
  }
  return { states: [...indexOf.keys()], starts, stateOfKey, digests };
}

/** How the list is cut and kept. */
export interface Choice {
  keysPerShard: number;
  /** 0: there are no filter pages, each key asks a match page. */
  bitsPerKey: number;
  filterArenaBytes: number;
  matchArenaBytes: number;
  /** `clock` if not told. */
  policy?: Policy;
  /** States with fewer keys have no filter pages. */
  oneStageBelow?: number;
  /** Each spelling lies in a shard of its own, as in version 1 of the format. */
  isApart?: boolean;
  /** A filter page brings its match page along. */
  isMatchPrefetched?: boolean;
}

/** What was fetched until a number of documents had been asked. */
export interface Cost {
  documents: number;
  keys: number;
  filterFetches: number;
  matchFetches: number;
  bytes: number;
  /** Documents that waited for a filter page, and those that waited for a match page. */
  waits: number;
  /** Fetches of pages that `seen` had not: they come from the bucket, all others from the cache. */
  firstFetches: number;
}

/** Of one state; its match pages are numbered behind its filter pages. */
interface StatePages {
  firstPage: number;
  shardCount: number;
  filterBytes: number;
  matchBytes: number;
  /** Words below it are false positives of its filter pages. */
  limit: number;
  isOneStage: boolean;
}

/** The cost at each of the marks: numbers of documents, ascending. `seen` is of the pages by number. */
export function costsOf(
  { states, starts, stateOfKey, digests }: Trace,
  shape: ReadonlyMap<StateCode, number>,
  choice: Choice,
  { marks, first = 0, seen }: { marks: readonly number[]; first?: number; seen?: Set<number> },
): Cost[] {
  const pages = pagesOf(shape, states, choice);
  const pageCount = pages.reduce((sum, { shardCount }) => sum + 2 * shardCount, 0);
  const {
    policy = 'clock',
    filterArenaBytes,
    matchArenaBytes,
    isApart,
    isMatchPrefetched,
  } = choice;
  const filters = new ModelArena(policy, filterArenaBytes, pageCount);
  const matches = new ModelArena(policy, matchArenaBytes, pageCount);
  const known = seen ?? new Set();
  const cost: Cost = {
    ...{ documents: 0, keys: 0, filterFetches: 0, matchFetches: 0, bytes: 0 },
    ...{ waits: 0, firstFetches: 0 },
  };
  const isFetched = (arena: ModelArena, page: number, byteCount: number): boolean => {
    if (arena.find(page)) return false;
    arena.put(page, byteCount);
    cost.bytes += byteCount;
    if (!known.has(page)) cost.firstFetches++;
    known.add(page);
    return true;
  };
  return marks.map((mark) => {
    for (; cost.documents < mark; cost.documents++) {
      const from = starts[first + cost.documents]!;
      const to = starts[first + cost.documents + 1]!;
      let filterFetches = 0;
      let matchFetches = 0;
      for (let key = from; key < to; key++) {
        const state = pages[stateOfKey[key]!]!;
        const [luck, own, , group] = digests.subarray(4 * key, 4 * key + 4);
        const shard = Math.floor(((isApart ? own! : group!) * state.shardCount) / 2 ** 32);
        const filterPage = state.firstPage + shard;
        const matchPage = filterPage + state.shardCount;
        const isAsked = !state.isOneStage && isFetched(filters, filterPage, state.filterBytes);
        if (isAsked) filterFetches++;
        // Another part of the word tells whether the document itself is listed.
        const isListed = key === from && (luck! ^ 0x5bd1e995) >>> 0 < 2 ** 32 / SEARCHES_A_HIT;
        const isMaybe = state.isOneStage || luck! < state.limit || isListed;
        if (!isMaybe && !(isAsked && isMatchPrefetched)) continue;
        if (isFetched(matches, matchPage, state.matchBytes)) matchFetches++;
      }
      const isOneWait = isMatchPrefetched && filterFetches > 0;
      cost.waits += Math.min(1, filterFetches) + (isOneWait ? 0 : Math.min(1, matchFetches));
      cost.filterFetches += filterFetches;
      cost.matchFetches += matchFetches;
      cost.keys += to - from;
    }
    return { ...cost };
  });
}

function pagesOf(
  shape: ReadonlyMap<StateCode, number>,
  states: readonly StateCode[],
  { keysPerShard, bitsPerKey, oneStageBelow = 0 }: Choice,
): StatePages[] {
  const probes = bestProbes(bitsPerKey);
  let firstPage = 0;
  return states.map((state) => {
    const keys = shape.get(state) ?? 0;
    const shardCount = Math.max(1, Math.ceil(keys / keysPerShard));
    const keyCount = Math.round(keys / shardCount);
    const blockCount = Math.ceil((keyCount * bitsPerKey) / FILTER_BLOCK_BITS);
    const rate = blockCount > 0 ? filterFalsePositiveRate({ keyCount, blockCount, probes }) : 0;
    const pages: StatePages = {
      ...{ firstPage, shardCount, filterBytes: filterPageBytes(blockCount) },
      matchBytes: matchPageBytes(keyCount, Math.ceil((2 * keyCount) / 7)),
      limit: rate * 2 ** 32,
      isOneStage: bitsPerKey === 0 || keys < oneStageBelow,
    };
    firstPage += 2 * shardCount;
    return pages;
  });
}

/** Probes a key that make the fewest false positives. */
function bestProbes(bitsPerKey: number): number {
  if (bitsPerKey === 0) return 1;
  const rateOf = (probes: number) =>
    filterFalsePositiveRate({
      keyCount: 100 * FILTER_BLOCK_BITS,
      blockCount: 100 * bitsPerKey,
      probes,
    });
  const all = Array.from({ length: 12 }, (_, index) => index + 1);
  return all.reduce((best, probes) => (rateOf(probes) < rateOf(best) ? probes : best), 1);
}
