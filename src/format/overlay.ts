/**
 * Overlay codec: what was reported or withdrawn since the edition was built.
 *
 * docs/format.md section 10. Operations are sorted by digest and looked up in place. A withdrawal
 * takes nothing away at the edge: it is a note for the answer, central decides.
 */

import {
  checkZero,
  openEnvelope,
  readU53,
  refuse,
  writeBytes,
  writeEnvelope,
  writeU53,
} from './fields.ts';
import {
  CATEGORY_MASK,
  DIGEST_BYTES,
  KEY_ID_BYTES,
  OPERATION_ROW_BYTES,
  OPERATION_ROW_CATEGORY,
  OPERATION_ROW_DIGEST,
  OPERATION_ROW_KIND,
  OPERATION_ROW_RESERVED,
  OVERLAY_AS_OF,
  OVERLAY_EPOCH_KEY_ID,
  OVERLAY_HEADER_BYTES,
  OVERLAY_MANIFEST_SHA256,
  OVERLAY_OPERATION_COUNT,
  OVERLAY_RESERVED_B,
  SHA256_BYTES,
  TRAILER_BYTES,
} from './layout.ts';

export type OperationKind = 'added' | 'withdrawn';

export interface OverlayMatch {
  kind: OperationKind;
  /** Code of the category, 0 to 15; 0 for a withdrawn one. */
  category: number;
}

export interface Operation extends OverlayMatch {
  /** 16 bytes. */
  digest: Uint8Array;
}

export interface OverlayContent {
  epochKeyId: Uint8Array;
  /** Of the edition it belongs to. */
  manifestSha256: Uint8Array;
  /** In milliseconds since 1970. */
  asOf: number;
  /** The last one on each digest, in any order. */
  operations: readonly Operation[];
}

const MAGIC = 'SLTDOVRL';
const ADDED = 1;
const WITHDRAWN = 2;

/*
 * struct Overlay {
 *    0  u8[8]  magic             // "SLTDOVRL"
 *    8  u16    version           // 1
 *   10  u16    reserved
 *   12  u32    length            // of the whole object, trailer included
 *   16  u8[16] epochKeyId
 *   32  u8[32] manifestSha256
 *   64  u32    operationCount
 *   68  u32    reserved
 *   72  u64    asOf
 *   80  Operation[operationCount]   // ascending by digest, as 16 bytes compared from the first
 *       Trailer
 * }
 * struct Operation {             // 20 bytes
 *    0  u8[16] digest
 *   16  u8     kind              // 1 added, 2 withdrawn
 *   17  u8     category          // of an added one; 0 for a withdrawn one
 *   18  u16    reserved
 * }
 */

/**
 * The overlay without its trailer, which signObject() adds; sorts the operations itself.
 * A format error if two operations have one digest or a field is out of its range.
 */
export function encodeOverlay(content: OverlayContent): Uint8Array {
  const operations = content.operations.toSorted((a, b) => compareBytes(a.digest, b.digest));
  const bodyBytes = OVERLAY_HEADER_BYTES + OPERATION_ROW_BYTES * operations.length;
  const bytes = new Uint8Array(bodyBytes + TRAILER_BYTES);
  const view = writeEnvelope(bytes, { magic: MAGIC, length: bytes.length });
  writeBytes(bytes, OVERLAY_EPOCH_KEY_ID, content.epochKeyId, {
    byteCount: KEY_ID_BYTES,
    detail: MAGIC,
  });
  writeBytes(bytes, OVERLAY_MANIFEST_SHA256, content.manifestSha256, {
    byteCount: SHA256_BYTES,
    detail: MAGIC,
  });
  view.setUint32(OVERLAY_OPERATION_COUNT, operations.length, true);
  writeU53(view, OVERLAY_AS_OF, content.asOf, MAGIC);
  operations.forEach((operation, index) => {
    const row = OVERLAY_HEADER_BYTES + OPERATION_ROW_BYTES * index;
    writeBytes(bytes, row + OPERATION_ROW_DIGEST, operation.digest, {
      byteCount: DIGEST_BYTES,
      detail: MAGIC,
    });
    checkCategory(operation.category);
    bytes[row + OPERATION_ROW_KIND] = operation.kind === 'added' ? ADDED : WITHDRAWN;
    bytes[row + OPERATION_ROW_CATEGORY] = operation.category;
  });
  openOverlay(bytes); // order and categories: what cannot be read is not written
  return bytes.subarray(0, bodyBytes);
}

/** The overlay in these bytes, trailer included; throws a format error if it is not one. */
export function openOverlay(bytes: Uint8Array): Overlay {
  return new Overlay(bytes);
}

/** An overlay whose every operation was checked; it reads them from the bytes given. */
export class Overlay {
  /** 16 bytes. */
  readonly epochKeyId: Uint8Array;
  /** Of the edition it belongs to. */
  readonly manifestSha256: Uint8Array;
  readonly operationCount: number;
  /** In milliseconds since 1970. */
  readonly asOf: number;

