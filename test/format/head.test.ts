import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeHead, encodeHead, type HeadContent, sequenceMax } from '../../src/format/head.ts';
import { decodePermit, encodePermit, type Permit } from '../../src/format/permit.ts';
import {
  codeOf,
  expectFlipsSeen,
  expectTruncationsRefused,
  head,
  permit,
  TRAILER,
  withTrailer,
} from './samples.ts';

const PERMIT: Permit = {
  issuedAt: 1_699_999_000_000,
  notAfter: 1_700_086_400_000,
  collection: 'national-UTO',
  manifestSha256: new Uint8Array(32).fill(3),
  manifestLength: 480_000,
};

const SMALL: HeadContent = {
  sequence: 41,
  issuedAt: 1_700_000_000_000,
  notAfter: 1_700_086_400_000,
  asOf: 1_699_999_999_999,
  overlaySha256: new Uint8Array(32).fill(4),
  overlayLength: 208,
  reportedUntil: 1_699_999_999_000,
  permit: withTrailer(encodePermit(PERMIT)),
};

function changed(change: (view: DataView) => void): Uint8Array {
  const bytes = withTrailer(encodeHead(SMALL));
  change(new DataView(bytes.buffer));
  return bytes;
}

describe('head codec', () => {
  test('a head reads back as it was written, and has 384 bytes', () => {
    fc.assert(
      fc.property(head, (value) => {
        const bytes = withTrailer(encodeHead(value));
        expect(bytes.length).toBe(384);
        expect(decodeHead(bytes)).toEqual({ ...value, ...namedBy(value.permit) });
      }),
    );
  });

  test('every head that ends early or late is refused', () => {
    expectTruncationsRefused(withTrailer(encodeHead(SMALL)), decodeHead);
    // One byte more, and a header that says so.
    const longer = new Uint8Array(385);
    longer.set(changed((view) => view.setUint32(12, 385, true)));
    expect(codeOf(() => decodeHead(longer))).toBe('format-length');
  });

  test('every flipped bit before the trailer is refused or changes the head', () => {
    const bytes = withTrailer(encodeHead(SMALL));
    expect(expectFlipsSeen(bytes, 384 - TRAILER, decodeHead)).toBeGreaterThan(0);
  });

  test('a head names a whole overlay or none', () => {
    const none = { ...SMALL, overlaySha256: undefined, overlayLength: 0 };
    expect(decodeHead(withTrailer(encodeHead(none)))).toMatchObject(none);
    for (const bad of [
      { ...SMALL, overlayLength: 0 },
      { ...SMALL, overlaySha256: undefined },
      { ...SMALL, overlayLength: 207 },
      { ...SMALL, overlaySha256: new Uint8Array(31) },
    ]) {
      expect(codeOf(() => encodeHead(bad))).toBe('format-value');
    }
    // A hash without a length would let an overlay be dropped by one field alone.
    const dropped = changed((view) => view.setUint32(48, 0, true));
    expect(codeOf(() => decodeHead(dropped))).toBe('format-reserved');
  });

  test('values out of range are neither written nor read', () => {
    for (const bad of [
      { sequence: 2 ** 53 },
      { issuedAt: -1 },
      { notAfter: Number.NaN },
      { asOf: 1.5 },
      { reportedUntil: -1 },
      { overlayLength: 2 ** 32 },
      { permit: new Uint8Array(175) },
    ]) {
      expect(codeOf(() => encodeHead({ ...SMALL, ...bad }))).toBe('format-value');
    }
    for (const offset of [20, 28, 36, 44, 92]) {
      const bytes = changed((view) => view.setUint32(offset, 2 ** 21, true));
      expect(codeOf(() => decodeHead(bytes))).toBe('format-value');
    }
  });

  test('other kinds, versions and reserved bytes are refused by their own code', () => {
    expect(codeOf(() => decodeHead(changed((view) => view.setUint8(0, 0x73))))).toBe(
      'format-magic',
    );
    expect(codeOf(() => decodeHead(changed((view) => view.setUint16(8, 3, true))))).toBe(
      'format-version',
    );
    for (const offset of [10, 52, 96, 127]) {
      expect(codeOf(() => decodeHead(changed((view) => view.setUint8(offset, 1))))).toBe(
        'format-reserved',
      );
    }
  });

  test('a head does not outlast its permit', () => {
    expect(codeOf(() => encodeHead({ ...SMALL, notAfter: PERMIT.notAfter + 1 }))).toBe(
      'format-value',
    );
  });

  test('a permit that cannot be read makes a head that cannot be', () => {
    for (const [offset, code] of [
      [0, 'format-magic'],
      [92, 'format-reserved'],
    ] as const) {
      const bad = changed((view) => view.setUint8(128 + offset, 0x7a));
      expect(codeOf(() => decodeHead(bad))).toBe(code);
    }
  });
});

describe('permit codec', () => {
  test('a permit reads back as it was written, and has 176 bytes', () => {
    fc.assert(
      fc.property(permit, (value) => {
        const bytes = withTrailer(encodePermit(value));
        expect(bytes.length).toBe(176);
        expect(decodePermit(bytes)).toEqual(value);
      }),
    );
  });

  test('every permit that ends early or late is refused', () => {
    expectTruncationsRefused(SMALL.permit, decodePermit);
  });

  test('every flipped bit before the trailer is refused or changes the permit', () => {
    expect(expectFlipsSeen(SMALL.permit, 176 - TRAILER, decodePermit)).toBeGreaterThan(0);
  });

  test('values out of range are neither written nor read', () => {
    for (const bad of [
      { issuedAt: -1 },
      { notAfter: 2 ** 53 },
      { manifestLength: 207 },
      { manifestLength: 2 ** 32 },
      { manifestSha256: new Uint8Array(33) },
      { collection: 'über' },
    ]) {
      expect(codeOf(() => encodePermit({ ...PERMIT, ...bad }))).toBe('format-value');
    }
    // The zero byte ends the collection: nothing may hide behind it.
    const hidden = SMALL.permit.slice();
    hidden[55] = 0x41;
    expect(codeOf(() => decodePermit(hidden))).toBe('format-reserved');
  });
});

test('a sequence rises by less than one a second from 2026 on', () => {
  const start = Date.UTC(2026, 0, 1);
  expect(sequenceMax(0)).toBe(0);
  expect(sequenceMax(start + 999)).toBe(0);
  expect(sequenceMax(start + 1_000)).toBe(1);
  expect(sequenceMax(Date.UTC(2027, 0, 1))).toBe(365 * 86_400);
});

function namedBy(bytes: Uint8Array) {
  const { issuedAt: permittedAt, collection, manifestSha256, manifestLength } = decodePermit(bytes);
  return { permittedAt, collection, manifestSha256, manifestLength };
}
