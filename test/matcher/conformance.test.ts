/**
 * One suite over both matchers: the wasm one that ships, and the reference one, written from
 * docs/format.md alone. Defends promise 1 (no listed document is absent) and promise 2.
 */

import { describe, expect, it } from 'vitest';
import { type CanonicalKey, canonicalKey } from '../../src/document/canonical-key.ts';
import { lookAlikes, respell } from '../../src/document/look-alike.ts';
import { SltdError } from '../../src/errors.ts';
import { fromHex, toHex } from '../../src/format/names.ts';
import type { Digests, Matcher } from '../../src/matcher/matcher.ts';
import { PageBuilder } from '../../src/matcher/page-builder.ts';
import { ReferenceMatcher } from '../../src/matcher/reference-matcher.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import vectors from '../vectors/digest.openssl.json' with { type: 'json' };
import { drawDigests, drawShard, MIDDLE_SHARD, ONE_SHARD, wasmModule } from './shards.ts';

const SIZES = [0, 1, 2, 3, 7, 15, 16, 17, 63, 64, 65, 255, 256, 257, 1000, 32_768];

interface Implementation {
  name: string;
  matcher: Matcher;
  /** Non-members asked where a rate is measured: the reference is 50 times slower. */
  strangers: number;
}

const implementations: Implementation[] = [
  { name: 'wasm matcher', matcher: new WasmMatcher(wasmModule), strangers: 1_000_000 },
  { name: 'reference matcher', matcher: new ReferenceMatcher(), strangers: 50_000 },
];

const CLASSES = ['passport', 'identity', 'visa', 'other'] as const;
/** Of the hexadecimal digits of a digest, those of the key itself; the others are of its group. */
const KEY_DIGITS = 24;
const ofKey = (digest: string) => digest.slice(0, KEY_DIGITS);

const sum = (values: Uint8Array): number => values.reduce((total, value) => total + value, 0);

function hexOf(digests: Digests): string[] {
  const bytes = new Uint8Array(digests.buffer, digests.byteOffset, digests.byteLength);
  return Array.from({ length: digests.length / 4 }, (_, index) =>
    toHex(bytes.subarray(16 * index, 16 * index + 16)),
  );
}

/** Expected rate of a blocked Bloom filter (Putze, Sanders, Singler, 2009, section 3). */
function blockedBloomRate(keyCount: number, blockCount: number, probes: number): number {
  // A block has a binomial number of keys; j keys leave a bit unset with (1 - 1/512)^(j * probes).
  const share = 1 / blockCount;
  let rate = 0;
  let probability = (1 - share) ** keyCount;
  if (blockCount === 1) return (1 - (1 - 1 / 512) ** (keyCount * probes)) ** probes;
  for (let keys = 0; keys <= keyCount && keys < 400; keys++) {
    rate += probability * (1 - (1 - 1 / 512) ** (keys * probes)) ** probes;
    probability *= ((keyCount - keys) / (keys + 1)) * (share / (1 - share));
  }
  return rate;
}

