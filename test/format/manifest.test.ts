import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StateCode } from '../../src/document/issuing-state.ts';
import {
  encodeManifest,
  type Manifest,
  type ManifestContent,
  openManifest,
  type PageReference,
} from '../../src/format/manifest.ts';
import {
  codeOf,
  expectFlipsSeen,
  expectTruncationsRefused,
  manifest,
  TRAILER,
  withTrailer,
} from './samples.ts';

const reference = (fill: number, length: number): PageReference => ({
  sha256: new Uint8Array(32).fill(fill),
  xxh64: BigInt(fill) << 56n,
  length,
});
const shard = (fill: number) => ({ filter: reference(fill, 128), match: reference(fill + 1, 200) });
const entry = (state: string, shardCount: number, recordCount: number) => ({
  state: state as StateCode,
  coverage: 'reports' as const,
  shardCount,
  asOf: 1_700_000_000_000,
  recordCount,
});

const SMALL: ManifestContent = {
  epochKeyId: new Uint8Array(16).fill(1),
  asOf: 2 ** 53 - 1,
  collection: 'sltd',
  inputsSha256: new Uint8Array(32).fill(2),
  states: [entry('D', 2, 7), entry('DJI', 1, 0), entry('UTO', 1, 5)],
  shards: [shard(10), shard(20), shard(30), shard(40)],
};
const ROW = 128; // the first state row
const SHARDS = ROW + 3 * 32;

function contentOf(opened: Manifest): ManifestContent {
  const states = [...opened.states()];
  return {
    epochKeyId: opened.epochKeyId,
    asOf: opened.asOf,
    collection: opened.collection,
    inputsSha256: opened.inputsSha256,
    states: states.map(({ firstShard: _, ...rest }) => rest),
    shards: Array.from({ length: opened.shardCount }, (_, row) => ({
      filter: opened.page('filter', row),
      match: opened.page('match', row),
    })),
    restrictions: opened.restrictions?.rows ?? [],
  };
}

function changed(change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = withTrailer(encodeManifest(SMALL));
  change(new DataView(bytes.buffer), bytes);
  return bytes;
}

