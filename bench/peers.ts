/**
 * The matcher against what a JavaScript developer would reach for: `Set`, and npm `bloom-filters`.
 *
 * The same canonical keys as strings go into each; the same listed and unlisted keys are asked of
 * each. Ours pays for digests, filter and match page in every figure. The peers answer with plain
 * strings in memory: they neither hide the list nor can they be fetched page by page, and the Bloom
 * filter errs where ours errs with 2^-32.
 */

import bloomFilters from 'bloom-filters';
import { readMatcherModule } from '../data-build/matcher-module.ts';
import { type CanonicalKey, canonicalKey } from '../src/document/canonical-key.ts';
import type { StateCode } from '../src/document/issuing-state.ts';
import { parseStateCode } from '../src/document/issuing-state.ts';
import { PageBuilder, sortAndMerge } from '../src/matcher/page-builder.ts';
import { WasmMatcher } from '../src/matcher/wasm-matcher.ts';
import { type Measurement, measured } from './measurement.ts';

const KEY_COUNT = 1_000_000;
const ASKED_COUNT = 200_000;
/** bloom-filters takes some 15 us a key: asked less, or the bench takes minutes. */
const ASKED_OF_BLOOM_COUNT = 20_000;
const KEYS_PER_SHARD = 32_768;
const RUNS = 7;
const EPOCH_KEY = new Uint8Array(16).fill(7);

const state = parseStateCode('UTO') as StateCode;
const keyOf = (index: number): CanonicalKey =>
  canonicalKey('passport', state, String(100_000_000 + index * 37));

/** One shard page pair after the other, and the probe over all of them, two calls a shard. */
function ourSet(keys: readonly CanonicalKey[]) {
  const module = readMatcherModule();
  const matcher = new WasmMatcher(module, { filterArenaBytes: 2 ** 22, matchArenaBytes: 2 ** 24 });
  const builder = new PageBuilder(module);
  const start = performance.now();
  const digests = matcher.digests(keys, EPOCH_KEY);
  const shardCount = Math.ceil(keys.length / KEYS_PER_SHARD);
  const shardOf = (all: Uint32Array, index: number) =>
    Math.floor((all[4 * index + 3]! * shardCount) / 2 ** 32);
  const members: number[][] = Array.from({ length: shardCount }, () => []);
  for (let index = 0; index < keys.length; index++) members[shardOf(digests, index)]!.push(index);
  let bytes = 0;
  members.forEach((indices, shardIndex) => {
    const words = new Uint32Array(4 * indices.length);
    indices.forEach((from, to) => {
      words.set(digests.subarray(4 * from, 4 * from + 4), 4 * to);
    });
    const merged = sortAndMerge(words, new Uint8Array(indices.length));
    const identity = { state, shardIndex, shardCount, epochKeyId: new Uint8Array(16) };
    const filter = builder.buildFilterPage(
      { ...identity, bitsPerKey: 8, probes: 5 },
      merged.digests,
    );
    const { page } = builder.buildMatchPage(identity, merged.digests, merged.categories);
    matcher.filters.put(shardIndex, filter);
    matcher.matches.put(shardIndex, page);
    bytes += filter.length + page.length;
  });
  const buildMs = performance.now() - start;

  const count = (asked: readonly CanonicalKey[]): number => {
    const askedDigests = matcher.digests(asked, EPOCH_KEY);
    const addresses = new Uint32Array(asked.length);
    for (let i = 0; i < asked.length; i++) {
      addresses[i] = matcher.filters.find(shardOf(askedDigests, i));
    }
    const maybe = matcher.probeFilters(askedDigests, addresses);
    const left: number[] = [];
    for (let i = 0; i < asked.length; i++) if (maybe[i] === 1) left.push(i);
    const leftDigests = new Uint32Array(4 * left.length);
    const leftAddresses = new Uint32Array(left.length);
    left.forEach((from, to) => {
      for (let word = 0; word < 4; word++) {
        leftDigests[4 * to + word] = askedDigests[4 * from + word]!;
      }
      leftAddresses[to] = matcher.matches.find(shardOf(askedDigests, from));
    });
    return matcher.probeMatches(leftDigests, leftAddresses).filter((answer) => answer > 0).length;
  };
  return { bytes, buildMs, count };
}

