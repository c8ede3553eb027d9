/**
 * Overlay codec: what was reported or withdrawn since the edition was built.
 *
 * docs/format.md section 10. Rows are sorted by digest and looked up in place. A withdrawal takes
 * nothing away at the edge (S5): it is a note for the answer, central decides. A segment is a small
 * overlay on top of a large one, so that a new report costs a reader a few kilobytes and not
 * megabytes; its row on a digest stands instead of that below.
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
  CATEGORY_MASK,
  DIGEST_BYTES,
  KEY_ID_BYTES,
  OPERATION_ROW_BYTES,
  OPERATION_ROW_CATEGORY,
  OPERATION_ROW_DIGEST,
  OPERATION_ROW_KIND,
  OPERATION_ROW_RESERVED,
  OVERLAY_AS_OF,
  OVERLAY_BASE_LENGTH,
  OVERLAY_BASE_SHA256,
  OVERLAY_COLLECTION,
  OVERLAY_EPOCH_KEY_ID,
  OVERLAY_FROM,
  OVERLAY_HEADER_BYTES,
  OVERLAY_LAST_OPERATION,
  OVERLAY_OPERATION_COUNT,
  OVERLAY_RESERVED_B,
  SHA256_BYTES,
  TRAILER_BYTES,
} from './layout.ts';
import { equalBytes } from './names.ts';

/** By code, from 1: docs/format.md section 10. */
const KINDS = ['added', 'withdrawn', 'added-withdrawn'] as const;

/** What all operations on one digest come to. */
export type OperationKind = (typeof KINDS)[number];

export interface OverlayMatch {
  kind: OperationKind;
  /** Code of the category, 0 to 15; 0 for a withdrawn one. */
  category: number;
}

export interface Operation extends OverlayMatch {
  /** 16 bytes. */
  digest: Uint8Array;
}

/** An overlay by its content. */
export interface OverlayName {
  sha256: Uint8Array;
  /** In bytes. */
  length: number;
}

/** What an overlay says of itself; times in milliseconds since 1970. */
export interface OverlayFacts {
  /** 16 bytes. */
  epochKeyId: Uint8Array;
  collection: string;
  /** It begins with the operations of this time. */
  from: number;
  /** Every operation up to here is in it. */
  asOf: number;
  /** Number of the last operation of central's log that it knows of. */
  lastOperation: number;
  /** The overlay that it stands on, if it is a segment. */
  base?: OverlayName | undefined;
}

export interface OverlayContent extends OverlayFacts {
  /** One for each digest, in any order. */
  operations: readonly Operation[];
}

const MAGIC = 'SLTDOVRL';
const LENGTH_MIN = OVERLAY_HEADER_BYTES + TRAILER_BYTES;
const WITHDRAWN = 1 + KINDS.indexOf('withdrawn');
/** Most bytes of one overlay, base or segment: 400,000 operations, ten days without a new edition. */
export const OVERLAY_BYTES_MAX = 8 * 1024 * 1024;
/** Rows a block of the filter, at most: 1 look-up in 25 gets past it then, 1 in 150 at 150,000 rows. */
const ROWS_PER_BLOCK = 8;
/** Bits of a digest in its block: six bits of d1 name each. */
const BITS_PER_ROW = 5;

/**
 * A Bloom filter in blocks of 64 bits over all rows: what the wasm asks first (assembly/filter.ts).
 * The block of a digest is at d0 >>> shift; d1 names its bits, the lowest six of it the first.
 */
export interface OverlayFilter {
  /** Two a block, the lower bits first; a power of two of blocks, 2 to 2^17. */
  words: Uint32Array;
  /** 15 to 31. */
  shift: number;
}

