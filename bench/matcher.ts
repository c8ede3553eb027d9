/**
 * The matcher alone, in Node, on one core: how long a probe, a page and a check take, and how large
 * pages are.
 *
 * One made-up list of 1 M passports of one state in 32 shards, and 1 M that are not listed (fewer in tests). All
 * pages are resident, as at a post that has been open for a while; nothing is fetched, and central
 * is not asked.
 */

import { readMatcherModule } from '../data-build/matcher-module.ts';
import { type CanonicalKey, canonicalKey } from '../src/document/canonical-key.ts';
import type { DocumentClass } from '../src/document/document-class.ts';
import { parseStateCode } from '../src/document/issuing-state.ts';
import type { Change } from '../src/document/look-alike.ts';
import {
  type DocumentQuery,
  queryFromFields,
  queryFromMrz,
  spellingsOf,
} from '../src/document/query.ts';
import type { StateEntry } from '../src/format/manifest.ts';
import type { PageKind } from '../src/format/page.ts';
import type { Digests } from '../src/matcher/matcher.ts';
import { PageArena } from '../src/matcher/page-arena.ts';
import { PageBuilder } from '../src/matcher/page-builder.ts';
import { reserve, startCore } from '../src/matcher/matcher-core.ts';
import { WasmMatcher } from '../src/matcher/wasm-matcher.ts';
import { renderMrz } from '../test/support/render-mrz.ts';
import { type BenchSize, type Measurement, measured, repeat } from './measurement.ts';

const SHARD_COUNT = 32;
/** A flight: the largest batch that the service takes. */
const BATCH_KEYS = 1000;
const WARMUPS = 2;

interface Counts {
  /** Listed keys, and as many others; whole batches. */
  keys: number;
  checks: number;
  runs: number;
}
const MINUTES: Counts = { keys: 1_000_000, checks: 20_000, runs: 9 };
const SIZES: Record<BenchSize, Counts> = {
  test: { keys: 32_000, checks: 100, runs: 1 },
  small: MINUTES,
  full: MINUTES,
};

const STATE = parseStateCode('D')!;
const EPOCH_KEY = Uint8Array.from({ length: 16 }, (_, index) => 17 * index);
const IDENTITY = { state: STATE, shardCount: SHARD_COUNT, epochKeyId: new Uint8Array(16) };
/** The state's row in the manifest. */
const ENTRY: StateEntry = {
  ...{ state: STATE, coverage: 'reports', asOf: 0, recordCount: MINUTES.keys },
  ...{ firstShard: 0, shardCount: SHARD_COUNT },
};
const ENTRIES = Array.from({ length: 64 }, () => ENTRY);
const SCREEN = { epochKey: EPOCH_KEY, firstPageId: 0 };
const FILTER_OPTIONS = { bitsPerKey: 8, probes: 5 };

interface Shard {
  digests: Digests;
  categories: Uint8Array;
}

interface World extends Counts {
  matcher: WasmMatcher;
  builder: PageBuilder;
  /** As they came, unsorted. */
  shards: Shard[];
  listed: Digests;
  unlisted: Digests;
  pages: Record<PageKind, Uint8Array[]>;
  filterBytes: number;
  matchBytes: number;
}

/** The number of the index-th passport: 9 characters, no two equal, in no visible order. */
function numberOf(index: number): string {
  const mixed = Math.imul(index, 0x9e3779b1) >>> 0;
  return `C${mixed.toString(36).toUpperCase().padStart(8, '0')}`;
}

const keyOf = (index: number): CanonicalKey => canonicalKey('passport', STATE, numberOf(index));

/** docs/format.md section 4. */
const shardOf = (d3: number): number => Math.floor((d3 * SHARD_COUNT) / 2 ** 32);

let world: World | undefined;

