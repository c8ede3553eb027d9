/** The builder: the same bytes for the same keys (promise 3), minimal, and honest when it cannot. */

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodePage, slotsOffset } from '../../src/format/page.ts';
import { PageBuilder, sortAndMerge } from '../../src/matcher/page-builder.ts';
import { searchPilots } from './reference-search.ts';
import {
  drawDigests,
  drawShard,
  FILTER_OPTIONS,
  MIDDLE_SHARD,
  ONE_SHARD,
  randomWords,
  wasmModule,
} from './shards.ts';

const SMALL_SIZES = Array.from({ length: 120 }, (_, keyCount) => keyCount);

/** The fingerprints in the slots of a match page, read half-byte by half-byte. */
function fingerprintsOf(page: Uint8Array): number[] {
  const { keyCount, tableCount } = decodePage(page);
  const slots = page.subarray(slotsOffset(tableCount));
  const halfByte = (index: number) => (slots[index >> 1]! >> (4 * (index & 1))) & 15;
  return Array.from({ length: keyCount }, (_, slot) => {
    let fingerprint = 0;
    for (let place = 7; place >= 0; place--) {
      fingerprint = fingerprint * 16 + halfByte(9 * slot + place);
    }
    return fingerprint;
  });
}

describe('page builder', () => {
  it.each([...SMALL_SIZES.slice(1, 40), 1000, 32_768])(
    'uses each of %i slots exactly once',
    (keyCount) => {
      const { digests, matchPage } = drawShard(keyCount, { seed: keyCount });
      const expected = digests.filter((_, index) => index % 4 === 0).sort();
      expect(Uint32Array.from(fingerprintsOf(matchPage)).sort()).toEqual(expected);
    },
  );

  it('gives the same bytes for the same keys, whatever it built before', () => {
    const used = new PageBuilder(wasmModule);
    for (const keyCount of [5000, 3, 0, 65_536, 3, 5000]) {
      const options = { seed: keyCount, identity: MIDDLE_SHARD };
      const again = drawShard(keyCount, { ...options, builder: used });
      const fresh = drawShard(keyCount, options);
      expect(again.filterPage).toEqual(fresh.filterPage);
      expect(again.matchPage).toEqual(fresh.matchPage);
    }
  });

  it('gives the bytes of format version 2: if this moves, the version moves', () => {
    const hash = createHash('sha256');
    for (const keyCount of [...SMALL_SIZES, 1000, 4096, 32_768, 65_536]) {
      const { filterPage, matchPage } = drawShard(keyCount, {
        ...{ seed: keyCount, identity: MIDDLE_SHARD },
      });
      hash.update(filterPage).update(matchPage);
    }
    expect(hash.digest('hex')).toBe(
      '4596ce3f5384af7d370018ceb43b41b2b7ab854e8ec2ccb269f2a546c0e654ea',
    );
  });

  it('finds the pilots that docs/format.md section 13 describes', () => {
    for (const keyCount of [...SMALL_SIZES.slice(1), 300, 1000, 2500]) {
      const { digests, matchPage } = drawShard(keyCount, { seed: 7 * keyCount });
      const { seed, pilots } = searchPilots(digests);
      expect(decodePage(matchPage).parameter).toBe(seed);
      expect([...matchPage.subarray(64, 64 + pilots.length)]).toEqual(pilots);
    }
  });

  it('finds a seed for every small shard', () => {
    const builder = new PageBuilder(wasmModule);
    const reseeds = [];
    for (const keyCount of SMALL_SIZES) {
      for (let seed = 0; seed < 50; seed++) {
        const digests = drawDigests(keyCount, { seed: 1000 * seed + keyCount });
        const sorted = sortAndMerge(digests, new Uint8Array(keyCount));
        reseeds.push(builder.buildMatchPage(ONE_SHARD, sorted.digests, sorted.categories).reseeds);
      }
    }
    // At 10 keys, the worst, a seed fits in 4 of 9 cases: 64 fail together once in 10^16.
    expect(Math.max(...reseeds)).toBeLessThan(32);
  });

  it('rarely needs a second seed for a large shard', () => {
    const builder = new PageBuilder(wasmModule);
    let reseeds = 0;
    for (let seed = 0; seed < 40; seed++) {
      const { digests, categories } = sortAndMerge(
        drawDigests(32_768, { seed }),
        new Uint8Array(32_768),
      );
      const built = builder.buildMatchPage(ONE_SHARD, digests, categories);
      reseeds += built.reseeds;
      expect(built.evictions).toBeLessThanOrEqual(32_768);
      expect(built.seed).toBe(decodePage(built.page).parameter);
    }
    expect(reseeds).toBeLessThanOrEqual(2);
  });

  it('says collision when two keys can never have slots of their own', () => {
    const digests = Uint32Array.of(1, 7, 7, 1, 2, 7, 7, 2, 3, 4, 5, 6);
    const build = () =>
      new PageBuilder(wasmModule).buildMatchPage(ONE_SHARD, digests, new Uint8Array(3));
    expect(build).toThrow(expect.objectContaining({ code: 'digest-collision' }));
  });

  it('refuses too many keys, and keys that are not sorted or not unique', () => {
    const builder = new PageBuilder(wasmModule);
    const build = (digests: Uint32Array) => () =>
      builder.buildFilterPage({ ...ONE_SHARD, ...FILTER_OPTIONS }, digests);
    const many = drawDigests(65_537, { seed: 1 });
    expect(build(many)).toThrow(expect.objectContaining({ code: 'build-failed' }));
    expect(build(Uint32Array.of(1, 1, 1, 2, 1, 1, 1, 1))).toThrow('sorted');
    expect(build(Uint32Array.of(1, 1, 1, 1, 1, 1, 1, 1))).toThrow('unique');
    const unknown = () =>
      builder.buildMatchPage(ONE_SHARD, Uint32Array.of(1, 1, 1, 1), Uint8Array.of(6));
    expect(unknown).toThrow('category');
  });

  it('builds filters of any size and number of probes in which every key is found', () => {
    const builder = new PageBuilder(wasmModule);
    const { digests } = drawShard(3000, { seed: 8 });
    for (const [bitsPerKey, probes] of [
      [1, 1],
      [4.5, 3],
      [12, 8],
      [64, 16],
    ] as const) {
      const page = builder.buildFilterPage({ ...ONE_SHARD, bitsPerKey, probes }, digests);
      const { tableCount, parameter } = decodePage(page);
      expect(tableCount).toBe(Math.ceil((3000 * bitsPerKey) / 512));
      expect(parameter).toBe(probes);
    }
  });
});

