import { describe, expect, test } from 'vitest';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import { digestOf } from '../../src/document/digest.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { filterPageBytes, matchPageBytes, writePageHeader } from '../../src/format/page.ts';
import { ReferenceMatcher } from '../../src/matcher/reference-matcher.ts';

const EPOCH_KEY = Uint8Array.from({ length: 16 }, (_, i) => i);
const KEY = 'PUTOL898902C3' as CanonicalKey;
const SLOTS = 64 + 8; // behind one pilot and its padding
const matcher = new ReferenceMatcher();
const digests = matcher.digests([KEY], EPOCH_KEY);

const ROW = {
  state: 'UTO' as StateCode,
  shardIndex: 0,
  shardCount: 1,
  keyCount: 1,
  tableCount: 1,
  epochKeyId: new Uint8Array(16),
};

/** The match page of KEY alone, written by hand: with one key, every digest meets slot 0. */
function matchPage(category: number): Uint8Array {
  const length = matchPageBytes(1, 1);
  const bytes = new Uint8Array(length);
  writePageHeader(bytes, { ...ROW, kind: 'match', length, parameter: 5 });
  bytes.set(digestOf(KEY, EPOCH_KEY).subarray(0, 4), SLOTS);
  bytes[SLOTS + 4] = category;
  return bytes;
}

/** A filter page of one block, with all bits or none. */
function filterPage(fill: number): Uint8Array {
  const length = filterPageBytes(1);
  const bytes = new Uint8Array(length).fill(fill);
  writePageHeader(bytes, { ...ROW, kind: 'filter', length, parameter: 5 });
  return bytes;
}

const damages: [what: string, offset: number, value: number][] = [
  ['magic', 0, 0x73],
  ['version', 8, 3],
  ['reserved', 10, 1],
  ['length', 12, 1],
  ['shard index', 20, 1],
  ['shard count', 24, 0],
  ['key count', 28, 0],
  ['table count', 32, 0],
  ['table count', 34, 2],
  ['reserved', 56, 1],
  ['reserved', 63, 1],
];

describe('the reference matcher', () => {
  test('reads a match page written by hand', () => {
    for (let category = 0; category <= 5; category++) {
      expect([...matcher.match(matchPage(category), digests)]).toEqual([1 + category]);
    }
    const others = digests.slice();
    others[0]! ^= 1; // another fingerprint
    expect([...matcher.match(matchPage(4), others)]).toEqual([0]);
  });

  test('reads categories without a meaning as not specified, never as absent', () => {
    for (let category = 6; category <= 15; category++) {
      expect([...matcher.match(matchPage(category), digests)]).toEqual([1]);
    }
  });

  test('reads a filter page written by hand', () => {
    expect([...matcher.mayContain(filterPage(0xff), digests)]).toEqual([1]);
    expect([...matcher.mayContain(filterPage(0), digests)]).toEqual([0]);
  });

  test.each(damages)('does not answer from a page with a wrong %s (byte %i)', (_, at, value) => {
    const match = matchPage(1);
    match[at] = value;
    expect(() => matcher.match(match, digests)).toThrow(/not what the manifest names/);
    const filter = filterPage(0xff);
    filter[at] = value;
    expect(() => matcher.mayContain(filter, digests)).toThrow(/not what the manifest names/);
  });

  test('does not answer from the wrong kind, a torn page or one with dirty padding', () => {
    const page = matchPage(1);
    expect(() => matcher.mayContain(page, digests)).toThrow();
    expect(() => matcher.match(filterPage(0), digests)).toThrow();
    for (let length = 0; length < page.length; length++) {
      expect(() => matcher.match(page.subarray(0, length), digests)).toThrow();
    }
    for (const at of [65, 71, SLOTS + 5, page.length - 1]) {
      const dirty = page.slice();
      dirty[at] = 1;
      expect(() => matcher.match(dirty, digests)).toThrow();
    }
    const probes = filterPage(0xff);
    probes[36] = 17;
    expect(() => matcher.mayContain(probes, digests)).toThrow();
  });
});