function theWorld(size: BenchSize): World {
  const counts = SIZES[size];
  if (world?.keys === counts.keys) return world;
  const module = readMatcherModule();
  const matcher = new WasmMatcher(module, { filterArenaBytes: 2 ** 21, matchArenaBytes: 2 ** 23 });
  const builder = new PageBuilder(module);
  const digestsFrom = (first: number) =>
    matcher.digests(
      Array.from({ length: counts.keys }, (_, index) => keyOf(first + index)),
      EPOCH_KEY,
    );
  const listed = digestsFrom(0);
  const shards = split(listed);
  const pages: World['pages'] = { filter: [], match: [] };
  shards.forEach((shard, shardIndex) => {
    const { filterPage, matchPage } = buildPages(builder, shard, shardIndex);
    matcher.filters.put(shardIndex, filterPage);
    matcher.matches.put(shardIndex, matchPage);
    pages.filter.push(filterPage);
    pages.match.push(matchPage);
  });
  const unlisted = digestsFrom(counts.keys);
  const bytesOf = (kind: PageKind) => pages[kind].reduce((sum, { length }) => sum + length, 0);
  const sizes = { filterBytes: bytesOf('filter'), matchBytes: bytesOf('match') };
  world = { ...counts, matcher, builder, shards, listed, unlisted, pages, ...sizes };
  return world;
}

function split(digests: Digests): Shard[] {
  const words: number[][] = Array.from({ length: SHARD_COUNT }, () => []);
  for (let at = 0; at < digests.length; at += 4) {
    words[shardOf(digests[at + 3]!)]!.push(...digests.subarray(at, at + 4));
  }
  return words.map((shard) => ({
    digests: Uint32Array.from(shard),
    categories: new Uint8Array(shard.length / 4).fill(4),
  }));
}

function buildPages(builder: PageBuilder, { digests, categories }: Shard, shardIndex: number) {
  const options = { ...IDENTITY, shardIndex, ...FILTER_OPTIONS };
  const { filterPage, match } = builder.buildShard(options, digests, categories);
  return { filterPage, matchPage: match.page };
}

const inWords = (keyCount: number): string => keyCount.toLocaleString('en-US');

/** Nanoseconds a key, from the milliseconds of runs over `keyCount` keys. */
const perKey = (runsMs: readonly number[], keyCount: number): number[] =>
  runsMs.map((ms) => (ms * 1e6) / keyCount);

/**
 * The wasm alone: probes of digests and addresses that lie in its memory already, a chunk a call; the
 * clock runs only during the calls.
 */
export async function rawProbe(size: BenchSize): Promise<Measurement[]> {
  const { pages, listed, unlisted, keys: keyCount, runs } = theWorld(size);
  const core = startCore(readMatcherModule());
  const { memory } = core;
  const chunkKeys: number = core.CHUNK_KEYS.value;
  const start = Math.ceil(core.ARENAS.value / 64) * 64;
  const time = (kind: PageKind, digests: Digests): number[] => {
    const capacityBytes = pages[kind].reduce((sum, { length }) => sum + length + 64, 64);
    reserve(memory, start + capacityBytes + 4096);
    const arena = new PageArena({ memory, start, slotCount: 64, capacityBytes, kind });
    arena.clear();
    const addresses = pages[kind].map((page, shardIndex) => arena.put(shardIndex, page));
    const words = new Uint32Array(memory.buffer);
    const probe = kind === 'filter' ? core.probeFilters : core.probeMatches;
    const runsMs: number[] = [];
    for (let run = 0; run < WARMUPS + runs; run++) {
      let ms = 0;
      for (let first = 0; first + chunkKeys <= keyCount; first += chunkKeys) {
        words.set(digests.subarray(4 * first, 4 * (first + chunkKeys)), core.DIGESTS.value >> 2);
        for (let i = 0; i < chunkKeys; i++) {
          const address = addresses[shardOf(digests[4 * (first + i) + 3]!)]!;
          words[(core.ADDRESSES.value >> 2) + i] = address;
        }
        const startMs = performance.now();
        probe(chunkKeys);
        ms += performance.now() - startMs;
      }
      if (run >= WARMUPS) runsMs.push(ms);
    }
    return perKey(runsMs, keyCount);
  };
  const bound = { atMost: 15 };
  const about = (id: string, question: string) => ({ id, question, unit: 'ns/key' });
  return [
    measured(
      about(
        'raw-probe-filter-unlisted',
        `in wasm: filter probe of ${inWords(keyCount)} unlisted keys`,
      ),
      time('filter', unlisted),
      bound,
    ),
    measured(
      about('raw-probe-filter-listed', `in wasm: filter probe of ${inWords(keyCount)} listed keys`),
      time('filter', listed),
      bound,
    ),
    measured(
      about('raw-probe-match-listed', `in wasm: match probe of ${inWords(keyCount)} listed keys`),
      time('match', listed),
      bound,
    ),
  ];
}

