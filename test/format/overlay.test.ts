import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeOverlay,
  type Operation,
  type Overlay,
  type OverlayContent,
  openOverlay,
} from '../../src/format/overlay.ts';
import {
  codeOf,
  expectFlipsSeen,
  expectTruncationsRefused,
  overlay,
  TRAILER,
  withTrailer,
} from './samples.ts';

const operation = (digest: number[], kind: Operation['kind'], category = 0): Operation => ({
  digest: Uint8Array.from({ length: 16 }, (_, i) => digest[i] ?? 0),
  kind,
  category,
});

const SMALL: OverlayContent = {
  epochKeyId: new Uint8Array(16).fill(1),
  collection: 'sltd',
  from: 1_600_000_000_000,
  asOf: 1_700_000_000_000,
  lastOperation: 9_000_000_000,
  base: undefined,
  operations: [
    operation([0, 0, 0, 1], 'withdrawn'),
    operation([1], 'added', 4),
    operation([1, 0, 0, 0, 7], 'added-withdrawn', 15),
  ],
};
const SEGMENT: OverlayContent = {
  ...SMALL,
  base: { sha256: new Uint8Array(32).fill(3), length: 208 },
};
const ROW = 128; // the first operation

function find(opened: Overlay, digest: Uint8Array) {
  const view = new DataView(digest.buffer, digest.byteOffset, 16);
  const [d0, d1, d2, d3] = [0, 4, 8, 12].map((offset) => view.getUint32(offset, true));
  return opened.find(d0!, d1!, d2!, d3!);
}

/** What is asked first, by the wasm too, has the bits of every digest that find() finds. */
function expectFiltered({ filter }: Overlay, operations: readonly Operation[]): void {
  for (const { digest } of operations) {
    const [d0, d1] = new Uint32Array(digest.slice().buffer);
    const block = 2 * (d0! >>> filter.shift);
    for (const turn of [0, 6, 12, 18, 24]) {
      const bit = (d1! >>> turn) & 63;
      expect((filter.words[block + (bit >> 5)]! >>> (bit & 31)) & 1).toBe(1);
    }
  }
}

function contentOf(opened: Overlay, operations: readonly Operation[]): unknown {
  const { epochKeyId, collection, from, asOf, lastOperation, base, rowCount } = opened;
  const found = operations.map(({ digest }) => find(opened, digest) ?? 'none');
  return { epochKeyId, collection, from, asOf, lastOperation, base, rowCount, found };
}

function changed(change: (view: DataView) => void): Uint8Array {
  const bytes = withTrailer(encodeOverlay(SMALL));
  change(new DataView(bytes.buffer));
  return bytes;
}