  readonly #view: DataView;
  /**
   * Where the operations begin whose digest starts with the bits b, and at b + 1 where they end.
   * Digests are uniform, so a look-up touches about one operation instead of log2(count).
   */
  readonly #starts: Uint32Array;
  readonly #prefixShift: number;

  /** Use openOverlay(). */
  constructor(bytes: Uint8Array) {
    const lengthMin = OVERLAY_HEADER_BYTES + TRAILER_BYTES;
    const view = openEnvelope(bytes, { magic: MAGIC, lengthMin });
    this.operationCount = view.getUint32(OVERLAY_OPERATION_COUNT, true);
    const length = lengthMin + OPERATION_ROW_BYTES * this.operationCount;
    if (bytes.length !== length) refuse('format-length', MAGIC);
    checkZero(bytes, OVERLAY_RESERVED_B, OVERLAY_AS_OF, MAGIC);
    this.epochKeyId = bytes.slice(OVERLAY_EPOCH_KEY_ID, OVERLAY_EPOCH_KEY_ID + KEY_ID_BYTES);
    this.manifestSha256 = bytes.slice(
      OVERLAY_MANIFEST_SHA256,
      OVERLAY_MANIFEST_SHA256 + SHA256_BYTES,
    );
    this.asOf = readU53(view, OVERLAY_AS_OF, MAGIC);
    this.#view = view;
    checkOperations(view, this.operationCount);

    const prefixBits = Math.max(1, Math.ceil(Math.log2(this.operationCount + 1)));
    this.#prefixShift = 32 - prefixBits;
    this.#starts = new Uint32Array(2 ** prefixBits + 1);
    for (let index = 0; index < this.operationCount; index++) {
      this.#starts[(this.#word(index, 0) >>> this.#prefixShift) + 1]!++;
    }
    for (let b = 1; b < this.#starts.length; b++) this.#starts[b]! += this.#starts[b - 1]!;
  }

  /** The operation on the digest of these four words, or undefined if there is none. */
  find(d0: number, d1: number, d2: number, d3: number): OverlayMatch | undefined {
    // As bytes compared from the first, words read the other way round decide.
    const w0 = swapBytes(d0);
    const w1 = swapBytes(d1);
    const w2 = swapBytes(d2);
    const w3 = swapBytes(d3);
    const prefix = w0 >>> this.#prefixShift;
    let low = this.#starts[prefix]!;
    let high = this.#starts[prefix + 1]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order =
        this.#word(middle, 0) - w0 ||
        this.#word(middle, 1) - w1 ||
        this.#word(middle, 2) - w2 ||
        this.#word(middle, 3) - w3;
      if (order === 0) return this.#operation(middle);
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  #word(index: number, word: number): number {
    const row = OVERLAY_HEADER_BYTES + OPERATION_ROW_BYTES * index;
    return this.#view.getUint32(row + OPERATION_ROW_DIGEST + 4 * word, false);
  }

  #operation(index: number): OverlayMatch {
    const row = OVERLAY_HEADER_BYTES + OPERATION_ROW_BYTES * index;
    const added = this.#view.getUint8(row + OPERATION_ROW_KIND) === ADDED;
    const category = this.#view.getUint8(row + OPERATION_ROW_CATEGORY);
    return { kind: added ? 'added' : 'withdrawn', category };
  }
}

function checkOperations(view: DataView, operationCount: number): void {
  const end = OVERLAY_HEADER_BYTES + OPERATION_ROW_BYTES * operationCount;
  for (let row = OVERLAY_HEADER_BYTES; row < end; row += OPERATION_ROW_BYTES) {
    const kind = view.getUint8(row + OPERATION_ROW_KIND);
    const category = view.getUint8(row + OPERATION_ROW_CATEGORY);
    if (kind !== ADDED && kind !== WITHDRAWN) refuse('format-value', 'overlay kind');
    checkCategory(category);
    if (kind === WITHDRAWN && category !== 0) refuse('format-value', 'overlay category');
    if (view.getUint16(row + OPERATION_ROW_RESERVED, true) !== 0) refuse('format-reserved', MAGIC);
    if (row > OVERLAY_HEADER_BYTES && !isAbove(view, row, row - OPERATION_ROW_BYTES)) {
      refuse('format-value', 'overlay order');
    }
  }
}

function checkCategory(category: number): void {
  if (!Number.isInteger(category) || category < 0 || category > CATEGORY_MASK) {
    refuse('format-value', 'overlay category');
  }
}

function isAbove(view: DataView, row: number, other: number): boolean {
  for (let offset = OPERATION_ROW_DIGEST; offset < DIGEST_BYTES; offset += 4) {
    const difference = view.getUint32(row + offset, false) - view.getUint32(other + offset, false);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < DIGEST_BYTES; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function swapBytes(word: number): number {
  return ((word << 24) | ((word << 8) & 0xff0000) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
