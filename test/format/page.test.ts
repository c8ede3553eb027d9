import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StateCode } from '../../src/document/issuing-state.ts';
import {
  decodePage,
  filterPageBytes,
  matchPageBytes,
  type PageHeader,
  slotsOffset,
  writePageHeader,
} from '../../src/format/page.ts';
import { codeOf, expectFlipsSeen, expectTruncationsRefused, page } from './samples.ts';

const HEADER = 64;

function build(change: Partial<PageHeader> = {}): Uint8Array {
  const header: PageHeader = {
    kind: 'match',
    length: matchPageBytes(21, 6),
    state: 'UTO' as StateCode,
    shardIndex: 2,
    shardCount: 5,
    keyCount: 21,
    tableCount: 6,
    parameter: 7,
    epochKeyId: new Uint8Array(16).fill(9),
    ...change,
  };
  const bytes = new Uint8Array(header.length);
  writePageHeader(bytes, header);
  return bytes;
}

const FILTER = { kind: 'filter', length: filterPageBytes(3), tableCount: 3, parameter: 5 } as const;

describe('page codec', () => {
  test('a page reads back as it was written', () => {
    fc.assert(
      fc.property(page, ({ header, bytes }) => {
        expect(decodePage(bytes)).toEqual(header);
        expect(decodePage(bytes, header)).toEqual(header);
      }),
    );
  });

  test('a page is found inside a larger buffer', () => {
    const bytes = build();
    const larger = new Uint8Array(bytes.length + 7);
    larger.set(bytes, 3);
    expect(decodePage(larger.subarray(3, 3 + bytes.length))).toEqual(decodePage(bytes));
  });

  test('every page that ends early or late is refused', () => {
    expectTruncationsRefused(build(), decodePage);
    expectTruncationsRefused(build(FILTER), decodePage);
  });

  test('every flipped bit of a header is refused or changes the header', () => {
    expect(expectFlipsSeen(build(), HEADER, decodePage)).toBeGreaterThan(0);
    expect(expectFlipsSeen(build(FILTER), HEADER, decodePage)).toBeGreaterThan(0);
  });

  test('padding behind pilots and slots is zero, the last half-byte included', () => {
    const slotsEnd = slotsOffset(6) + 95; // 21 slots are 94.5 bytes
    const padding = [HEADER + 6, HEADER + 7];
    for (let at = slotsEnd; at < build().length; at++) padding.push(at);
    for (const at of padding) {
      const bytes = build();
      bytes[at] = 1;
      expect(codeOf(() => decodePage(bytes))).toBe('format-reserved');
    }
    const bytes = build();
    bytes[slotsEnd - 1] = 0x0f;
    expect(decodePage(bytes).keyCount).toBe(21);
    bytes[slotsEnd - 1] = 0x10;
    expect(codeOf(() => decodePage(bytes))).toBe('format-reserved');
  });

  test('8 bytes can be read at the last slot of every size', () => {
    for (let keyCount = 1; keyCount <= 300; keyCount++) {
      const last = slotsOffset(1) + Math.floor((9 * (keyCount - 1)) / 2);
      expect(last + 8).toBeLessThanOrEqual(matchPageBytes(keyCount, 1));
    }
  });

  test('a page of another row is page-corrupt', () => {
    const bytes = build();
    const row = decodePage(bytes);
    const others: Partial<PageHeader>[] = [
      { kind: 'filter' },
      { state: 'D' as StateCode },
      { shardIndex: 1 },
      { shardCount: 6 },
      { epochKeyId: new Uint8Array(16) },
    ];
    for (const other of others) {
      expect(codeOf(() => decodePage(bytes, { ...row, ...other }))).toBe('page-corrupt');
    }
  });

  test('values out of range are neither written nor read', () => {
    const bad: Partial<PageHeader>[] = [
      { shardIndex: 5 },
      { shardCount: 0, shardIndex: 0 },
      { shardCount: 2 ** 32 },
      { keyCount: 65537, length: matchPageBytes(65537, 6) },
      { keyCount: 0, length: HEADER },
      { tableCount: 0, length: matchPageBytes(21, 0) },
      { tableCount: 22, length: matchPageBytes(21, 22) },
      { keyCount: 0, tableCount: 0, length: HEADER, parameter: 1 },
      { ...FILTER, parameter: 0 },
      { ...FILTER, parameter: 17 },
      { ...FILTER, tableCount: 65537, length: filterPageBytes(65537) },
      { state: 'uto' as StateCode },
      { state: 'UTOP' as StateCode },
      { epochKeyId: new Uint8Array(15) },
    ];
    for (const change of bad) expect(codeOf(() => build(change))).toBe('format-value');
    expect(codeOf(() => build({ length: matchPageBytes(21, 6) + 8 }))).toBe('format-length');
  });

  test('a state field has letters, then fillers, then a zero byte', () => {
    for (const field of ['<<<\0', 'D<O\0', 'U1O\0', 'uto\0', 'UTO<', 'UTOP', 'D\0\0\0']) {
      const bytes = build();
      for (let i = 0; i < 4; i++) bytes[16 + i] = field.charCodeAt(i);
      expect(codeOf(() => decodePage(bytes))).toBe('format-value');
    }
  });

  test('no bytes at all make decodePage fail otherwise than with a format code', () => {
    fc.assert(
      fc.property(page, fc.array(fc.tuple(fc.nat(HEADER - 1), fc.nat(255))), (sample, changes) => {
        const bytes = sample.bytes.slice();
        for (const [at, value] of changes) bytes[at] = value;
        try {
          expect(decodePage(bytes).length).toBe(bytes.length);
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^format-/);
        }
      }),
    );
  });
});
