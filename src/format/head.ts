/**
 * Head codec: which edition and overlay are in force, and until when.
 *
 * docs/format.md section 11. The one object that is replaced; all else is named by its content. It
 * names the edition only by the permit that it carries, which an edition key has signed: a head key
 * alone cannot name one. Whether head and permit are in time, and not older than those seen before,
 * the reader decides.
 */

import {
  checkU32,
  checkZero,
  openEnvelope,
  readU53,
  refuse,
  writeBytes,
  writeEnvelope,
  writeU53,
} from './fields.ts';
import {
  HEAD_AS_OF,
  HEAD_BYTES,
  HEAD_ISSUED_AT,
  HEAD_NOT_AFTER,
  HEAD_OVERLAY_LENGTH,
  HEAD_OVERLAY_SHA256,
  HEAD_PERMIT,
  HEAD_REPORTED_UNTIL,
  HEAD_RESERVED_B,
  HEAD_RESERVED_C,
  HEAD_SEQUENCE,
  HEAD_TRAILER,
  OVERLAY_HEADER_BYTES,
  PERMIT_BYTES,
  SHA256_BYTES,
  TRAILER_BYTES,
} from './layout.ts';
import { decodePermit } from './permit.ts';

/** What a head key says. Times in milliseconds since 1970, lengths in bytes. */
export interface HeadContent {
  /** Never goes down. */
  sequence: number;
  issuedAt: number;
  /** Not to be answered from at or after this; at most the permit's. */
  notAfter: number;
  /** The later one of edition and overlay: every report up to here is in them. */
  asOf: number;
  /** There if and only if overlayLength is not 0. */
  overlaySha256?: Uint8Array | undefined;
  overlayLength: number;
  /** Up to when an overlay of this store has ever held every report; 0 if there was none (reports.ts). */
  reportedUntil: number;
  /** The signed permit, as an edition key made it. */
  permit: Uint8Array;
}

/** A head, with what its permit says beside. */
export interface Head extends HeadContent {
  collection: string;
  manifestSha256: Uint8Array;
  manifestLength: number;
  /** When the edition key permitted it. */
  permittedAt: number;
}

/** How far what is signed may be ahead of a reader's clock, in milliseconds. */
export const FUTURE_TOLERANCE_MS = 60_000;

/** A sequence rises by less than one a second, counted from here, in milliseconds since 1970. */
const SEQUENCE_START_MS = Date.UTC(2026, 0, 1);

/**
 * The highest sequence that a head of this time can have.
 *
 * It keeps room above every sequence: whoever steals a head key cannot use the numbers up, so a
 * later head can always be above the highest that any reader has seen.
 */
export function sequenceMax(issuedAt: number): number {
  return Math.max(0, Math.floor((issuedAt - SEQUENCE_START_MS) / 1000));
}

const MAGIC = 'SLTDHEAD';

/*
 * struct Head {                  // 384 bytes
 *    0  u8[8]  magic             // "SLTDHEAD"
 *    8  u16    version           // 2
 *   10  u16    reserved
 *   12  u32    length            // 384
 *   16  u64    sequence
 *   24  u64    issuedAt
 *   32  u64    notAfter
 *   40  u64    asOf
 *   48  u32    overlayLength     // 0: there is none
 *   52  u32    reserved
 *   56  u8[32] overlaySha256     // zero bytes if there is none
 *   88  u64    reportedUntil
 *   96  u8[32] reserved
 *  128  Permit                   // 176 bytes, its own trailer included
 *  304  Trailer
 * }
 */

/** The head without its trailer, which signObject() adds; a format error if it is not one. */
export function encodeHead(head: HeadContent): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES);
  const view = writeEnvelope(bytes, { magic: MAGIC, length: HEAD_BYTES });
  writeU53(view, HEAD_SEQUENCE, head.sequence, MAGIC);
  writeU53(view, HEAD_ISSUED_AT, head.issuedAt, MAGIC);
  writeU53(view, HEAD_NOT_AFTER, head.notAfter, MAGIC);
  writeU53(view, HEAD_AS_OF, head.asOf, MAGIC);
  view.setUint32(HEAD_OVERLAY_LENGTH, checkU32(head.overlayLength, MAGIC), true);
  if ((head.overlayLength === 0) !== (head.overlaySha256 === undefined)) {
    refuse('format-value', 'head overlay');
  }
  if (head.overlaySha256) {
    const hash = { byteCount: SHA256_BYTES, detail: MAGIC };
    writeBytes(bytes, HEAD_OVERLAY_SHA256, head.overlaySha256, hash);
  }
  writeU53(view, HEAD_REPORTED_UNTIL, head.reportedUntil, MAGIC);
  writeBytes(bytes, HEAD_PERMIT, head.permit, { byteCount: PERMIT_BYTES, detail: MAGIC });
  decodeHead(bytes); // what cannot be read is not written
  return bytes.subarray(0, HEAD_TRAILER);
}

/** The head in these 384 bytes, trailer included; throws a format error if it is not one. */
export function decodeHead(bytes: Uint8Array): Head {
  const view = openEnvelope(bytes, { magic: MAGIC, lengthMin: HEAD_BYTES });
  if (bytes.length !== HEAD_BYTES) refuse('format-length', MAGIC);
  checkZero(bytes, HEAD_RESERVED_B, HEAD_OVERLAY_SHA256, MAGIC);
  checkZero(bytes, HEAD_RESERVED_C, HEAD_PERMIT, MAGIC);
  const overlayLength = view.getUint32(HEAD_OVERLAY_LENGTH, true);
  if (overlayLength === 0) {
    checkZero(bytes, HEAD_OVERLAY_SHA256, HEAD_OVERLAY_SHA256 + SHA256_BYTES, MAGIC);
  } else if (overlayLength < OVERLAY_HEADER_BYTES + TRAILER_BYTES) {
    refuse('format-value', MAGIC);
  }
  const permitBytes = bytes.slice(HEAD_PERMIT, HEAD_PERMIT + PERMIT_BYTES);
  const permit = decodePermit(permitBytes);
  const notAfter = readU53(view, HEAD_NOT_AFTER, MAGIC);
  if (notAfter > permit.notAfter) refuse('format-value', 'head outlasts its permit');
  return {
    sequence: readU53(view, HEAD_SEQUENCE, MAGIC),
    issuedAt: readU53(view, HEAD_ISSUED_AT, MAGIC),
    notAfter,
    asOf: readU53(view, HEAD_AS_OF, MAGIC),
    overlaySha256:
      overlayLength === 0
        ? undefined
        : bytes.slice(HEAD_OVERLAY_SHA256, HEAD_OVERLAY_SHA256 + SHA256_BYTES),
    overlayLength,
    reportedUntil: readU53(view, HEAD_REPORTED_UNTIL, MAGIC),
    permit: permitBytes,
    collection: permit.collection,
    manifestSha256: permit.manifestSha256,
    manifestLength: permit.manifestLength,
    permittedAt: permit.issuedAt,
  };
}