/** One probe a key in batches, pages resident: filter for all, match for the listed ones. */
export async function warmProbe(size: BenchSize): Promise<Measurement[]> {
  const { matcher, listed, unlisted, keys: keyCount, runs } = theWorld(size);
  const addresses = (digests: Digests, arena: WasmMatcher['filters']) =>
    Uint32Array.from({ length: keyCount }, (_, index) =>
      arena.find(shardOf(digests[4 * index + 3]!)),
    );
  const time = async (kind: 'probeFilters' | 'probeMatches', digests: Digests) => {
    const arena = kind === 'probeFilters' ? matcher.filters : matcher.matches;
    const pages = addresses(digests, arena);
    const runsMs = await repeat(
      () => {
        for (let first = 0; first < keyCount; first += BATCH_KEYS) {
          const end = first + BATCH_KEYS;
          matcher[kind](digests.subarray(4 * first, 4 * end), pages.subarray(first, end));
        }
      },
      { runs },
    );
    return perKey(runsMs, keyCount);
  };
  const keys = Array.from({ length: keyCount }, (_, index) => keyOf(index));
  const digestsMs = await repeat(() => matcher.digests(keys, EPOCH_KEY), { runs });
  const about = (id: string, question: string) => ({ id, question, unit: 'ns/key' });
  return [
    measured(
      about(
        'warm-probe-filter-unlisted',
        `through the wrapper: filter probe of ${inWords(keyCount)} unlisted keys, batches of 1,000`,
      ),
      await time('probeFilters', unlisted),
    ),
    measured(
      about(
        'warm-probe-filter-listed',
        `through the wrapper: filter probe of ${inWords(keyCount)} listed keys, batches of 1,000`,
      ),
      await time('probeFilters', listed),
    ),
    measured(
      about(
        'warm-probe-match-listed',
        `through the wrapper: match probe of ${inWords(keyCount)} listed keys, batches of 1,000`,
      ),
      await time('probeMatches', listed),
    ),
    measured(
      about('digest', `digest of ${inWords(keyCount)} canonical keys`),
      perKey(digestsMs, keyCount),
    ),
  ];
}

/** Both pages of every shard, from unsorted digests. */
export async function pageBuild(size: BenchSize): Promise<Measurement[]> {
  const { builder, shards, keys: keyCount, runs } = theWorld(size);
  const allMs = await repeat(
    () => {
      shards.forEach((shard, shardIndex) => {
        buildPages(builder, shard, shardIndex);
      });
    },
    { runs },
  );
  const microseconds = (runsMs: readonly number[]) => runsMs.map((ms) => (ms * 1e3) / keyCount);
  return [
    measured(
      {
        id: 'page-build',
        question: `sort, filter page and match page of ${inWords(keyCount)} keys`,
        unit: 'us/key',
      },
      microseconds(allMs),
      { atMost: 0.16 },
    ),
  ];
}

/** Bits a key of the pages of all shards, headers included. */
export async function space(size: BenchSize): Promise<Measurement[]> {
  const { filterBytes, matchBytes, keys: keyCount } = theWorld(size);
  const bits = (byteCount: number) => (8 * byteCount) / keyCount;
  return [
    measured(
      {
        id: 'space-filter',
        question: `filter pages of ${SHARD_COUNT} shards of ${inWords(keyCount / SHARD_COUNT)} keys`,
        unit: 'bits/key',
      },
      [bits(filterBytes)],
      { atMost: 8.3 },
    ),
    measured(
      {
        id: 'space-match',
        question: `match pages of ${SHARD_COUNT} shards of ${inWords(keyCount / SHARD_COUNT)} keys, without the 4 category bits`,
        unit: 'bits/key',
      },
      [bits(matchBytes) - 4],
      { atMost: 34.3 },
    ),
  ];
}

