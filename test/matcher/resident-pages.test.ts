/** Pages that stay in wasm memory: the same answers as from copies, and doubt where there is none. */

import { describe, expect, it } from 'vitest';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import { drawDigests, drawShard, wasmModule } from './shards.ts';

const SHARD_SIZES = [0, 1, 2, 17, 300, 3000, 0, 5];

describe('resident pages', () => {
  it('answer a mixed batch as the same pages do one by one', () => {
    const matcher = new WasmMatcher(wasmModule);
    const shards = SHARD_SIZES.map((keyCount, index) => drawShard(keyCount, { seed: index }));
    shards.forEach(({ filterPage, matchPage }, index) => {
      matcher.filters.put(index, filterPage);
      matcher.matches.put(index, matchPage);
    });
    const shuffled = drawDigests(2000, { seed: 77 });
    const owners = Array.from({ length: 2000 }, (_, index) => index % shards.length);
    owners.forEach((owner, index) => {
      const { digests } = shards[owner]!;
      const from = 4 * (index % 13);
      // Half of the questions are listed ones, where the shard has any.
      if (index % 2 === 0 && from < digests.length) {
        shuffled.set(digests.subarray(from, from + 4), 4 * index);
      }
    });
    const expectedFilters = owners.map(
      (owner, index) =>
        matcher.mayContain(
          shards[owner]!.filterPage,
          shuffled.subarray(4 * index, 4 * index + 4),
        )[0],
    );
    const expectedMatches = owners.map(
      (owner, index) =>
        matcher.match(shards[owner]!.matchPage, shuffled.subarray(4 * index, 4 * index + 4))[0],
    );
    const filterAddresses = Uint32Array.from(owners, (owner) => matcher.filters.find(owner));
    const matchAddresses = Uint32Array.from(owners, (owner) => matcher.matches.find(owner));
    expect([...matcher.probeFilters(shuffled, filterAddresses)]).toEqual(expectedFilters);
    expect([...matcher.probeMatches(shuffled, matchAddresses)]).toEqual(expectedMatches);
    expect(expectedMatches.filter((answer) => answer! > 0).length).toBeGreaterThan(100);
  });

  it('of as many shards as the matcher was told are all there, the list of 150 M rows too', () => {
    const shardCount = 12_000;
    const matcher = new WasmMatcher(wasmModule, { shardCount });
    const { filterPage, matchPage } = drawShard(0, { seed: 1 });
    for (let row = 7; row < 7 + shardCount; row++) {
      matcher.filters.put(row, filterPage);
      matcher.matches.put(row, matchPage);
    }
    for (let row = 7; row < 7 + shardCount; row++) {
      expect(matcher.filters.find(row) * matcher.matches.find(row), `row ${row}`).toBeGreaterThan(
        0,
      );
    }
  });

  it('give every listed key a slot of its own, and none outside of the page', () => {
    const matcher = new WasmMatcher(wasmModule);
    for (const keyCount of [1, 2, 17, 300, 3000]) {
      const { digests, matchPage } = drawShard(keyCount, { seed: keyCount });
      const addresses = new Uint32Array(keyCount).fill(matcher.matches.put(keyCount, matchPage));
      const slots = matcher.locateSlots(digests, addresses);
      expect([...slots].sort((a, b) => a - b)).toEqual([...slots.keys()]);
      const others = drawDigests(keyCount, { seed: 99 });
      expect(Math.max(...matcher.locateSlots(others, addresses))).toBeLessThan(keyCount);
    }
    expect(() => matcher.locateSlots(new Uint32Array(4), new Uint32Array(1))).toThrow('assertion');
  });

  it('a filter page that is not there excludes nobody', () => {
    const matcher = new WasmMatcher(wasmModule);
    const digests = drawDigests(600, { seed: 1 });
    expect([...matcher.probeFilters(digests, new Uint32Array(600))]).toEqual(Array(600).fill(1));
  });

  it('a match page that is not there gives no answer at all', () => {
    const matcher = new WasmMatcher(wasmModule);
    const digests = drawDigests(2, { seed: 1 });
    const address = matcher.matches.put(1, drawShard(10, { seed: 1 }).matchPage);
    expect(() => matcher.probeMatches(digests, Uint32Array.of(address, 0))).toThrow('assertion');
    expect(() => matcher.probeMatches(digests, Uint32Array.of(address))).toThrow('assertion');
  });

  it('a match page without keys does not answer with what lies behind it', () => {
    const matcher = new WasmMatcher(wasmModule);
    const address = matcher.matches.put(1, drawShard(0, { seed: 1 }).matchPage);
    matcher.matches.put(2, drawShard(10, { seed: 1 }).matchPage);
    // As fingerprints: the magic of the next page, "SLTD", and the zeros at address 0.
    const digests = Uint32Array.of(0x44544c53, 0, 0, 0, 0, 0, 0, 0);
    expect([...matcher.probeMatches(digests, Uint32Array.of(address, address))]).toEqual([0, 0]);
  });

  it('stay found when a copied page makes the memory grow', () => {
    const matcher = new WasmMatcher(wasmModule, {
      filterArenaBytes: 65536,
      matchArenaBytes: 65536,
    });
    const small = drawShard(100, { seed: 3 });
    const large = drawShard(65_536, { seed: 4 });
    matcher.matches.put(1, small.matchPage);
    matcher.match(large.matchPage, large.digests);
    const found = new Uint32Array(100).fill(matcher.matches.find(1));
    expect(matcher.probeMatches(small.digests, found)).toEqual(
      small.categories.map((category) => 1 + category),
    );
    const other = matcher.filters.put(2, small.filterPage);
    const others = new Uint32Array(100).fill(other);
    expect([...matcher.probeFilters(small.digests, others)]).toEqual(Array(100).fill(1));
  });
});
