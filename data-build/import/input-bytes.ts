/**
 * The bytes of an input file: unpacked, bounded, hashed, in UTF-8 without a byte order mark.
 *
 * What a file is, its first bytes say, never its name. gz, zst and bz2 are unpacked as a stream, a
 * zip entry by entry; unpacked size and ratio are bounded (input-limits.ts). Text that is not in its
 * encoding stops the build: half-read letters would make other numbers of the numbers.
 */

import { isUtf8 } from 'node:buffer';
import { spawn } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import unbzip2Stream from 'unbzip2-stream';
import { SltdError } from '../../src/errors.ts';
import { UNPACKED_BYTES_MAX, UNPACKED_FREE_BYTES, UNPACKED_RATIO_MAX } from './input-limits.ts';
import type { Encoding } from './profile.ts';
import { openZip } from './zip-entries.ts';

const CHUNK_BYTES = 1024 * 1024;

/** How a file is packed, by its first bytes. */
export type Packing = 'plain' | 'gzip' | 'zstd' | 'bzip2' | 'zip' | 'parquet';

/** One text in an input file: the file itself, or an entry of a zip. */
export interface InputPart {
  /** Unpacked bytes, as they come; may be read once. A chunk is good until the next is asked for. */
  bytes: AsyncIterable<Uint8Array>;
}

export interface OpenInput {
  packing: Packing;
  sizeBytes: number;
  /** Bytes of the packed file read so far, for the progress line. */
  readBytes(): number;
  /** In file order; empty for Parquet, which is not read as a stream. */
  parts: readonly InputPart[];
  /** SHA-256 of the whole file as it lies there; call it after all parts were read. */
  sha256(): Promise<Uint8Array>;
  close(): void;
}

/** Opens a file; 'input-unreadable' if it cannot be, 'input-empty' if it has no byte. */
export async function openInput(path: string): Promise<OpenInput> {
  const { packing, sizeBytes } = probe(path);
  if (sizeBytes === 0) throw new SltdError('input-empty');
  if (packing === 'parquet') return openWhole(path, packing, sizeBytes, []);
  if (packing === 'zip') {
    const zip = await openZip(path);
    const parts = zip.entries.map((open) => ({
      bytes: bounded(readEntry(open), { packedBytes: () => sizeBytes }),
    }));
    return { ...openWhole(path, packing, sizeBytes, parts), close: zip.close };
  }
  const hash = createHash('sha256');
  const state = { readBytes: 0 };
  const raw = hashed(path, hash, state);
  const unpacked = packing === 'plain' ? raw : unpack(copied(raw), packing);
  return {
    packing,
    sizeBytes,
    readBytes: () => state.readBytes,
    parts: [{ bytes: bounded(unpacked, { packedBytes: () => state.readBytes }) }],
    sha256: async () => new Uint8Array(hash.digest()),
    close: () => {},
  };
}

function probe(path: string): { packing: Packing; sizeBytes: number } {
  const first = Buffer.alloc(4);
  let sizeBytes: number;
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new SltdError('input-unreadable', { detail: 'not a file' });
    sizeBytes = stat.size;
    const file = openSync(path, 'r');
    try {
      readSync(file, first, 0, 4, 0);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    if (cause instanceof SltdError) throw cause;
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const detail = missing ? 'there is no such file' : 'no access';
    throw new SltdError('input-unreadable', { detail, cause });
  }
  return { packing: packingOf(first), sizeBytes };
}

function packingOf(first: Buffer): Packing {
  const text = first.toString('latin1');
  if (text.startsWith('\x1f\x8b')) return 'gzip';
  if (text === '\x28\xb5\x2f\xfd') return 'zstd';
  if (text.startsWith('BZh')) return 'bzip2';
  if (text === 'PK\x03\x04') return 'zip';
  return text === 'PAR1' ? 'parquet' : 'plain';
}

/** A file whose hash is taken apart from its reading. */
function openWhole(
  path: string,
  packing: Packing,
  sizeBytes: number,
  parts: readonly InputPart[],
): OpenInput {
  const sha256 = async () => {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
      hash.update(chunk as Buffer);
    }
    return new Uint8Array(hash.digest());
  };
  return { packing, sizeBytes, readBytes: () => 0, parts, sha256, close: () => {} };
}

/**
 * The file in chunks, hashed on their way. There are two buffers, one read into while the other is used: new
 * ones for each chunk keep the garbage collector as busy as the hash.
 */
