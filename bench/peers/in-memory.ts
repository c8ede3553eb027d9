/**
 * What a JavaScript developer would reach for: `Set`, and the filters on npm.
 *
 * They keep plain strings or unkeyed hashes in memory: they neither hide the list nor can they be
 * fetched page by page, and the filters err with one in fifty to one in some hundreds.
 */

import { setTimeout } from 'node:timers/promises';
import bloomFilters from 'bloom-filters';
import { BloomFilter } from 'bloomfilter';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import { freshKey, type Peer, timed } from './peer.ts';

/** Of the filter page: 8 bits a key, 5 of them set. */
const BITS_PER_KEY = 8;
const HASHES = 5;
/** The false-positive rate of those, for what is asked for a rate. */
const RATE = 0.02;
/** bloom-filters takes tens of milliseconds for 100 keys of these two. */
const SLOW_KEYS = 10_000;

/** Memory in use once everything that can go has gone: buffers go some time after their owners. */
async function settledMemory(): Promise<NodeJS.MemoryUsage> {
  for (let turn = 0; turn < 4; turn++) {
    globalThis.gc?.();
    await setTimeout(20);
  }
  return process.memoryUsage();
}

/** Heap and buffers that `make` leaves behind. */
async function weighed<T>(make: () => T): Promise<{ made: T; ms: number; bytes: number }> {
  const before = await settledMemory();
  const { made, ms } = await timed(make);
  const after = await settledMemory();
  return { made, ms, bytes: after.heapUsed - before.heapUsed + after.external - before.external };
}

function countOf(has: (key: string) => boolean): Peer['count'] {
  return (keys) => {
    let found = 0;
    for (const key of keys) if (has(key)) found++;
    return found;
  };
}

type Way = (keys: readonly CanonicalKey[]) => Promise<Peer>;

const set: Way = async (keys) => {
  const { made, ms, bytes } = await weighed(() => new Set(keys.map(freshKey)));
  return {
    ...{ id: 'set', name: 'Set', keyCount: keys.length, buildMs: ms, bytes, share: 1 },
    count: countOf((key) => made.has(key as CanonicalKey)),
  };
};

const bloomfilter: Way = async (keys) => {
  const { made, ms } = await timed(() => {
    const filter = new BloomFilter(BITS_PER_KEY * keys.length, HASHES);
    for (const key of keys) filter.add(key);
    return filter;
  });
  return {
    ...{ id: 'bloomfilter', name: 'bloomfilter, 8 bits a key, k = 5', keyCount: keys.length },
    ...{ buildMs: ms, bytes: made.buckets.byteLength, share: 1 },
    count: countOf((key) => made.test(key)),
  };
};

const bloom: Way = async (keys) => {
  const { made, ms, bytes } = await weighed(() => {
    const filter = bloomFilters.BloomFilter.create(keys.length, RATE);
    for (const key of keys) filter.add(key);
    return filter;
  });
  return {
    ...{ id: 'bloom-filters-bloom', name: 'bloom-filters: Bloom at 2 %', keyCount: keys.length },
    ...{ buildMs: ms, bytes, share: 0.05 },
    count: countOf((key) => made.has(key)),
  };
};

const xor: Way = async (all) => {
  const keys = all.slice(0, SLOW_KEYS);
  const { made, ms, bytes } = await weighed(() => bloomFilters.XorFilter.create([...keys]));
  return {
    ...{ id: 'bloom-filters-xor', name: `bloom-filters: XOR 8, of ${keys.length} keys` },
    ...{ keyCount: keys.length, buildMs: ms, bytes, share: 0.001 },
    count: countOf((key) => made.has(key)),
  };
};

const cuckoo: Way = async (all) => {
  const keys = all.slice(0, SLOW_KEYS);
  const { made, ms, bytes } = await weighed(() => {
    const filter = bloomFilters.CuckooFilter.create(keys.length, RATE);
    for (const key of keys) if (!filter.add(key)) throw new Error('the cuckoo filter is full');
    return filter;
  });
  return {
    ...{ id: 'bloom-filters-cuckoo', name: `bloom-filters: cuckoo, of ${keys.length} keys` },
    ...{ keyCount: keys.length, buildMs: ms, bytes, share: 0.001 },
    count: countOf((key) => made.has(key)),
  };
};

export const IN_MEMORY: readonly Way[] = [set, bloomfilter, bloom, xor, cuckoo];
