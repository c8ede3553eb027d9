import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeHead, encodeHead, type Head } from '../../src/format/head.ts';
import {
  codeOf,
  expectFlipsSeen,
  expectTruncationsRefused,
  head,
  TRAILER,
  withTrailer,
} from './samples.ts';

const SMALL: Head = {
  sequence: 41,
  issuedAt: 1_700_000_000_000,
  notAfter: 1_700_086_400_000,
  collection: 'national-UTO',
  manifestSha256: new Uint8Array(32).fill(3),
  manifestLength: 480_000,
  overlaySha256: new Uint8Array(32).fill(4),
  overlayLength: 208,
  asOf: 1_699_999_999_999,
};

function changed(change: (view: DataView) => void): Uint8Array {
  const bytes = withTrailer(encodeHead(SMALL));
  change(new DataView(bytes.buffer));
  return bytes;
}

describe('head codec', () => {
  test('a head reads back as it was written, and has 256 bytes', () => {
    fc.assert(
      fc.property(head, (value) => {
        const bytes = withTrailer(encodeHead(value));
        expect(bytes.length).toBe(256);
        expect(decodeHead(bytes)).toEqual(value);
      }),
    );
  });

  test('every head that ends early or late is refused', () => {
    expectTruncationsRefused(withTrailer(encodeHead(SMALL)), decodeHead);
    // One byte more, and a header that says so.
    const longer = new Uint8Array(257);
    longer.set(changed((view) => view.setUint32(12, 257, true)));
    expect(codeOf(() => decodeHead(longer))).toBe('format-length');
  });

  test('every flipped bit before the trailer is refused or changes the head', () => {
    const bytes = withTrailer(encodeHead(SMALL));
    expect(expectFlipsSeen(bytes, 256 - TRAILER, decodeHead)).toBeGreaterThan(0);
  });

  test('a head names a whole overlay or none', () => {
    const none = { ...SMALL, overlaySha256: undefined, overlayLength: 0 };
    expect(decodeHead(withTrailer(encodeHead(none)))).toEqual(none);
    for (const bad of [
      { ...SMALL, overlayLength: 0 },
      { ...SMALL, overlaySha256: undefined },
      { ...SMALL, overlayLength: 207 },
      { ...SMALL, overlaySha256: new Uint8Array(31) },
    ]) {
      expect(codeOf(() => encodeHead(bad))).toBe('format-value');
    }
    // A hash without a length would let an overlay be dropped by one field alone.
    const dropped = changed((view) => view.setUint32(100, 0, true));
    expect(codeOf(() => decodeHead(dropped))).toBe('format-reserved');
  });

  test('values out of range are neither written nor read', () => {
    for (const bad of [
      { sequence: 2 ** 53 },
      { issuedAt: -1 },
      { notAfter: Number.NaN },
      { asOf: 1.5 },
      { manifestLength: 207 },
      { manifestLength: 2 ** 32 },
      { manifestSha256: new Uint8Array(33) },
      { collection: 'über' },
    ]) {
      expect(codeOf(() => encodeHead({ ...SMALL, ...bad }))).toBe('format-value');
    }
    for (const offset of [20, 28, 36, 140]) {
      const bytes = changed((view) => view.setUint32(offset, 2 ** 21, true));
      expect(codeOf(() => decodeHead(bytes))).toBe('format-value');
    }
  });

  test('other kinds, versions and reserved bytes are refused by their own code', () => {
    expect(codeOf(() => decodeHead(changed((view) => view.setUint8(0, 0x73))))).toBe(
      'format-magic',
    );
    expect(codeOf(() => decodeHead(changed((view) => view.setUint16(8, 2, true))))).toBe(
      'format-version',
    );
    for (const offset of [10, 144, 175]) {
      expect(codeOf(() => decodeHead(changed((view) => view.setUint8(offset, 1))))).toBe(
        'format-reserved',
      );
    }
    // The zero byte ends the collection: nothing may hide behind it.
    expect(codeOf(() => decodeHead(changed((view) => view.setUint8(63, 0x41))))).toBe(
      'format-reserved',
    );
  });
});