/*
 * struct Overlay {
 *    0  u8[8]  magic             // "SLTDOVRL"
 *    8  u16    version           // 2
 *   10  u16    reserved
 *   12  u32    length            // of the whole object, trailer included
 *   16  u8[16] epochKeyId
 *   32  u8[24] collection
 *   56  u32    operationCount
 *   60  u32    baseLength        // 0: it stands alone
 *   64  u8[32] baseSha256
 *   96  u64    from
 *  104  u64    asOf
 *  112  u64    lastOperation
 *  120  u64    reserved
 *  128  Operation[operationCount]   // ascending by digest, as 16 bytes compared from the first
 *       Trailer
 * }
 * struct Operation {             // 20 bytes
 *    0  u8[16] digest
 *   16  u8     kind              // 1 added, 2 withdrawn, 3 added and then withdrawn
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
  const field = (byteCount: number) => ({ byteCount, detail: MAGIC });
  writeBytes(bytes, OVERLAY_EPOCH_KEY_ID, content.epochKeyId, field(KEY_ID_BYTES));
  writeCollection(bytes, OVERLAY_COLLECTION, content.collection, MAGIC);
  view.setUint32(OVERLAY_OPERATION_COUNT, operations.length, true);
  if (content.base) {
    view.setUint32(OVERLAY_BASE_LENGTH, checkU32(content.base.length, MAGIC), true);
    writeBytes(bytes, OVERLAY_BASE_SHA256, content.base.sha256, field(SHA256_BYTES));
  }
  writeU53(view, OVERLAY_FROM, content.from, MAGIC);
  writeU53(view, OVERLAY_AS_OF, content.asOf, MAGIC);
  writeU53(view, OVERLAY_LAST_OPERATION, content.lastOperation, MAGIC);
  operations.forEach(({ digest, kind, category }, index) => {
    const row = OVERLAY_HEADER_BYTES + OPERATION_ROW_BYTES * index;
    writeBytes(bytes, row + OPERATION_ROW_DIGEST, digest, field(DIGEST_BYTES));
    checkCategory(category);
    bytes[row + OPERATION_ROW_KIND] = 1 + KINDS.indexOf(kind);
    bytes[row + OPERATION_ROW_CATEGORY] = category;
  });
  openOverlay(bytes); // order and categories: what cannot be read is not written
  return bytes.subarray(0, bodyBytes);
}

/**
 * The overlay in these bytes, trailer included; throws a format error if it is not one, or if the
 * base does not belong below it. Without its base a segment knows only its own rows.
 */
export function openOverlay(bytes: Uint8Array, base?: Overlay): Overlay {
  return new Overlay(bytes, base);
}

/** An overlay whose every row was checked; it reads them from the bytes given. */
export class Overlay implements OverlayFacts {
  readonly epochKeyId: Uint8Array;
  readonly collection: string;
  readonly from: number;
  readonly asOf: number;
  readonly lastOperation: number;
  readonly base: OverlayName | undefined;
  /** Rows of its own. */
  readonly rowCount: number;

  readonly #view: DataView;
  readonly #below: Overlay | undefined;
  /** Rows by the top bits of their digest: those of b begin at starts[b] and end at starts[b + 1]. */
  readonly #starts: Uint32Array;
  readonly #prefixShift: number;
  /**
   * Over its own rows and those below: small enough to stay in the processor's cache, where rows and
   * starts would cost more than all the rest of a probe.
   */
  readonly filter: OverlayFilter;

