/**
 * Permit codec: the edition key's word that a manifest may be in force, since when and until when.
 *
 * docs/format.md section 11. It stands in the head, which other keys sign more often: whoever holds
 * only a head key can move between editions no further than permits go, and keep one in force no
 * longer than its permit lasts. The order of permits is the order of their times.
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
  MANIFEST_HEADER_BYTES,
  PERMIT_BYTES,
  PERMIT_COLLECTION,
  PERMIT_ISSUED_AT,
  PERMIT_MANIFEST_LENGTH,
  PERMIT_MANIFEST_SHA256,
  PERMIT_NOT_AFTER,
  PERMIT_RESERVED_B,
  PERMIT_TRAILER,
  SHA256_BYTES,
  TRAILER_BYTES,
} from './layout.ts';

/** Times in milliseconds since 1970, lengths in bytes. */
export interface Permit {
  /** A reader takes no permit that is older than one it has seen. */
  issuedAt: number;
  /** The edition is not to be answered from at or after this. */
  notAfter: number;
  collection: string;
  manifestSha256: Uint8Array;
  manifestLength: number;
}

const MAGIC = 'SLTDPRMT';

/*
 * struct Permit {                // 176 bytes
 *    0  u8[8]  magic             // "SLTDPRMT"
 *    8  u16    version           // 2
 *   10  u16    reserved
 *   12  u32    length            // 176
 *   16  u64    issuedAt
 *   24  u64    notAfter
 *   32  u8[24] collection
 *   56  u8[32] manifestSha256
 *   88  u32    manifestLength
 *   92  u32    reserved
 *   96  Trailer                  // of an edition key
 * }
 */

/** The permit without its trailer, which signObject() adds; a format error if it is not one. */
export function encodePermit(permit: Permit): Uint8Array {
  const bytes = new Uint8Array(PERMIT_BYTES);
  const view = writeEnvelope(bytes, { magic: MAGIC, length: PERMIT_BYTES });
  writeU53(view, PERMIT_ISSUED_AT, permit.issuedAt, MAGIC);
  writeU53(view, PERMIT_NOT_AFTER, permit.notAfter, MAGIC);
  writeCollection(bytes, PERMIT_COLLECTION, permit.collection, MAGIC);
  const hash = { byteCount: SHA256_BYTES, detail: MAGIC };
  writeBytes(bytes, PERMIT_MANIFEST_SHA256, permit.manifestSha256, hash);
  view.setUint32(PERMIT_MANIFEST_LENGTH, checkU32(permit.manifestLength, MAGIC), true);
  decodePermit(bytes); // what cannot be read is not written
  return bytes.subarray(0, PERMIT_TRAILER);
}

/** The permit in these 176 bytes, trailer included; throws a format error if it is not one. */
export function decodePermit(bytes: Uint8Array): Permit {
  const view = openEnvelope(bytes, { magic: MAGIC, lengthMin: PERMIT_BYTES });
  if (bytes.length !== PERMIT_BYTES) refuse('format-length', MAGIC);
  checkZero(bytes, PERMIT_RESERVED_B, PERMIT_TRAILER, MAGIC);
  const manifestLength = view.getUint32(PERMIT_MANIFEST_LENGTH, true);
  if (manifestLength < MANIFEST_HEADER_BYTES + TRAILER_BYTES) refuse('format-value', MAGIC);
  return {
    issuedAt: readU53(view, PERMIT_ISSUED_AT, MAGIC),
    notAfter: readU53(view, PERMIT_NOT_AFTER, MAGIC),
    collection: readCollection(bytes, PERMIT_COLLECTION, MAGIC),
    manifestSha256: bytes.slice(PERMIT_MANIFEST_SHA256, PERMIT_MANIFEST_SHA256 + SHA256_BYTES),
    manifestLength,
  };
}