/** Whether any key is a candidate: what the request path does with resident pages. */
function isCandidate(matcher: WasmMatcher, keys: readonly (CanonicalKey | Change)[]): boolean {
  const exactCount = keys.reduce(
    (count: number, key) => count + Number(typeof key === 'string'),
    0,
  );
  const entries = ENTRIES.slice(0, exactCount);
  const [screened] = matcher.screen(keys, [{ ...SCREEN, entries }]);
  if (screened === undefined) return false;
  const { places, digests } = screened;
  const pages = places.map((_, i) => matcher.matches.find(shardOf(digests[4 * i + 3]!)));
  return matcher.probeMatches(digests, Uint32Array.from(pages)).some((answer) => answer !== 0);
}

/** Every exact key, each with its look-alikes behind it. */
function keysOf(query: DocumentQuery): (CanonicalKey | Change)[] {
  const keys: (CanonicalKey | Change)[] = [];
  for (const { key, lookAlikes } of spellingsOf(query)) keys.push(key, ...lookAlikes);
  return keys;
}

/** The keys of typed fields; without look-alikes only the spelling as typed. */
function keysOfFields(number: string, lookAlikes: boolean): readonly (CanonicalKey | Change)[] {
  const documentClass: DocumentClass = 'passport';
  const result = queryFromFields({ number, issuingState: 'D', documentClass });
  if (!result.ok) throw new Error(result.code);
  if (lookAlikes) return keysOf(result.query);
  const { state, numbers } = result.query;
  return numbers.map((spelling) => canonicalKey(documentClass, state, spelling));
}

async function timeChecks(
  { runs }: Counts,
  questions: readonly string[],
  check: (text: string) => boolean,
): Promise<number[]> {
  const runsMs = await repeat(() => questions.filter(check).length, { warmups: 4, runs });
  return runsMs.map((ms) => (ms * 1e3) / questions.length);
}

const strangers = ({ keys, checks }: Counts): string[] =>
  Array.from({ length: checks }, (_, index) => numberOf(keys + index));

/** From three fields to the verdict, one document at a time, not listed. */
export async function singleCheck(size: BenchSize): Promise<Measurement[]> {
  const world = theWorld(size);
  const { matcher } = world;
  const time = (lookAlikes: boolean) =>
    timeChecks(world, strangers(world), (number) =>
      isCandidate(matcher, keysOfFields(number, lookAlikes)),
    );
  return [
    measured(
      { id: 'single-check-exact', question: 'fields to verdict, exact spelling only', unit: 'us' },
      await time(false),
      { atMost: 0.6 },
    ),
    measured(
      { id: 'single-check', question: 'fields to verdict, look-alikes included', unit: 'us' },
      await time(true),
    ),
  ];
}

/** From a passport's machine readable zone to the verdict, look-alikes included, not listed. */
export async function mrzCheck(size: BenchSize): Promise<Measurement[]> {
  const world = theWorld(size);
  const { matcher } = world;
  const zones = strangers(world).map((documentNumber) =>
    renderMrz({
      ...{ format: 'TD3', documentCode: 'P', issuingState: 'D', documentNumber },
      ...{ birthDate: '740812', sex: 'F', expiryDate: '320415' },
    }).join('\n'),
  );
  const micros = await timeChecks(world, zones, (zone) => {
    const result = queryFromMrz(zone);
    if (!result.ok) throw new Error(result.code);
    return isCandidate(matcher, keysOf(result.query));
  });
  return [
    measured(
      {
        id: 'mrz-check',
        question: 'MRZ of two lines to verdict, look-alikes included',
        unit: 'us',
      },
      micros,
      { atMost: 4 },
    ),
  ];
}
