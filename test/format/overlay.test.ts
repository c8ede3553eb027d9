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
  manifestSha256: new Uint8Array(32).fill(2),
  asOf: 1_700_000_000_000,
  operations: [
    operation([0, 0, 0, 1], 'withdrawn'),
    operation([1], 'added', 4),
    operation([1, 0, 0, 0, 7], 'added', 15),
  ],
};
const ROW = 80; // the first operation

function find(opened: Overlay, digest: Uint8Array) {
  const view = new DataView(digest.buffer, digest.byteOffset, 16);
  const [d0, d1, d2, d3] = [0, 4, 8, 12].map((offset) => view.getUint32(offset, true));
  return opened.find(d0!, d1!, d2!, d3!);
}

function contentOf(opened: Overlay, operations: readonly Operation[]): unknown {
  return {
    epochKeyId: opened.epochKeyId,
    manifestSha256: opened.manifestSha256,
    asOf: opened.asOf,
    operationCount: opened.operationCount,
    found: operations.map(({ digest }) => find(opened, digest) ?? 'none'),
  };
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
        expect(contentOf(opened, content.operations)).toEqual({
          epochKeyId: content.epochKeyId,
          manifestSha256: content.manifestSha256,
          asOf: content.asOf,
          operationCount: content.operations.length,
          found: content.operations.map(({ kind, category }) => ({ kind, category })),
        });
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
    expect(opened.operationCount).toBe(0);
    expect(opened.find(0, 0, 0, 0)).toBeUndefined();
    expect(opened.find(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff)).toBeUndefined();
  });

  test('every overlay that ends early or late is refused', () => {
    expectTruncationsRefused(withTrailer(encodeOverlay(SMALL)), openOverlay);
  });

  test('every flipped bit before the trailer is refused or changes the overlay', () => {
    const bytes = withTrailer(encodeOverlay(SMALL));
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
      (view: DataView) => view.setUint8(ROW + 16, 3),
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
    for (const offset of [10, 68, 71, ROW + 18, ROW + 59]) {
      const bytes = changed((view) => view.setUint8(offset, 1));
      expect(
        codeOf(() => openOverlay(bytes)),
        `offset ${offset}`,
      ).toBe('format-reserved');
    }
    const bytes = changed((view) => view.setUint32(64, 0xffffffff, true));
    expect(codeOf(() => openOverlay(bytes))).toBe('format-length');
  });
});