describe('a shard from digests in any order', () => {
  const builder = new PageBuilder(wasmModule);
  const options = { ...MIDDLE_SHARD, ...FILTER_OPTIONS };

  it('has the pages of its sorted and merged digests, whatever the order and the duplicates', () => {
    for (const keyCount of [...SMALL_SIZES, 1000, 32_768, 65_536]) {
      const next = randomWords(keyCount);
      const { shardIndex, shardCount } = MIDDLE_SHARD;
      const once = drawDigests(keyCount, { seed: keyCount, shardIndex, shardCount });
      // A fifth of them once more, with another category.
      const twice = once.subarray(0, 4 * Math.floor(keyCount / 5));
      const digests = new Uint32Array([...once, ...twice]);
      const categories = new Uint8Array(digests.length / 4).map(() => next() % 6);
      const sorted = sortAndMerge(digests, categories);
      const built = builder.buildShard(options, digests, categories);
      expect(built.keyCount).toBe(sorted.categories.length);
      expect(built.filterPage).toEqual(builder.buildFilterPage(options, sorted.digests));
      const expected = builder.buildMatchPage(MIDDLE_SHARD, sorted.digests, sorted.categories);
      expect(built.match).toEqual(expected);
    }
  });

  it('is the same with every kind of tie, and with more duplicates than a page has keys', () => {
    const next = randomWords(4);
    // d3 of four values around 2^31; pairs share d2 as well, and d1 tells them apart.
    const digests = new Uint32Array(4 * 3000).map(() => next());
    for (let at = 0; at < digests.length; at += 4) {
      digests[at + 3] = 2 ** 31 + ((at >> 3) % 4) - 2;
      if (at % 8 === 4) digests[at + 2] = digests[at - 2]!;
    }
    const few = drawDigests(500, { seed: 5 });
    const many = new Uint32Array(4 * 100_000).map((_, at) => few[at % few.length]!);
    for (const set of [digests, many]) {
      const categories = new Uint8Array(set.length / 4).map(() => next() % 6);
      const sorted = sortAndMerge(set, categories);
      const built = builder.buildShard({ ...ONE_SHARD, ...FILTER_OPTIONS }, set, categories);
      expect(built.match.page).toEqual(
        builder.buildMatchPage(ONE_SHARD, sorted.digests, sorted.categories).page,
      );
    }
  });

  it('refuses too many keys, and a digest of another shard', () => {
    const many = drawDigests(65_537, { seed: 1 });
    const build =
      (digests: Uint32Array, identity = ONE_SHARD) =>
      () =>
        builder.buildShard(
          { ...identity, ...FILTER_OPTIONS },
          digests,
          new Uint8Array(digests.length / 4),
        );
    expect(build(many)).toThrow(expect.objectContaining({ code: 'build-failed' }));
    expect(build(Uint32Array.of(1, 2, 3, 4), MIDDLE_SHARD)).toThrow('of the shard');
  });
});

describe('sortAndMerge', () => {
  it('sorts by d3, d2, d1, d0 and keeps the highest category of equal digests', () => {
    const next = randomWords(4);
    // Words of few values: every kind of tie is among them.
    const digests = new Uint32Array(4 * 3000).map(() => 2 ** 31 + (next() % 4) - 2);
    const categories = new Uint8Array(3000).map(() => next() % 6);
    const highest = new Map<string, number>();
    for (let index = 0; index < 3000; index++) {
      const words = [...digests.subarray(4 * index, 4 * index + 4)].reverse();
      const text = words.map((word) => String(word).padStart(10, '0')).join(' ');
      highest.set(text, Math.max(highest.get(text) ?? 0, categories[index]!));
    }
    const expected = [...highest].sort(([a], [b]) => (a < b ? -1 : 1));
    const merged = sortAndMerge(digests, categories);
    const texts = Array.from(merged.categories, (_, index) =>
      [...merged.digests.subarray(4 * index, 4 * index + 4)]
        .reverse()
        .map((word) => String(word).padStart(10, '0'))
        .join(' '),
    );
    expect(texts).toEqual(expected.map(([text]) => text));
    expect([...merged.categories]).toEqual(expected.map(([, category]) => category));
  });

  it('leaves its arguments as they are', () => {
    const digests = drawDigests(100, { seed: 1 });
    const before = digests.slice();
    sortAndMerge(digests, new Uint8Array(100));
    expect(digests).toEqual(before);
  });
});
