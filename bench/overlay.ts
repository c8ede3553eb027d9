/**
 * What an overlay costs: a probe with 150,000 operations against one without, and opening it.
 *
 * The probe is the one that a warm post makes for each key: digest, filter probe, and the overlay. Both
 * ways take turns batch by batch, and the quickest quarter of the batches counts, so that the ratio does
 * not depend on how busy the machine is.
 */

import { createKeys } from '../data-build/keys/keys.ts';
import { readMatcherModule } from '../data-build/matcher-module.ts';
import { type CanonicalKey, canonicalKey } from '../src/document/canonical-key.ts';
import { parseStateCode } from '../src/document/issuing-state.ts';
import type { StateEntry } from '../src/format/manifest.ts';
import { checkContent, sha256 } from '../src/format/names.ts';
import { encodeOverlay, type Operation, type Overlay, openOverlay } from '../src/format/overlay.ts';
import { signingKey, signObject, verifyKeys, verifyObject } from '../src/format/signature.ts';
import { PageBuilder, sortAndMerge } from '../src/matcher/page-builder.ts';
import { WasmMatcher } from '../src/matcher/wasm-matcher.ts';
import { type BenchSize, type Measurement, measured, repeat } from './measurement.ts';

interface Counts {
  /** 150,000 are four days of reports and withdrawals of the whole world. */
  operations: number;
  /** Of them in the segment on top. */
  segment: number;
  keys: number;
  runs: number;
}
const MINUTES: Counts = { operations: 150_000, segment: 2_048, keys: 100_000, runs: 15 };
const SIZES: Record<BenchSize, Counts> = {
  test: { operations: 1_500, segment: 100, keys: 2_000, runs: 1 },
  small: MINUTES,
  full: MINUTES,
};
const BATCH_KEYS = 1_000;
const PAGE_KEYS = 32_768;

const STATE = parseStateCode('D')!;
const EPOCH_KEY = Uint8Array.from({ length: 16 }, (_, index) => 17 * index);
const EPOCH_KEY_ID = new Uint8Array(16);
const FACTS = { epochKeyId: EPOCH_KEY_ID, collection: 'sltd', from: 1, asOf: 2 };

const ENTRY: StateEntry = {
  ...{ state: STATE, coverage: 'reports', asOf: 1 },
  ...{ recordCount: PAGE_KEYS, firstShard: 0, shardCount: 1 },
};
const ENTRIES = Array.from({ length: BATCH_KEYS }, () => ENTRY);

/** Keys from the index-th on, no two equal, in no visible order. */
const keysFrom = (first: number, count: number): CanonicalKey[] =>
  Array.from({ length: count }, (_, i) => {
    const mixed = Math.imul(first + i, 0x9e3779b1) >>> 0;
    const number = `C${mixed.toString(36).toUpperCase().padStart(8, '0')}`;
    return canonicalKey('passport', STATE, number);
  });

/** Operations on keys from `first` on; every fourth is a withdrawal. */
function operationsFrom(matcher: WasmMatcher, first: number, count: number): Operation[] {
  const digests = matcher.digests(keysFrom(first, count), EPOCH_KEY).slice();
  const bytes = new Uint8Array(digests.buffer);
  return Array.from({ length: count }, (_, i) => ({
    digest: bytes.slice(16 * i, 16 * i + 16),
    kind: i % 4 === 0 ? 'withdrawn' : 'added',
    category: i % 4 === 0 ? 0 : 4,
  }));
}

/** The work for one batch of keys on their way to *absent*; how many were not. */
function probe(matcher: WasmMatcher, keys: readonly CanonicalKey[], overlay?: Overlay): number {
  const edition = { epochKey: EPOCH_KEY, firstPageId: 1, overlay: overlay?.filter };
  const [screened] = matcher.screen(keys, [{ ...edition, entries: ENTRIES }]);
  if (!screened || !overlay) return 0;
  const { digests, inOverlay } = screened;
  let found = 0;
  for (const i of inOverlay) {
    const at = 4 * i;
    const match = overlay.find(digests[at]!, digests[at + 1]!, digests[at + 2]!, digests[at + 3]!);
    if (match) found++;
  }
  return found;
}

