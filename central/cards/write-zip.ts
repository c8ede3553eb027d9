/**
 * A zip archive of files as they are: images and a few lines of JSON gain nothing by packing.
 *
 * APPNOTE.TXT 6.3.10 sections 4.3.7, 4.3.12 and 4.3.16. The same files give the same bytes: every
 * time is the first that the format can say.
 */

import { crc32 } from 'node:zlib';

const VERSION_NEEDED = 20;
/** Names are UTF-8. */
const FLAGS = 1 << 11;
/** 1980-01-01. */
const FIRST_DAY = 0x21;

/** A file of an archive; the name in ASCII. */
export interface ZipFile {
  name: string;
  bytes: Uint8Array;
}

/** The archive; its files together must stay under 4 GiB, and under 65,536. */
export function writeZip(files: readonly ZipFile[]): Uint8Array<ArrayBuffer> {
  const local: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  let directoryLength = 0;
  for (const { name, bytes } of files) {
    const shared = fieldsOf(name, bytes);
    const header = Buffer.concat([u32(0x04034b50), shared, Buffer.from(name)]);
    local.push(header, bytes);
    // After the shared fields: comment length, disk, two of attributes, and where the file is.
    const rest = Buffer.concat([u16(0), u16(0), u16(0), u32(0), u32(offset)]);
    const entry = Buffer.concat([
      ...[u32(0x02014b50), u16(VERSION_NEEDED), shared, rest],
      Buffer.from(name),
    ]);
    directory.push(entry);
    offset += header.length + bytes.length;
    directoryLength += entry.length;
  }
  const end = Buffer.concat([
    ...[u32(0x06054b50), u16(0), u16(0), u16(files.length), u16(files.length)],
    ...[u32(directoryLength), u32(offset), u16(0)],
  ]);
  return new Uint8Array(Buffer.concat([...local, ...directory, end]));
}

/** Version, flags, method (stored), time, date, checksum, both sizes, lengths of name and extra. */
function fieldsOf(name: string, bytes: Uint8Array): Buffer {
  return Buffer.concat([
    ...[u16(VERSION_NEEDED), u16(FLAGS), u16(0), u16(0), u16(FIRST_DAY), u32(crc32(bytes))],
    ...[u32(bytes.length), u32(bytes.length), u16(Buffer.byteLength(name)), u16(0)],
  ]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