  /** Use openOverlay(). */
  constructor(bytes: Uint8Array, below?: Overlay) {
    const view = openEnvelope(bytes, { magic: MAGIC, lengthMin: LENGTH_MIN });
    this.rowCount = view.getUint32(OVERLAY_OPERATION_COUNT, true);
    if (bytes.length !== LENGTH_MIN + OPERATION_ROW_BYTES * this.rowCount) {
      refuse('format-length', MAGIC);
    }
    checkZero(bytes, OVERLAY_RESERVED_B, OVERLAY_HEADER_BYTES, MAGIC);
    this.epochKeyId = bytes.slice(OVERLAY_EPOCH_KEY_ID, OVERLAY_EPOCH_KEY_ID + KEY_ID_BYTES);
    this.collection = readCollection(bytes, OVERLAY_COLLECTION, MAGIC);
    this.base = baseOf(bytes, view);
    this.from = readU53(view, OVERLAY_FROM, MAGIC);
    this.asOf = readU53(view, OVERLAY_AS_OF, MAGIC);
    this.lastOperation = readU53(view, OVERLAY_LAST_OPERATION, MAGIC);
    if (this.asOf < this.from) refuse('format-value', 'overlay time');
    this.#view = view;
    this.#below = below;
    if (below) checkBelow(this, below);

    const { rowCount } = this;
    checkRows(view, rowCount);
    const prefixBits = bitsFor(rowCount);
    this.#prefixShift = 32 - prefixBits;
    this.#starts = new Uint32Array(2 ** prefixBits + 1);
    const blockBits = Math.max(1, bitsFor(this.operationCount) - Math.log2(ROWS_PER_BLOCK));
    const shift = 32 - blockBits;
    const ofBelow = below && below.filter.shift === shift ? below.filter.words : undefined;
    this.filter = { shift, words: ofBelow?.slice() ?? new Uint32Array(2 * 2 ** blockBits) };
    for (let index = 0; index < rowCount; index++) {
      this.#starts[(this.#word(index, 0) >>> this.#prefixShift) + 1]!++;
    }
    for (let b = 1; b < this.#starts.length; b++) this.#starts[b]! += this.#starts[b - 1]!;
    this.#fillFilter(this);
    if (below && !ofBelow) this.#fillFilter(below);
  }

  /** Rows of it and of its base; a digest that has one in both counts twice. */
  get operationCount(): number {
    return this.rowCount + (this.#below?.rowCount ?? 0);
  }

  /**
   * What there is on the digest of these four words, or undefined if there is nothing. The filter is not
   * asked: that is for who has many digests.
   */
  find(d0: number, d1: number, d2: number, d3: number): OverlayMatch | undefined {
    // As bytes compared from the first, words read the other way round decide.
    const own = this.#search(swapBytes(d0), swapBytes(d1), swapBytes(d2), swapBytes(d3));
    return own ?? this.#below?.find(d0, d1, d2, d3);
  }

  /** Every row of its own, ascending by digest; the digests are views of its bytes. */
  *rows(): Generator<Operation> {
    const { buffer, byteOffset } = this.#view;
    for (let index = 0; index < this.rowCount; index++) {
      const row = OVERLAY_HEADER_BYTES + OPERATION_ROW_BYTES * index;
      const digest = new Uint8Array(buffer, byteOffset + row + OPERATION_ROW_DIGEST, DIGEST_BYTES);
      yield { digest, ...this.#match(index) };
    }
  }

  #search(w0: number, w1: number, w2: number, w3: number): OverlayMatch | undefined {
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
      if (order === 0) return this.#match(middle);
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  #fillFilter(overlay: Overlay): void {
    const { words, shift } = this.filter;
    for (let index = 0; index < overlay.rowCount; index++) {
      const block = 2 * (swapBytes(overlay.#word(index, 0)) >>> shift);
      let d1 = swapBytes(overlay.#word(index, 1));
      for (let i = 0; i < BITS_PER_ROW; i++) {
        words[block + ((d1 >>> 5) & 1)]! |= 1 << (d1 & 31);
        d1 >>>= 6;
      }
    }
  }

  #word(index: number, word: number): number {
    const row = OVERLAY_HEADER_BYTES + OPERATION_ROW_BYTES * index;
    return this.#view.getUint32(row + OPERATION_ROW_DIGEST + 4 * word, false);
  }

  #match(index: number): OverlayMatch {
    const row = OVERLAY_HEADER_BYTES + OPERATION_ROW_BYTES * index;
    const kind = KINDS[this.#view.getUint8(row + OPERATION_ROW_KIND) - 1]!;
    return { kind, category: this.#view.getUint8(row + OPERATION_ROW_CATEGORY) };
  }
}

/** Bits of an index that has about as many values as there are rows; 1 to 24. */
const bitsFor = (rowCount: number) => Math.max(1, Math.ceil(Math.log2(rowCount + 1)));

function baseOf(bytes: Uint8Array, view: DataView): OverlayName | undefined {
  const length = view.getUint32(OVERLAY_BASE_LENGTH, true);
  const end = OVERLAY_BASE_SHA256 + SHA256_BYTES;
  if (length === 0) {
    checkZero(bytes, OVERLAY_BASE_SHA256, end, MAGIC);
    return undefined;
  }
  if (length < LENGTH_MIN) refuse('format-value', 'overlay base');
  return { sha256: bytes.slice(OVERLAY_BASE_SHA256, end), length };
}

/** Two layers, never more, and nothing between them that is in neither. */
function checkBelow(segment: OverlayFacts, below: OverlayFacts): void {
  const fits =
    segment.base !== undefined &&
    below.base === undefined &&
    equalBytes(below.epochKeyId, segment.epochKeyId) &&
    below.collection === segment.collection &&
    below.from === segment.from &&
    below.asOf <= segment.asOf &&
    below.lastOperation <= segment.lastOperation;
  if (!fits) refuse('format-value', 'overlay base');
}

function checkRows(view: DataView, rowCount: number): void {
  const end = OVERLAY_HEADER_BYTES + OPERATION_ROW_BYTES * rowCount;
  for (let row = OVERLAY_HEADER_BYTES; row < end; row += OPERATION_ROW_BYTES) {
    const kind = view.getUint8(row + OPERATION_ROW_KIND);
    const category = view.getUint8(row + OPERATION_ROW_CATEGORY);
    if (kind < 1 || kind > KINDS.length) refuse('format-value', 'overlay kind');
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