/** Nanoseconds a key without and with the overlay: the quickest quarter of all batches. */
function compare(matcher: WasmMatcher, batches: CanonicalKey[][], overlay: Overlay) {
  const times: [number[], number[]] = [[], []];
  batches.forEach((keys, index) => {
    // Whoever comes second finds the keys in the processor's cache.
    for (const way of index % 2 === 0 ? [0, 1] : [1, 0]) {
      const start = performance.now();
      probe(matcher, keys, way === 0 ? undefined : overlay);
      times[way]!.push(((performance.now() - start) * 1e6) / keys.length);
    }
  });
  const [bareNs, withNs] = times.map((all) => all.sort((a, b) => a - b)[all.length >> 2]!);
  return { bareNs: bareNs!, morePercent: (withNs! / bareNs! - 1) * 100 };
}

function warmMatcher(): WasmMatcher {
  const module = readMatcherModule();
  const matcher = new WasmMatcher(module, { filterArenaBytes: 2 ** 20, matchArenaBytes: 2 ** 20 });
  const listed = matcher.digests(keysFrom(10_000_000, PAGE_KEYS), EPOCH_KEY);
  const { digests } = sortAndMerge(listed, new Uint8Array(PAGE_KEYS));
  const identity = { state: STATE, shardIndex: 0, shardCount: 1, epochKeyId: EPOCH_KEY_ID };
  const options = { ...identity, bitsPerKey: 8, probes: 5 };
  matcher.filters.put(1, new PageBuilder(module).buildFilterPage(options, digests));
  return matcher;
}

/** A probe with and without overlay; the size of the overlay; reading it as an edge does. */
export async function overlayCost(size: BenchSize): Promise<Measurement[]> {
  const counts = SIZES[size];
  const matcher = warmMatcher();
  const { overlay: jwk } = createKeys();
  const signer = await signingKey({ ...jwk });
  const trusted = await verifyKeys(jwk.x);
  const baseCount = counts.operations - counts.segment;
  const base = await signObject(
    encodeOverlay({
      ...{ ...FACTS, lastOperation: baseCount },
      operations: operationsFrom(matcher, 0, baseCount),
    }),
    signer,
  );
  const baseName = { sha256: await sha256(base), length: base.length };
  const segment = await signObject(
    encodeOverlay({
      ...{ ...FACTS, lastOperation: counts.operations, base: baseName },
      operations: operationsFrom(matcher, baseCount, counts.segment),
    }),
    signer,
  );
  const overlay = openOverlay(segment, openOverlay(base));

  const batches = Array.from({ length: counts.keys / BATCH_KEYS }, (_, i) =>
    keysFrom(20_000_000 + i * BATCH_KEYS, BATCH_KEYS),
  );
  for (let warmup = 0; warmup < 5; warmup++) compare(matcher, batches, overlay);
  const runs = Array.from({ length: counts.runs }, () => compare(matcher, batches, overlay));
  const prove = async () => {
    await checkContent(base, baseName);
    await verifyObject(base, trusted);
  };
  const openMs = await repeat(() => openOverlay(base));
  const segmentMs = await repeat(() => openOverlay(segment));
  const inWords = (count: number): string => count.toLocaleString('en-US');
  const operations = `${inWords(counts.operations)} operations`;
  const about = (id: string, question: string, unit: string) => ({ id, question, unit });
  return [
    measured(
      about('overlay-bare', 'digest and filter probe without overlay', 'ns/key'),
      runs.map(({ bareNs }) => bareNs),
    ),
    measured(
      about('overlay-probe', `the same with an overlay of ${operations}`, '% more'),
      runs.map(({ morePercent }) => morePercent),
      { atMost: 10 },
    ),
    measured(
      about('overlay-size', `overlay of ${operations}, base and segment`, 'bytes'),
      [base.length + segment.length],
      { atMost: 3 * 1024 * 1024 },
    ),
    measured(about('overlay-open', 'opening its base, once proved', 'ms'), openMs),
    measured(about('overlay-prove', 'hash and signature of its base', 'ms'), await repeat(prove)),
    measured(
      about(
        'overlay-segment',
        `opening its segment of ${inWords(counts.segment)} operations`,
        'ms',
      ),
      segmentMs,
    ),
  ];
}
