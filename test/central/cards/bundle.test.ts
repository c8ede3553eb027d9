/** A bundle of cards brings images and lines of text, and nothing else gets in with it. */

import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { imageTypeOf } from '../../../central/cards/image-type.ts';
import { readBundle } from '../../../central/cards/read-bundle.ts';
import { writeZip } from '../../../central/cards/write-zip.ts';
import { bundleOf, specimenFiles } from './card-world.ts';

describe('a bundle', () => {
  const [, image] = specimenFiles();
  const isRefused = (archive: Uint8Array) =>
    expect(readBundle(archive)).rejects.toMatchObject({ code: 'bundle-refused' });

  it.each(['../cards.json', '/etc/passwd', 'images/../../x.png', 'images\\x.png', 'readme.txt'])(
    'has no file %s',
    (name) => isRefused(bundleOf([], { name, bytes: Buffer.from('x') })),
  );

  it('has images that are what their names say', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>');
    const name = (bytes: Uint8Array) =>
      `images/${createHash('sha256').update(bytes).digest('hex')}.png`;
    await isRefused(bundleOf([], { name: name(svg), bytes: svg }));
    await isRefused(bundleOf([], { name: name(svg), bytes: image!.bytes }));
    await isRefused(bundleOf([], { ...image!, name: image!.name.replace('.png', '.jpg') }));
    await isRefused(bundleOf([], image!, image!));
  });

  it('is refused cut, damaged or without cards', async () => {
    const whole = writeZip(specimenFiles());
    for (const length of [0, 10, 1_000, whole.length - 1]) await isRefused(whole.slice(0, length));
    const damaged = whole.slice();
    damaged[damaged.length - 200]! ^= 0xff;
    await expect(readBundle(damaged)).rejects.toThrow();
    await isRefused(writeZip([image!]));
  });

  it('unpacks no more than it says, and says no more than it may', async () => {
    const bomb = (declaredBytes: number) => packed(Buffer.alloc(8_000_000), declaredBytes);
    await isRefused(bomb(8_000_000));
    await isRefused(bomb(1_000));
    const many = Array.from({ length: 200 }, (_, i) => ({ name: `${i}`, bytes: Buffer.alloc(0) }));
    await isRefused(writeZip(many));
  });
});

/** An archive whose `cards.json` is packed and of a size that may be a lie. */
function packed(content: Uint8Array, declaredBytes: number): Uint8Array {
  const data = deflateRawSync(content);
  const archive = Buffer.from(writeZip([{ name: 'cards.json', bytes: data }]));
  const directory = archive.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
  archive.writeUInt16LE(8, 8);
  archive.writeUInt16LE(8, directory + 10);
  archive.writeUInt32LE(declaredBytes, 22);
  archive.writeUInt32LE(declaredBytes, directory + 24);
  return archive;
}

describe('the type of an image', () => {
  const png = (width: number, height: number) => {
    const bytes = Buffer.from(specimenFiles()[1]!.bytes.slice(0, 40));
    bytes.writeUInt32BE(width, 16);
    bytes.writeUInt32BE(height, 20);
    return bytes;
  };
  const jpeg = Buffer.from('ffd8ffe00004aaaaffc0000b08001000200301', 'hex');
  const webp = Buffer.concat([
    ...[Buffer.from('RIFF\0\0\0\0WEBPVP8X'), Buffer.alloc(8), Buffer.from('0f00001f0000', 'hex')],
  ]);

  it.each([
    ['image/png', png(6_000, 1)],
    ['image/jpeg', jpeg],
    ['image/webp', webp],
  ])('%s is told by its bytes', (type, bytes) => {
    expect(imageTypeOf(bytes)).toBe(type);
    for (let length = 0; length < 16; length++) {
      expect(imageTypeOf(bytes.subarray(0, length))).toBeUndefined();
    }
  });

  it('is none with too many pixels, or none at all', () => {
    for (const [width, height] of [
      [6_001, 1],
      [1, 0xffffffff],
      [0, 1],
    ] as const) {
      expect(imageTypeOf(png(width, height))).toBeUndefined();
    }
    expect(imageTypeOf(Buffer.from('GIF89a0123456789012345678901234567890'))).toBeUndefined();
  });
});