/** Heap and buffers that `make` leaves behind, in bytes. */
function bytesOf<T>(make: () => T): { made: T; bytes: number } {
  globalThis.gc?.();
  const before = process.memoryUsage();
  const made = make();
  globalThis.gc?.();
  const after = process.memoryUsage();
  const bytes = after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers;
  return { made, bytes };
}

/** Memory, building and asking: ours, a `Set` of strings, and npm bloom-filters. */
export function peers(): Measurement[] {
  const keys = Array.from({ length: KEY_COUNT }, (_, index) => keyOf(index));
  const listed = Array.from({ length: ASKED_COUNT }, (_, index) => keyOf(index * 5));
  const unlisted = Array.from({ length: ASKED_COUNT }, (_, index) => keyOf(KEY_COUNT + index));

  const ours = ourSet(keys);
  let setBuildMs = 0;
  const set = bytesOf(() => {
    // Strings of its own, as a loader would make them.
    const start = performance.now();
    const made = new Set(keys.map((key) => Buffer.from(key).toString('latin1')));
    setBuildMs = performance.now() - start;
    return made;
  });
  let bloomBuildMs = 0;
  const bloom = bytesOf(() => {
    const start = performance.now();
    const made = bloomFilters.BloomFilter.create(KEY_COUNT, 0.02);
    for (const key of keys) made.add(key);
    bloomBuildMs = performance.now() - start;
    return made;
  });

  if (ours.count(listed) !== ASKED_COUNT) throw new Error('the matcher misses a listed key');
  const lines: Measurement[] = [];
  const askAll = (asked: readonly CanonicalKey[], has: (key: CanonicalKey) => boolean): number => {
    let found = 0;
    for (const key of asked) if (has(key)) found++;
    return found;
  };
  for (const [kind, asked] of [
    ['listed', listed],
    ['unlisted', unlisted],
  ] as const) {
    const fewer = asked.slice(0, ASKED_OF_BLOOM_COUNT);
    const nanos = { ours: [] as number[], set: [] as number[], bloom: [] as number[] };
    for (let run = 0; run <= RUNS; run++) {
      const time = (work: () => number, count: number, into: number[]) => {
        const start = performance.now();
        work();
        if (run > 0) into.push(((performance.now() - start) * 1e6) / count);
      };
      time(() => ours.count(asked), asked.length, nanos.ours);
      time(() => askAll(asked, (key) => set.made.has(key)), asked.length, nanos.set);
      time(() => askAll(fewer, (key) => bloom.made.has(key)), fewer.length, nanos.bloom);
    }
    const question = `${kind} string key, 1 M keys`;
    lines.push(
      measured(
        { id: `peers-${kind}-ours`, question: `${question}: sltd-edge`, unit: 'ns' },
        nanos.ours,
      ),
      measured({ id: `peers-${kind}-set`, question: `${question}: Set`, unit: 'ns' }, nanos.set),
      measured(
        { id: `peers-${kind}-bloom-filters`, question: `${question}: bloom-filters`, unit: 'ns' },
        nanos.bloom,
      ),
    );
  }
  const perKey = (bytes: number) => [(bytes * 8) / KEY_COUNT];
  const build = (ms: number) => [(ms * 1e6) / KEY_COUNT];
  return [
    ...lines,
    measured(
      { id: 'peers-memory-ours', question: 'memory: sltd-edge, both pages', unit: 'bits/key' },
      perKey(ours.bytes),
    ),
    measured(
      { id: 'peers-memory-set', question: 'memory: Set', unit: 'bits/key' },
      perKey(set.bytes),
    ),
    measured(
      {
        id: 'peers-memory-bloom-filters',
        question: 'memory: bloom-filters at 2 %',
        unit: 'bits/key',
      },
      perKey(bloom.bytes),
    ),
    measured(
      { id: 'peers-build-ours', question: 'build: sltd-edge', unit: 'ns/key' },
      build(ours.buildMs),
    ),
    measured({ id: 'peers-build-set', question: 'build: Set', unit: 'ns/key' }, build(setBuildMs)),
    measured(
      { id: 'peers-build-bloom-filters', question: 'build: bloom-filters', unit: 'ns/key' },
      build(bloomBuildMs),
    ),
  ];
}