async function* hashed(
  path: string,
  hash: Hash,
  state: { readBytes: number },
): AsyncGenerator<Uint8Array> {
  try {
    const file = await open(path, 'r');
    try {
      const buffers = [new Uint8Array(CHUNK_BYTES), new Uint8Array(CHUNK_BYTES)];
      for (let turn = 0, reading = file.read(buffers[0]!); ; turn ^= 1) {
        const { bytesRead } = await reading;
        if (bytesRead === 0) return;
        reading = file.read(buffers[turn ^ 1]!);
        // It is waited for in its turn; until then its error must not count as unheard.
        reading.catch(() => {});
        const bytes = buffers[turn]!.subarray(0, bytesRead);
        hash.update(bytes);
        state.readBytes += bytesRead;
        yield bytes;
      }
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new SltdError('input-unreadable', { detail: 'reading failed', cause });
  }
}

/** Chunks for somebody who keeps them. */
async function* copied(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield new Uint8Array(chunk);
}

/** Unpacks a stream; a broken or cut-off one is 'input-unreadable'. */
async function* unpack(
  raw: AsyncIterable<Uint8Array>,
  packing: 'gzip' | 'zstd' | 'bzip2',
): AsyncGenerator<Uint8Array> {
  const stream = packing === 'bzip2' ? await unpackBzip2(raw) : unpackZlib(raw, packing);
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (cause) {
    throw new SltdError('input-unreadable', { detail: `${packing} data is broken`, cause });
  } finally {
    stream.destroy();
  }
}

function unpackZlib(raw: AsyncIterable<Uint8Array>, packing: 'gzip' | 'zstd'): Readable {
  const options = { chunkSize: CHUNK_BYTES };
  const stream = packing === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  // An error reaches the reader through the stream; here it only must not go unheard.
  pipeline(raw, stream, () => {});
  return stream;
}

/** bzip2 is four times faster as the machine's own program; without it, in JavaScript. */
async function unpackBzip2(raw: AsyncIterable<Uint8Array>): Promise<Readable> {
  const output = new PassThrough({ highWaterMark: CHUNK_BYTES });
  const child = spawn('bzip2', ['-dc'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const started = await new Promise<boolean>((resolve) => {
    child.once('spawn', () => resolve(true));
    child.once('error', () => resolve(false));
  });
  if (!started) {
    const through = unbzip2Stream();
    pipeline(raw, through, output, () => {});
    return output;
  }
  pipeline(raw, child.stdin, () => {});
  child.stdout.pipe(output, { end: false });
  child.once('close', (code) => {
    if (code === 0) output.end();
    else output.destroy(new Error('bzip2 ended with an error'));
  });
  output.once('close', () => child.kill());
  return output;
}

async function* readEntry(open: () => Promise<Readable>): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of await open()) yield chunk as Buffer;
  } catch (cause) {
    if (cause instanceof SltdError) throw cause;
    throw new SltdError('input-unreadable', { detail: 'zip data is broken', cause });
  }
}

/** Stops what unpacks to more than any export does. */
async function* bounded(
  source: AsyncIterable<Uint8Array>,
  { packedBytes }: { packedBytes: () => number },
): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const chunk of source) {
    total += chunk.length;
    const overRatio = total > UNPACKED_FREE_BYTES && total > UNPACKED_RATIO_MAX * packedBytes();
    if (overRatio || total > UNPACKED_BYTES_MAX) {
      throw new SltdError('input-unreadable', { detail: 'it unpacks to more than the limit' });
    }
    yield chunk;
  }
}

/**
 * The same text in UTF-8 without a byte order mark, cut anywhere. 'input-encoding' for what is not
 * in the encoding named, and for UTF-16 where UTF-8 was meant.
 */
export async function* decodeText(
  source: AsyncIterable<Uint8Array>,
  encoding: Encoding,
): AsyncGenerator<Uint8Array> {
  yield* encoding === 'utf-8' ? checkUtf8(source) : recode(source, encoding);
}

async function* checkUtf8(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array = new Uint8Array(0);
  let isStart = true;
  for await (const chunk of source) {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (isStart) {
      if (bytes.length < 3) {
        rest = new Uint8Array(bytes);
        continue;
      }
      isStart = false;
      bytes = withoutMark(bytes);
    }
    const end = bytes.length - cutLength(bytes);
    const whole = bytes.subarray(0, end);
    checkText(whole);
    // A copy: slice() of a Buffer is none.
    rest = new Uint8Array(bytes.subarray(end));
    if (whole.length > 0) yield whole;
  }
  if (rest.length > 0) {
    const last = isStart ? withoutMark(rest) : rest;
    checkText(last);
    yield last;
  }
}

function withoutMark(bytes: Uint8Array): Uint8Array {
  const [a, b, c] = bytes;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) {
    throw new SltdError('input-encoding', { detail: 'it is in UTF-16' });
  }
  return a === 0xef && b === 0xbb && c === 0xbf ? bytes.subarray(3) : bytes;
}

/** A NUL byte is valid UTF-8, but in an export it is UTF-16 without a mark, or no text at all. */
function checkText(bytes: Uint8Array): void {
  if (!isUtf8(bytes)) throw new SltdError('input-encoding', { detail: 'it is not UTF-8' });
  if (bytes.includes(0)) throw new SltdError('input-encoding', { detail: 'it has NUL bytes' });
}

/** How many bytes at the end begin a character that is cut off: 0 to 3. */
function cutLength(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

async function* recode(
  source: AsyncIterable<Uint8Array>,
  encoding: Encoding,
): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  const encoder = new TextEncoder();
  try {
    for await (const chunk of source) {
      const text = decoder.decode(chunk, { stream: true });
      if (text !== '') yield encoder.encode(text);
    }
    const text = decoder.decode();
    if (text !== '') yield encoder.encode(text);
  } catch (cause) {
    if (cause instanceof SltdError) throw cause;
    throw new SltdError('input-encoding', { detail: `it is not ${encoding}` });
  }
}