describe.each(implementations)('$name', ({ matcher, strangers }) => {
  it('gives the digests of OpenSSL for the inputs of the published vectors', () => {
    const { epochKey, digests } = vectors.reference;
    const keys = digests.map((_, length) =>
      String.fromCharCode(...Array.from({ length }, (_, index) => index)),
    ) as CanonicalKey[];
    const made = hexOf(matcher.digests(keys, fromHex(epochKey)));
    expect(made.map(ofKey)).toEqual(digests.map(ofKey));
  });

  it('gives the digests of OpenSSL for canonical keys', () => {
    const { epochKey, digests, groups, groupDigests } = vectors.keys;
    const expected = Object.entries(digests).map(([key, digest]) => {
      const group = groups[key as keyof typeof groups] as keyof typeof groupDigests;
      return ofKey(digest) + groupDigests[group].slice(KEY_DIGITS);
    });
    const keys = Object.keys(digests) as CanonicalKey[];
    expect(hexOf(matcher.digests(keys, fromHex(epochKey)))).toEqual(expected);
  });

  it('keeps all spellings of a number that are misread for each other in one shard', () => {
    const epochKey = fromHex(vectors.keys.epochKey);
    for (const number of ['L898902C3', '0123456789', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345']) {
      for (const checkDigit of ['verified', 'none'] as const) {
        const spellings = [number];
        for (const change of lookAlikes(number, checkDigit))
          spellings.push(respell(number, change));
        const keys = spellings.flatMap((spelling) =>
          CLASSES.map((cls) => canonicalKey(cls, ONE_SHARD.state, spelling)),
        );
        const digests = matcher.digests(keys, epochKey);
        const shardWords = keys.map((_, index) => digests[4 * index + 3]);
        expect(new Set(shardWords).size).toBe(1);
        expect(new Set(keys.map((_, index) => digests[4 * index])).size).toBe(keys.length);
      }
    }
  });

  it('gives a key the same digest alone and in a batch of any length, and keeps it', () => {
    const epochKey = fromHex(vectors.keys.epochKey);
    const keys = Array.from({ length: 1000 }, (_, index) => `PUTO${index}`) as CanonicalKey[];
    const inBatch = hexOf(matcher.digests(keys, epochKey));
    for (const index of [0, 255, 256, 257, 511, 512, 999]) {
      expect(hexOf(matcher.digests([keys[index]!], epochKey))).toEqual([inBatch[index]]);
    }
    expect(matcher.digests([], epochKey)).toHaveLength(0);
    const parts = [3, 4, 5, 13, 64, 65].map((count) =>
      matcher.digests(keys.slice(0, count), epochKey),
    );
    for (const part of parts) expect(hexOf(part)).toEqual(inBatch.slice(0, part.length / 4));
  });

  it.each(SIZES)('finds every one of %i listed keys, with its category', (keyCount) => {
    for (const identity of [ONE_SHARD, MIDDLE_SHARD]) {
      const shard = drawShard(keyCount, { seed: keyCount + 1, identity });
      expect(sum(matcher.mayContain(shard.filterPage, shard.digests))).toBe(keyCount);
      expect(matcher.match(shard.matchPage, shard.digests)).toEqual(
        shard.categories.map((category) => 1 + category),
      );
    }
  });

  it.each(SIZES)('has no false candidate among non-members beside %i keys', (keyCount) => {
    const shard = drawShard(keyCount, { seed: keyCount + 2 });
    const others = drawDigests(strangers, { seed: keyCount + 3 });
    expect(sum(matcher.match(shard.matchPage, others))).toBe(0);
  });

  it.each(SIZES)('lets non-members through the filter at the known rate at %i keys', (keyCount) => {
    // Many small pages for one large one: the rate of a single small page depends on its keys.
    const pageCount = Math.min(200, Math.ceil(65_536 / Math.max(1, keyCount)));
    const asked = Math.ceil(strangers / pageCount);
    const builder = new PageBuilder(wasmModule);
    let passed = 0;
    for (let page = 0; page < pageCount; page++) {
      const seed = 1_000_003 * keyCount + page;
      const { filterPage } = drawShard(keyCount, { seed, builder });
      passed += sum(matcher.mayContain(filterPage, drawDigests(asked, { seed: ~seed })));
    }
    const blockCount = Math.max(1, Math.ceil((keyCount * 8) / 512));
    const rate = keyCount === 0 ? 0 : blockedBloomRate(keyCount, blockCount, 5);
    const expected = rate * asked * pageCount;
    // Within 10 % of theory, and four standard deviations of the count for the small ones.
    const tolerance = 0.1 * expected + 4 * Math.sqrt(expected);
    expect(Math.abs(passed - expected)).toBeLessThanOrEqual(tolerance);
  });

  it('reads a category that has no meaning as not specified', () => {
    const { digests, matchPage } = drawShard(1, { seed: 5 });
    for (let category = 6; category < 16; category++) {
      // One pilot, padded to 8 bytes; then 4 bytes of fingerprint, and the category.
      matchPage[64 + 8 + 4] = category;
      expect([...matcher.match(matchPage, digests)]).toEqual([1]);
    }
  });

  it('refuses a page that is cut, of the other kind, or says what is not so', () => {
    const { digests, filterPage, matchPage } = drawShard(100, { seed: 9 });
    const ask = (page: Uint8Array, kind: 'mayContain' | 'match') => () =>
      matcher[kind](page, digests);
    expect(ask(matchPage, 'mayContain')).toThrow(SltdError);
    expect(ask(filterPage, 'match')).toThrow(SltdError);
    // Magic, version, reserved, length, table count, reserved; a match page's key count too.
    const offsets = [0, 8, 10, 12, 32, 56];
    for (const { kind, page, changes } of [
      { kind: 'mayContain', page: filterPage, changes: offsets },
      { kind: 'match', page: matchPage, changes: [...offsets, 28] },
    ] as const) {
      for (let length = 0; length < page.length; length++) {
        expect(ask(page.subarray(0, length), kind)).toThrow(SltdError);
      }
      expect(ask(Uint8Array.from([...page, 0]), kind)).toThrow(SltdError);
      for (const offset of changes) {
        const changed = page.slice();
        changed[offset]! ^= 0x80;
        expect(ask(changed, kind)).toThrow(SltdError);
      }
    }
  });
});

describe('both matchers', () => {
  it('answer the same for members and non-members, from the same pages', () => {
    const [shipped, reference] = implementations.map(({ matcher }) => matcher);
    for (const keyCount of SIZES) {
      for (const identity of [ONE_SHARD, MIDDLE_SHARD]) {
        const shard = drawShard(keyCount, { seed: keyCount + 11, identity });
        const others = drawDigests(5000, { seed: keyCount + 12, ...identity });
        for (const digests of [shard.digests, others]) {
          expect(shipped!.mayContain(shard.filterPage, digests)).toEqual(
            reference!.mayContain(shard.filterPage, digests),
          );
          expect(shipped!.match(shard.matchPage, digests)).toEqual(
            reference!.match(shard.matchPage, digests),
          );
        }
      }
    }
  });
});