describe('manifest codec', () => {
  test('a manifest reads back as it was written', () => {
    fc.assert(
      fc.property(manifest, (content) => {
        const opened = openManifest(withTrailer(encodeManifest(content)));
        expect(contentOf(opened)).toEqual(content);
        expect(opened.recordCount).toBe(
          content.states.reduce((sum, state) => sum + state.recordCount, 0),
        );
      }),
    );
  });

  test('a state is found by its code, with the row of its first shard', () => {
    const opened = openManifest(withTrailer(encodeManifest(SMALL)));
    expect(opened.state('D')?.firstShard).toBe(0);
    expect(opened.state('DJI')?.firstShard).toBe(2);
    expect(opened.state('UTO')?.firstShard).toBe(3);
    expect(opened.state('D<<')).toBeUndefined();
    expect(opened.state('GBR')).toBeUndefined();
    expect(opened.page('match', 3)).toEqual(reference(41, 200));
  });

  test('a shard row outside the table is not read', () => {
    const opened = openManifest(withTrailer(encodeManifest(SMALL)));
    for (const row of [-1, 4, 0.5, Number.NaN]) expect(() => opened.page('filter', row)).toThrow();
  });

  test('every manifest that ends early or late is refused', () => {
    expectTruncationsRefused(withTrailer(encodeManifest(SMALL)), openManifest);
  });

  test('every flipped bit before the trailer is refused or changes the manifest', () => {
    const bytes = withTrailer(encodeManifest(SMALL));
    const open = (damaged: Uint8Array) => contentOf(openManifest(damaged));
    expect(expectFlipsSeen(bytes, bytes.length - TRAILER, open)).toBeGreaterThan(0);
  });

  test('states are ascending and no two equal', () => {
    for (const states of [
      [entry('UTO', 1, 0), entry('D', 1, 0)],
      [entry('D', 1, 0), entry('D', 1, 0)],
      [entry('DJI', 1, 0), entry('D', 1, 0)],
    ]) {
      const content = { ...SMALL, states, shards: [shard(1), shard(2)] };
      expect(codeOf(() => encodeManifest(content))).toBe('format-value');
    }
  });

  test('the shards of the states are the shards of the table, without gap or overlap', () => {
    expect(codeOf(() => encodeManifest({ ...SMALL, shards: SMALL.shards.slice(1) }))).toBe(
      'format-value',
    );
    const without = { ...SMALL, states: [entry('D', 0, 0)], shards: [] };
    expect(codeOf(() => encodeManifest(without))).toBe('format-value');
    for (const change of [
      (view: DataView) => view.setUint32(ROW + 32 + 8, 1, true), // overlaps the first state
      (view: DataView) => view.setUint32(ROW + 32 + 8, 3, true),
      (view: DataView) => view.setUint32(ROW + 64 + 12, 2, true), // runs over the table
    ]) {
      expect(codeOf(() => openManifest(changed(change)))).toBe('format-value');
    }
  });

  test('the record count is the sum over the states', () => {
    const bytes = changed((view) => view.setUint32(48, 13, true));
    expect(codeOf(() => openManifest(bytes))).toBe('format-value');
  });

  test('counts that do not fit the length are refused before anything is read', () => {
    for (const offset of [40, 44, 112]) {
      const bytes = changed((view) => view.setUint32(offset, 0xffffffff, true));
      expect(codeOf(() => openManifest(bytes))).toBe('format-length');
    }
  });

  test('a page reference has the length of a page of its kind', () => {
    for (const [offset, length] of [
      [SHARDS + 40, 0],
      [SHARDS + 40, 136],
      [SHARDS + 88, 56],
      [SHARDS + 88, 65],
    ] as const) {
      const bytes = changed((view) => view.setUint32(offset, length, true));
      expect(codeOf(() => contentOf(openManifest(bytes)))).toBe('format-value');
    }
    const shards = [
      { ...shard(1), filter: { ...shard(1).filter, length: 65 } },
      ...SMALL.shards.slice(1),
    ];
    expect(codeOf(() => encodeManifest({ ...SMALL, shards }))).toBe('format-value');
  });

  test('each reserved field is zero', () => {
    const offsets = [10, 116, 127, ROW + 5, ROW + 7, ROW + 28, ROW + 95, SHARDS + 44, SHARDS + 95];
    for (const offset of offsets) {
      const bytes = changed((_, all) => all.fill(1, offset, offset + 1));
      expect(
        codeOf(() => contentOf(openManifest(bytes))),
        `offset ${offset}`,
      ).toBe('format-reserved');
    }
  });

  test('a time of 2^53 or later, an unknown coverage and an empty collection are refused', () => {
    for (const change of [
      (view: DataView) => view.setUint32(36, 2 ** 21, true),
      (view: DataView) => view.setUint8(ROW + 4, 3),
      (view: DataView) => view.setUint32(56, 0, true),
    ]) {
      expect(codeOf(() => openManifest(changed(change)))).toBe('format-value');
    }
    for (const bad of [
      { asOf: -1 },
      { asOf: 0.5 },
      { asOf: 2 ** 53 },
      { collection: '' },
      { collection: 'a'.repeat(25) },
      { collection: 'a_b' },
      { epochKeyId: new Uint8Array(17) },
      { inputsSha256: new Uint8Array(0) },
      { states: [{ ...entry('D', 4, 2 ** 32) }] },
    ]) {
      expect(codeOf(() => encodeManifest({ ...SMALL, ...bad }))).toBe('format-value');
    }
  });
});

test('a manifest that no reader would take for its length is not written', () => {
  const many = (count: number) => ({
    ...{ ...SMALL, states: [entry('UTO', count, 5)] },
    shards: Array<ReturnType<typeof shard>>(count).fill(shard(1)),
  });
  expect(() => encodeManifest(many(349_526))).toThrow(
    expect.objectContaining({ code: 'format-length' }),
  );
  expect(encodeManifest(many(349_520)).length).toBeLessThan(32 * 1024 * 1024);
});
