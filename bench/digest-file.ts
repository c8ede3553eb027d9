/**
 * Digests for structures that see nothing else of a key: uniform, all different, the same on every run.
 *
 * They are the key stream of AES-128 in counter mode, whose blocks never repeat.
 */

import { createCipheriv } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { DIGEST_BYTES } from '../src/format/layout.ts';
import type { Digests } from '../src/matcher/matcher.ts';

const BLOCK_BYTES = 2 ** 24;

/** `count` digests from the `first`-th of the stream on. */
export function uniformDigests(first: number, count: number): Digests {
  const counter = Buffer.alloc(16);
  counter.writeBigUInt64BE(BigInt(first), 8);
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), counter);
  const digests = new Uint32Array((DIGEST_BYTES / 4) * count);
  const bytes = new Uint8Array(digests.buffer);
  const zeros = Buffer.alloc(Math.min(BLOCK_BYTES, bytes.length));
  for (let at = 0; at < bytes.length; at += zeros.length) {
    bytes.set(cipher.update(zeros.subarray(0, bytes.length - at)), at);
  }
  return digests;
}

/** Writes them as they lie in memory: 16 bytes each, little-endian words. */
export function writeDigests(file: string, digests: Digests): void {
  const bytes = new Uint8Array(digests.buffer, digests.byteOffset, digests.byteLength);
  const descriptor = openSync(file, 'wx', 0o600);
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(descriptor, bytes, at, Math.min(BLOCK_BYTES, bytes.length - at));
  }
  closeSync(descriptor);
}
