/**
 * A bundle as it arrives: a zip archive of `cards.json` and `images/<sha256>.<suffix>`.
 *
 * Its names are compared with the two forms that there are and never become a path. What it says of
 * its sizes is bounded before anything is unpacked, and yauzl holds it to what it said. Every image
 * must be what its name says, by content and by type.
 */

import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import * as yauzl from 'yauzl';
import { SltdError } from '../../src/errors.ts';
import { parseJson } from '../http/read-body.ts';
import { IMAGE_SUFFIX, type ImageType, imageTypeOf } from './image-type.ts';

/** Bytes of an image at most. */
const IMAGE_BYTES_MAX = 2 * 1024 * 1024;
/** Bytes of a bundle as it is sent, at most. */
export const BUNDLE_BYTES_MAX = 24 * 1024 * 1024;
const UNPACKED_BYTES_MAX = 48 * 1024 * 1024;
const CARDS_BYTES_MAX = 1024 * 1024;
/** `cards.json`, the folder, and a hundred images. */
const ENTRIES_MAX = 102;
export const CARDS_NAME = 'cards.json';
const FOLDER_NAME = 'images/';
const IMAGE_NAME = /^images\/([0-9a-f]{64})\.(png|jpg|webp)$/;

/** An image of a bundle. */
export interface BundleImage {
  bytes: Uint8Array;
  mediaType: ImageType;
}

/** What a bundle holds; the cards are not looked at yet. */
export interface Bundle {
  cards: unknown;
  /** By SHA-256 in hexadecimal. */
  images: ReadonlyMap<string, BundleImage>;
}

const refused = (detail: string, cause?: unknown): SltdError =>
  new SltdError('bundle-refused', { detail, cause });

/** The bundle of an archive; 'bundle-refused' if it is none, 'body-not-json' if its cards are not. */
export async function readBundle(archive: Uint8Array): Promise<Bundle> {
  const zip = await openArchive(archive);
  const entries = await listEntries(zip);
  const unpackedBytes = entries.reduce((sum, { uncompressedSize }) => sum + uncompressedSize, 0);
  if (unpackedBytes > UNPACKED_BYTES_MAX) throw refused('too large');
  let cards: unknown;
  const images = new Map<string, BundleImage>();
  const seen = new Set<string>();
  for (const entry of entries) {
    const { fileName } = entry;
    if (seen.has(fileName)) throw refused('a name twice');
    seen.add(fileName);
    if (fileName === FOLDER_NAME && entry.uncompressedSize === 0) continue;
    if (fileName === CARDS_NAME) {
      cards = parseJson(await readEntry(zip, entry, CARDS_BYTES_MAX));
      continue;
    }
    const [, name, suffix] = IMAGE_NAME.exec(fileName) ?? [];
    if (name === undefined) throw refused('a file that no bundle has');
    const bytes = await readEntry(zip, entry, IMAGE_BYTES_MAX);
    const mediaType = imageTypeOf(bytes);
    if (mediaType === undefined || IMAGE_SUFFIX[mediaType] !== suffix) throw refused('no image');
    if (createHash('sha256').update(bytes).digest('hex') !== name) throw refused('another image');
    images.set(name, { bytes, mediaType });
  }
  if (!seen.has(CARDS_NAME)) throw refused('no cards.json');
  return { cards, images };
}

function openArchive(archive: Uint8Array): Promise<yauzl.ZipFile> {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  return new Promise((resolve, reject) => {
    yauzl.fromBuffer(bytes, { lazyEntries: true }, (error, zip) => {
      if (error) reject(refused('no archive', error));
      else resolve(zip);
    });
  });
}

function listEntries(zip: yauzl.ZipFile): Promise<yauzl.Entry[]> {
  return new Promise((resolve, reject) => {
    const entries: yauzl.Entry[] = [];
    zip.once('error', (cause) => reject(refused('broken directory', cause)));
    zip.once('end', () => resolve(entries));
    zip.on('entry', (entry: yauzl.Entry) => {
      entries.push(entry);
      if (entries.length > ENTRIES_MAX) reject(refused('too many files'));
      else if (entry.isEncrypted() || !entry.canDecodeFileData()) reject(refused('encrypted'));
      else zip.readEntry();
    });
    zip.readEntry();
  });
}

async function readEntry(
  zip: yauzl.ZipFile,
  entry: yauzl.Entry,
  bytesMax: number,
): Promise<Uint8Array> {
  if (entry.uncompressedSize > bytesMax) throw refused('a file too large');
  try {
    const stream = await new Promise<Readable>((resolve, reject) => {
      zip.openReadStream(entry, (error, opened) => (error ? reject(error) : resolve(opened)));
    });
    const chunks: Buffer[] = [];
    // yauzl ends with an error at the first byte over the size that the directory says.
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return new Uint8Array(Buffer.concat(chunks));
  } catch (cause) {
    throw refused('a broken file', cause);
  }
}
