import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CATEGORIES, categoryOf } from '../../src/format/category.ts';
import {
  checkContent,
  equalBytes,
  fromHex,
  objectName,
  sha256,
  toHex,
} from '../../src/format/names.ts';
import { codeOf } from './samples.ts';

const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'; // FIPS 180-2, B.1

test('an object is named by the SHA-256 of its bytes', async () => {
  const hash = await sha256(new TextEncoder().encode('abc'));
  expect(objectName('pages', hash)).toBe(`pages/${ABC}`);
  expect(objectName('manifests', hash)).toBe(`manifests/${ABC}`);
});

test('content of another length or hash is not what its name says', async () => {
  const bytes = new TextEncoder().encode('abc');
  const hash = fromHex(ABC);
  await checkContent(bytes, { sha256: hash, length: 3 });
  await expect(checkContent(bytes, { sha256: hash, length: 4 })).rejects.toMatchObject({
    code: 'format-length',
  });
  const other = new TextEncoder().encode('abd');
  await expect(checkContent(other, { sha256: hash, length: 3 })).rejects.toMatchObject({
    code: 'format-digest',
  });
});

test('hexadecimal text gives back its bytes, and nothing else is taken for it', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(fromHex(toHex(bytes))).toEqual(bytes);
      expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'));
    }),
  );
  for (const text of ['0', 'AB', '0g', ' 00', '0x00']) {
    expect(codeOf(() => fromHex(text))).toBe('format-value');
  }
});

test('bytes are equal only if all of them are', () => {
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false);
});

test('categories are the codes of the format, and unused codes are unspecified', () => {
  expect(CATEGORIES.map((_, code) => categoryOf(code))).toEqual(CATEGORIES);
  for (let code = 6; code < 16; code++) expect(categoryOf(code)).toBe('unspecified');
});
