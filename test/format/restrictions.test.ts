import { describe, expect, test } from 'vitest';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { encodeManifest, openManifest } from '../../src/format/manifest.ts';
import { type Restriction, Restrictions } from '../../src/format/restrictions.ts';
import {
  codeOf,
  expectFlipsSeen,
  expectTruncationsRefused,
  TRAILER,
  withTrailer,
} from './samples.ts';

const pair = (source: string, excluded: string) => ({ source, excluded }) as Restriction;
const page = (length: number) => ({ sha256: new Uint8Array(32), xxh64: 0n, length });
const entry = (state: string) => ({
  ...{ state: state as StateCode, coverage: 'reports' as const, shardCount: 1 },
  ...{ asOf: 0, recordCount: 0 },
});

/** A manifest of D, GBR and UTO with these restrictions. */
const encoded = (restrictions?: readonly Restriction[]): Uint8Array =>
  withTrailer(
    encodeManifest({
      ...{ epochKeyId: new Uint8Array(16), asOf: 1, collection: 'sltd' },
      inputsSha256: new Uint8Array(32),
      states: [entry('D'), entry('GBR'), entry('UTO')],
      shards: Array.from({ length: 3 }, () => ({ filter: page(64), match: page(64) })),
      ...(restrictions && { restrictions }),
    }),
  );
const TWO = [pair('D', 'FRA'), pair('UTO', 'D')];
/** Where the first row of TWO is. */
const ROWS = encoded(TWO).length - TRAILER - 16;

const changed = (offset: number, text: string): Uint8Array => {
  const bytes = encoded(TWO);
  bytes.set(new TextEncoder().encode(text), offset);
  return bytes;
};

describe('restrictions of a manifest', () => {
  test('are the last rows, and their count stands in the header', () => {
    const bytes = encoded(TWO);
    expect(new DataView(bytes.buffer).getUint32(112, true)).toBe(2);
    const text = new TextDecoder('latin1').decode(bytes.subarray(ROWS, ROWS + 16));
    expect(text).toBe('D<<\0FRA\0UTO\0D<<\0');
    expect(openManifest(bytes).restrictions?.rows).toEqual(TWO);
  });

  test('that are none leave the bytes of a manifest as they were before there were any', () => {
    const bytes = encoded();
    expect(encoded([])).toEqual(bytes);
    expect(bytes.length).toBe(128 + 3 * 32 + 3 * 96 + TRAILER);
    expect(bytes.subarray(112, 128).every((byte) => byte === 0)).toBe(true);
    expect(openManifest(bytes).restrictions).toBeUndefined();
  });

  test('are ascending by source and excluded state, and no two are equal', () => {
    for (const rows of [
      [pair('UTO', 'D'), pair('D', 'FRA')],
      [pair('D', 'FRA'), pair('D', 'FRA')],
      [pair('D', 'GBR'), pair('D', 'FRA')],
    ]) {
      expect(codeOf(() => encoded(rows))).toBe('format-value');
    }
    expect(codeOf(() => openManifest(changed(ROWS + 8, 'D<<\0FRA\0')))).toBe('format-value');
  });

  test('are of a state of the table, and never of a state against itself', () => {
    expect(codeOf(() => encoded([pair('FRA', 'D')]))).toBe('format-value');
    expect(codeOf(() => encoded([pair('D', 'D')]))).toBe('format-value');
    expect(codeOf(() => openManifest(changed(ROWS, 'FRA\0D<<\0')))).toBe('format-value');
    expect(codeOf(() => openManifest(changed(ROWS + 4, 'D<<\0')))).toBe('format-value');
  });

  test('have two state codes each', () => {
    for (const bad of ['', 'd', 'D<<', 'DEUX', 'D1']) {
      expect(
        codeOf(() => encoded([pair('D', bad)])),
        bad,
      ).toBe('format-value');
    }
    for (const bad of ['d<<\0', '<<<\0', 'D<<<', '\0\0\0\0', 'D<A\0']) {
      expect(
        codeOf(() => openManifest(changed(ROWS + 4, bad))),
        bad,
      ).toMatch(/^format-/);
    }
  });

  test('are at most 65,536', () => {
    const many = Array.from({ length: 65_537 }, () => pair('D', 'FRA'));
    expect(codeOf(() => encoded(many))).toBe('format-value');
    const bytes = new Uint8Array(encoded().length + 8 * 65_537);
    bytes.set(encoded());
    const view = new DataView(bytes.buffer);
    view.setUint32(12, bytes.length, true);
    view.setUint32(112, 65_537, true);
    expect(codeOf(() => openManifest(bytes))).toBe('format-value');
  });

  test('of another number than the count says are refused', () => {
    for (const count of [0, 1, 3, 0xffffffff]) {
      const bytes = encoded(TWO);
      new DataView(bytes.buffer).setUint32(112, count, true);
      expect(
        codeOf(() => openManifest(bytes)),
        String(count),
      ).toBe('format-length');
    }
    expectTruncationsRefused(encoded(TWO), openManifest);
  });

  test('are refused or others once a bit of them is flipped', () => {
    const bytes = encoded(TWO);
    const rows = (damaged: Uint8Array) => {
      const opened = openManifest(damaged);
      return [opened.epochKeyId, opened.asOf, opened.collection, opened.inputsSha256]
        .concat([[...opened.states()], [0, 1, 2].map((row) => opened.page('filter', row))] as never)
        .concat([[0, 1, 2].map((row) => opened.page('match', row)), opened.restrictions] as never);
    };
    expect(expectFlipsSeen(bytes, bytes.length - TRAILER, rows)).toBeGreaterThan(0);
  });
});

describe('who is excluded', () => {
  const restrictions = new Restrictions([pair('D', 'FRA'), pair('D', 'GBR'), pair('UTO', 'D')]);

  test('is a state that the source names, and nobody else', () => {
    expect(restrictions.excludes('D', 'FRA')).toBe(true);
    expect(restrictions.excludes('D', 'GBR')).toBe(true);
    expect(restrictions.excludes('D', 'UTO')).toBe(false);
    expect(restrictions.excludes('FRA', 'D')).toBe(false);
    expect(restrictions.excludes('UTO', 'D')).toBe(true);
    expect(restrictions.excludes('D', 'D')).toBe(false);
  });

  test('is whoever has no known state, wherever anybody is: doubt never widens access', () => {
    expect(restrictions.excludes('D', undefined)).toBe(true);
    expect(restrictions.excludes('UTO', undefined)).toBe(true);
    expect(restrictions.excludes('FRA', undefined)).toBe(false);
  });
});
