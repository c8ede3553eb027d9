/**
 * Head codec: which edition and overlay are in force, and until when.
 *
 * docs/format.md section 11. The one object that is replaced; all else is named by its content.
 * Whether it is in time, and not older than one seen before, the reader decides.
 */

import {
  checkU32,
  checkZero,
  openEnvelope,
  readCollection,
  readU53,
  refuse,
  writeBytes,
  writeCollection,
  writeEnvelope,
  writeU53,
} from './fields.ts';
import {
  HEAD_AS_OF,
  HEAD_BYTES,
  HEAD_COLLECTION,
  HEAD_ISSUED_AT,
  HEAD_MANIFEST_LENGTH,
  HEAD_MANIFEST_SHA256,
  HEAD_NOT_AFTER,
  HEAD_OVERLAY_LENGTH,
  HEAD_OVERLAY_SHA256,
  HEAD_RESERVED_B,
  HEAD_SEQUENCE,
  HEAD_TRAILER,
  MANIFEST_HEADER_BYTES,
  OVERLAY_HEADER_BYTES,
  SHA256_BYTES,
  TRAILER_BYTES,
} from './layout.ts';

/** Times in milliseconds since 1970, lengths in bytes. */
export interface Head {
  /** Never goes down. */
  sequence: number;
  issuedAt: number;
  /** Not to be answered from at or after this. */
  notAfter: number;
  collection: string;
  manifestSha256: Uint8Array;
  manifestLength: number;
  /** There if and only if overlayLength is not 0. */
  overlaySha256?: Uint8Array | undefined;
  overlayLength: number;
  /** Every report up to here is in edition or overlay. */
  asOf: number;
}

const MAGIC = 'SLTDHEAD';

/*
 * struct Head {                  // 256 bytes
 *    0  u8[8]  magic             // "SLTDHEAD"
 *    8  u16    version           // 1
 *   10  u16    reserved
 *   12  u32    length            // 256
 *   16  u64    sequence
 *   24  u64    issuedAt
 *   32  u64    notAfter
 *   40  u8[24] collection
 *   64  u8[32] manifestSha256
 *   96  u32    manifestLength
 *  100  u32    overlayLength     // 0: there is none
 *  104  u8[32] overlaySha256     // zero bytes if there is none
 *  136  u64    asOf
 *  144  u8[32] reserved
 *  176  Trailer
 * }
 */

/** The head without its trailer, which signObject() adds; a format error if it is not one. */
export function encodeHead(head: Head): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES);
  const view = writeEnvelope(bytes, { magic: MAGIC, length: HEAD_BYTES });
  writeU53(view, HEAD_SEQUENCE, head.sequence, MAGIC);
  writeU53(view, HEAD_ISSUED_AT, head.issuedAt, MAGIC);
  writeU53(view, HEAD_NOT_AFTER, head.notAfter, MAGIC);
  writeCollection(bytes, HEAD_COLLECTION, head.collection, MAGIC);
  const hash = { byteCount: SHA256_BYTES, detail: MAGIC };
  writeBytes(bytes, HEAD_MANIFEST_SHA256, head.manifestSha256, hash);
  view.setUint32(HEAD_MANIFEST_LENGTH, checkU32(head.manifestLength, MAGIC), true);
  view.setUint32(HEAD_OVERLAY_LENGTH, checkU32(head.overlayLength, MAGIC), true);
  if ((head.overlayLength === 0) !== (head.overlaySha256 === undefined)) {
    refuse('format-value', 'head overlay');
  }
  if (head.overlaySha256) writeBytes(bytes, HEAD_OVERLAY_SHA256, head.overlaySha256, hash);
  writeU53(view, HEAD_AS_OF, head.asOf, MAGIC);
  decodeHead(bytes); // what cannot be read is not written
  return bytes.subarray(0, HEAD_TRAILER);
}

/** The head in these 256 bytes, trailer included; throws a format error if it is not one. */
export function decodeHead(bytes: Uint8Array): Head {
  const view = openEnvelope(bytes, { magic: MAGIC, lengthMin: HEAD_BYTES });
  if (bytes.length !== HEAD_BYTES) refuse('format-length', MAGIC);
  checkZero(bytes, HEAD_RESERVED_B, HEAD_TRAILER, MAGIC);
  const manifestLength = view.getUint32(HEAD_MANIFEST_LENGTH, true);
  if (manifestLength < MANIFEST_HEADER_BYTES + TRAILER_BYTES) refuse('format-value', MAGIC);
  const overlayLength = view.getUint32(HEAD_OVERLAY_LENGTH, true);
  if (overlayLength === 0) {
    checkZero(bytes, HEAD_OVERLAY_SHA256, HEAD_OVERLAY_SHA256 + SHA256_BYTES, MAGIC);
  } else if (overlayLength < OVERLAY_HEADER_BYTES + TRAILER_BYTES) {
    refuse('format-value', MAGIC);
  }
  return {
    sequence: readU53(view, HEAD_SEQUENCE, MAGIC),
    issuedAt: readU53(view, HEAD_ISSUED_AT, MAGIC),
    notAfter: readU53(view, HEAD_NOT_AFTER, MAGIC),
    collection: readCollection(bytes, HEAD_COLLECTION, MAGIC),
    manifestSha256: bytes.slice(HEAD_MANIFEST_SHA256, HEAD_MANIFEST_SHA256 + SHA256_BYTES),
    manifestLength,
    overlaySha256:
      overlayLength === 0
        ? undefined
        : bytes.slice(HEAD_OVERLAY_SHA256, HEAD_OVERLAY_SHA256 + SHA256_BYTES),
    overlayLength,
    asOf: readU53(view, HEAD_AS_OF, MAGIC),
  };
}