describe('overlay codec', () => {
  test('every operation is found again, in whatever order they were given', () => {
    fc.assert(
      fc.property(overlay, (content) => {
        const opened = openOverlay(withTrailer(encodeOverlay(content)));
        const { operations, ...facts } = content;
        expect(contentOf(opened, operations)).toEqual({
          ...facts,
          rowCount: operations.length,
          found: operations.map(({ kind, category }) => ({ kind, category })),
        });
        expectFiltered(opened, operations);
        const byDigest = operations.toSorted((a, b) => Buffer.compare(a.digest, b.digest));
        expect([...opened.rows()]).toEqual(byDigest);
        const reversed = { ...content, operations: content.operations.toReversed() };
        expect(encodeOverlay(reversed)).toEqual(encodeOverlay(content));
      }),
    );
  });

  test('a digest without operation is not found, however near it lies', () => {
    fc.assert(
      fc.property(overlay, fc.nat(15), fc.integer({ min: 1, max: 255 }), (content, at, change) => {
        const opened = openOverlay(withTrailer(encodeOverlay(content)));
        const known = new Set(content.operations.map(({ digest }) => digest.join()));
        for (const { digest } of content.operations) {
          const other = digest.slice();
          other[at]! ^= change;
          if (!known.has(other.join())) expect(find(opened, other)).toBeUndefined();
        }
      }),
    );
  });

  test('digests that begin alike are told apart', () => {
    const operations = Array.from({ length: 300 }, (_, i) =>
      operation([9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, i >> 8, i & 255], 'added', i % 6),
    );
    const opened = openOverlay(withTrailer(encodeOverlay({ ...SMALL, operations })));
    for (const { digest, category } of operations) {
      expect(find(opened, digest)).toEqual({ kind: 'added', category });
    }
    expect(find(opened, new Uint8Array(16).fill(9))).toBeUndefined();
  });

  test('an overlay without operations finds nothing', () => {
    const opened = openOverlay(withTrailer(encodeOverlay({ ...SMALL, operations: [] })));
    expect(opened.rowCount).toBe(0);
    expect(opened.find(0, 0, 0, 0)).toBeUndefined();
    expect(opened.filter.words.every((word) => word === 0)).toBe(true);
    expect(opened.find(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff)).toBeUndefined();
  });

  test('every overlay that ends early or late is refused', () => {
    expectTruncationsRefused(withTrailer(encodeOverlay(SMALL)), openOverlay);
  });

  test('every flipped bit before the trailer is refused or changes the overlay', () => {
    const bytes = withTrailer(encodeOverlay(SEGMENT));
    const open = (damaged: Uint8Array) => contentOf(openOverlay(damaged), SMALL.operations);
    expect(expectFlipsSeen(bytes, bytes.length - TRAILER, open)).toBeGreaterThan(0);
  });

  test('operations are ascending by digest bytes and no two equal', () => {
    const twice = [operation([1], 'added', 1), operation([1], 'withdrawn')];
    expect(codeOf(() => encodeOverlay({ ...SMALL, operations: twice }))).toBe('format-value');
    // The word 0x01000000 is above the word 1 as a number, its bytes 0 0 0 1 are below 1 0 0 0.
    const swapped = changed((view) => {
      view.setUint32(ROW, 1, true);
      view.setUint32(ROW + 20, 0x01000000, true);
    });
    expect(codeOf(() => openOverlay(swapped))).toBe('format-value');
  });

  test('an unknown kind, a category above 15 or that of a withdrawn one is refused', () => {
    for (const change of [
      (view: DataView) => view.setUint8(ROW + 16, 0),
      (view: DataView) => view.setUint8(ROW + 16, 4),
      (view: DataView) => view.setUint8(ROW + 17, 1),
      (view: DataView) => view.setUint8(ROW + 20 + 17, 16),
    ]) {
      expect(codeOf(() => openOverlay(changed(change)))).toBe('format-value');
    }
    for (const bad of [
      operation([1], 'withdrawn', 1),
      operation([1], 'added', 16),
      operation([1], 'added', 256),
      operation([1], 'added', 0.5),
      { ...operation([1], 'added'), digest: new Uint8Array(15) },
    ]) {
      expect(codeOf(() => encodeOverlay({ ...SMALL, operations: [bad] }))).toBe('format-value');
    }
  });

  test('reserved fields are zero and the count fits the length', () => {
    for (const offset of [10, 64, 95, 120, 127, ROW + 18, ROW + 59]) {
      const bytes = changed((view) => view.setUint8(offset, 1));
      expect(
        codeOf(() => openOverlay(bytes)),
        `offset ${offset}`,
      ).toBe('format-reserved');
    }
    const bytes = changed((view) => view.setUint32(56, 0xffffffff, true));
    expect(codeOf(() => openOverlay(bytes))).toBe('format-length');
  });

  test('an overlay does not end before it begins', () => {
    expect(codeOf(() => encodeOverlay({ ...SMALL, from: SMALL.asOf + 1 }))).toBe('format-value');
  });
});

describe('a segment on its base', () => {
  const base = openOverlay(withTrailer(encodeOverlay(SMALL)));
  const newer = [operation([1], 'added-withdrawn', 4), operation([2], 'added', 5)];
  const segmentOf = (change: Partial<OverlayContent> = {}) =>
    openOverlay(withTrailer(encodeOverlay({ ...SEGMENT, operations: newer, ...change })), base);

  test('its own row on a digest stands instead of that below, and all others shine through', () => {
    const segment = segmentOf();
    for (const { digest, kind, category } of [...newer, SMALL.operations[0]!]) {
      expect(find(segment, digest)).toEqual({ kind, category });
    }
    expect(find(segment, new Uint8Array(16).fill(9))).toBeUndefined();
    expect([segment.rowCount, segment.operationCount]).toEqual([2, 5]);
    expectFiltered(segment, [...newer, SMALL.operations[0]!, SMALL.operations[2]!]);
  });

  test('layers that do not belong together are refused', () => {
    const changes: Partial<OverlayContent>[] = [
      { base: undefined },
      { epochKeyId: new Uint8Array(16) },
      { collection: 'tdawn' },
      { from: SMALL.from + 1 },
      { asOf: SMALL.asOf - 1 },
      { lastOperation: SMALL.lastOperation - 1 },
    ];
    for (const change of changes) {
      expect(
        codeOf(() => segmentOf(change)),
        JSON.stringify(change),
      ).toBe('format-value');
    }
    const bytes = withTrailer(encodeOverlay(SEGMENT));
    expect(codeOf(() => openOverlay(bytes, segmentOf()))).toBe('format-value');
  });

  test('a base shorter than an overlay is, or a hash without length, is refused', () => {
    const short = { ...SEGMENT, base: { sha256: new Uint8Array(32), length: 207 } };
    expect(codeOf(() => encodeOverlay(short))).toBe('format-value');
    const bytes = withTrailer(encodeOverlay(SEGMENT));
    new DataView(bytes.buffer).setUint32(60, 0, true);
    expect(codeOf(() => openOverlay(bytes))).toBe('format-reserved');
  });
});
