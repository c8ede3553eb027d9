/**
 * Manifest codec: one edition, as the table of its states and pages.
 *
 * docs/format.md section 9. Opening checks the rows of states; a shard's row is checked when it is read, because
 * a fresh isolate would take 15 ms for the 23,000 of a full list and soon reads but few of them.
 * The signature is checked apart (signature.ts), before anything here is believed.
 */

import type { StateCode } from '../document/issuing-state.ts';
import { assert } from '../errors.ts';
import {
  checkU32,
  checkZero,
  openEnvelope,
  readCollection,
  readState,
  readU53,
  refuse,
  writeBytes,
  writeCollection,
  writeEnvelope,
  writeState,
  writeU53,
} from './fields.ts';
import {
  FILTER_BLOCK_BYTES,
  KEY_ID_BYTES,
  MANIFEST_AS_OF,
  MANIFEST_BYTES_MAX,
  MANIFEST_COLLECTION,
  MANIFEST_EPOCH_KEY_ID,
  MANIFEST_HEADER_BYTES,
  MANIFEST_INPUTS_SHA256,
  MANIFEST_RECORD_COUNT,
  MANIFEST_RESERVED_B,
  MANIFEST_RESTRICTION_COUNT,
  MANIFEST_SHARD_COUNT,
  MANIFEST_STATE_COUNT,
  PAGE_HEADER_BYTES,
  PAGE_REFERENCE_BYTES,
  PAGE_REFERENCE_LENGTH,
  PAGE_REFERENCE_RESERVED,
  PAGE_REFERENCE_SHA256,
  PAGE_REFERENCE_XXH64,
  RESTRICTION_ROW_BYTES,
  RESTRICTIONS_MAX,
  SECTION_ALIGN_BYTES,
  SHA256_BYTES,
  SHARD_ROW_BYTES,
  STATE_ROW_AS_OF,
  STATE_ROW_BYTES,
  STATE_ROW_CODE,
  STATE_ROW_COVERAGE,
  STATE_ROW_FIRST_SHARD,
  STATE_ROW_RECORD_COUNT,
  STATE_ROW_RESERVED_A,
  STATE_ROW_RESERVED_B,
  STATE_ROW_SHARD_COUNT,
  TRAILER_BYTES,
} from './layout.ts';
import type { PageKind } from './page.ts';
import {
  openRestrictions,
  type Restriction,
  type Restrictions,
  writeRestrictions,
} from './restrictions.ts';

/** By code. */
const COVERAGES = ['does-not-report', 'partial', 'reports'] as const;

/** How far the state reports its documents. */
export type Coverage = (typeof COVERAGES)[number];

export interface StateEntry {
  state: StateCode;
  coverage: Coverage;
  /** Row of the state's first shard: that of shard i is firstShard + i. */
  firstShard: number;
  /** At least 1. */
  shardCount: number;
  /** The state's records are complete up to here, in milliseconds since 1970. */
  asOf: number;
  /** Distinct keys. */
  recordCount: number;
}

export interface PageReference {
  sha256: Uint8Array;
  /** XXH64 of the page, seed 0. */
  xxh64: bigint;
  /** In bytes. */
  length: number;
}

export interface ManifestContent {
  epochKeyId: Uint8Array;
  /** In milliseconds since 1970. */
  asOf: number;
  collection: string;
  inputsSha256: Uint8Array;
  /** Ascending by code. */
  states: readonly Omit<StateEntry, 'firstShard'>[];
  /** Those of the first state first. */
  shards: readonly { filter: PageReference; match: PageReference }[];
  /** Ascending by source state, then by excluded state; none if absent. */
  restrictions?: readonly Restriction[];
}

const MAGIC = 'SLTDMANI';
const MATCH_REFERENCE = PAGE_REFERENCE_BYTES; // the second of a shard row

/*
 * struct Manifest {
 *    0  u8[8]  magic             // "SLTDMANI"
 *    8  u16    version           // 2
 *   10  u16    reserved
 *   12  u32    length            // of the whole object, trailer included
 *   16  u8[16] epochKeyId
 *   32  u64    asOf
 *   40  u32    stateCount
 *   44  u32    shardCount        // sum over the states
 *   48  u64    recordCount       // sum over the states
 *   56  u8[24] collection
 *   80  u8[32] inputsSha256
 *  112  u32    restrictionCount  // at most RESTRICTIONS_MAX
 *  116  u8[12] reserved
 *  128  StateRow[stateCount]     // ascending by code bytes, no two equal
 *       ShardRow[shardCount]     // 96 bytes: PageReference filter, PageReference match
 *       RestrictionRow[restrictionCount]   // 8 bytes, restrictions.ts
 *       Trailer
 * }
 * struct StateRow {              // 32 bytes
 *    0  u8[4]  state
 *    4  u8     coverage          // 0 does not report, 1 partial, 2 reports
 *    5  u8[3]  reserved
 *    8  u32    firstShard
 *   12  u32    shardCount        // >= 1
 *   16  u64    asOf
 *   24  u32    recordCount
 *   28  u32    reserved
 * }
 * struct PageReference {         // 48 bytes
 *    0  u8[32] sha256
 *   32  u64    xxh64
 *   40  u32    length
 *   44  u32    reserved
 * }
 */

/** The manifest without its trailer, which signObject() adds; a format error if it is not one. */
export function encodeManifest(content: ManifestContent): Uint8Array {
  const { states, shards, restrictions = [] } = content;
  const shardsOffset = MANIFEST_HEADER_BYTES + STATE_ROW_BYTES * states.length;
  const restrictionsOffset = shardsOffset + SHARD_ROW_BYTES * shards.length;
  const bodyBytes = restrictionsOffset + RESTRICTION_ROW_BYTES * restrictions.length;
  if (bodyBytes + TRAILER_BYTES > MANIFEST_BYTES_MAX) refuse('format-length', MAGIC);
  const bytes = new Uint8Array(bodyBytes + TRAILER_BYTES);
  const view = writeEnvelope(bytes, { magic: MAGIC, length: bytes.length });
  writeBytes(bytes, MANIFEST_EPOCH_KEY_ID, content.epochKeyId, {
    byteCount: KEY_ID_BYTES,
    detail: MAGIC,
  });
  writeU53(view, MANIFEST_AS_OF, content.asOf, MAGIC);
  view.setUint32(MANIFEST_STATE_COUNT, states.length, true);
  view.setUint32(MANIFEST_SHARD_COUNT, shards.length, true);
  view.setUint32(MANIFEST_RESTRICTION_COUNT, restrictions.length, true);
  writeCollection(bytes, MANIFEST_COLLECTION, content.collection, MAGIC);
  writeBytes(bytes, MANIFEST_INPUTS_SHA256, content.inputsSha256, {
    byteCount: SHA256_BYTES,
    detail: MAGIC,
  });

  let firstShard = 0;
  let recordCount = 0;
  states.forEach((entry, index) => {
    const row = MANIFEST_HEADER_BYTES + STATE_ROW_BYTES * index;
    writeState(bytes, row + STATE_ROW_CODE, entry.state, MAGIC);
    bytes[row + STATE_ROW_COVERAGE] = COVERAGES.indexOf(entry.coverage);
    view.setUint32(row + STATE_ROW_FIRST_SHARD, firstShard, true);
    view.setUint32(row + STATE_ROW_SHARD_COUNT, checkU32(entry.shardCount, MAGIC), true);
    writeU53(view, row + STATE_ROW_AS_OF, entry.asOf, MAGIC);
    view.setUint32(row + STATE_ROW_RECORD_COUNT, checkU32(entry.recordCount, MAGIC), true);
    firstShard += entry.shardCount;
    recordCount += entry.recordCount;
  });
  writeU53(view, MANIFEST_RECORD_COUNT, recordCount, MAGIC);

  shards.forEach((shard, index) => {
    const row = shardsOffset + SHARD_ROW_BYTES * index;
    writeReference(bytes, view, row, shard.filter);
    writeReference(bytes, view, row + MATCH_REFERENCE, shard.match);
  });
  writeRestrictions(bytes, restrictionsOffset, restrictions);
  // Order, sums and references: what cannot be read is not written.
  const manifest = openManifest(bytes);
  for (let row = 0; row < shards.length; row++) {
    manifest.page('filter', row);
    manifest.page('match', row);
  }
  return bytes.subarray(0, bodyBytes);
}

/** The manifest in these bytes, trailer included; throws a format error if it is not one. */
export function openManifest(bytes: Uint8Array): Manifest {
  return new Manifest(bytes);
}

/** A manifest; it reads and checks its page references in the bytes given. */
export class Manifest {
  /** 16 bytes. */
  readonly epochKeyId: Uint8Array;
  /** In milliseconds since 1970. */
  readonly asOf: number;
  readonly collection: string;
  /** SHA-256 over the SHA-256s of the input files. */
  readonly inputsSha256: Uint8Array;
  /** Distinct keys of all states. */
  readonly recordCount: number;
  /** Rows of shards of all states. */
  readonly shardCount: number;
  /** Who does not see records of whom; undefined if nobody is restricted. */
  readonly restrictions: Restrictions | undefined;

  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #states: ReadonlyMap<string, StateEntry>;
  readonly #shardsOffset: number;

  /** Use openManifest(). */
  constructor(bytes: Uint8Array) {
    const lengthMin = MANIFEST_HEADER_BYTES + TRAILER_BYTES;
    const view = openEnvelope(bytes, { magic: MAGIC, lengthMin });
    const stateCount = view.getUint32(MANIFEST_STATE_COUNT, true);
    this.#bytes = bytes;
    this.#view = view;
    this.#shardsOffset = MANIFEST_HEADER_BYTES + STATE_ROW_BYTES * stateCount;
    this.shardCount = view.getUint32(MANIFEST_SHARD_COUNT, true);
    const restrictionCount = view.getUint32(MANIFEST_RESTRICTION_COUNT, true);
    const restrictionsOffset = this.#shardsOffset + SHARD_ROW_BYTES * this.shardCount;
    const restrictionBytes = RESTRICTION_ROW_BYTES * restrictionCount;
    if (bytes.length !== restrictionsOffset + restrictionBytes + TRAILER_BYTES) {
      refuse('format-length', MAGIC);
    }
    if (restrictionCount > RESTRICTIONS_MAX) refuse('format-value', 'manifest restriction count');

    checkZero(bytes, MANIFEST_RESERVED_B, MANIFEST_HEADER_BYTES, MAGIC);
    this.epochKeyId = bytes.slice(MANIFEST_EPOCH_KEY_ID, MANIFEST_EPOCH_KEY_ID + KEY_ID_BYTES);
    this.asOf = readU53(view, MANIFEST_AS_OF, MAGIC);
    this.collection = readCollection(bytes, MANIFEST_COLLECTION, MAGIC);
    this.inputsSha256 = bytes.slice(MANIFEST_INPUTS_SHA256, MANIFEST_INPUTS_SHA256 + SHA256_BYTES);
    this.recordCount = readU53(view, MANIFEST_RECORD_COUNT, MAGIC);
    this.#states = readStates(bytes, view, { stateCount, shardCount: this.shardCount });
    let recordCount = 0;
    for (const entry of this.#states.values()) recordCount += entry.recordCount;
    if (recordCount !== this.recordCount) refuse('format-value', 'manifest record count');
    const rows = bytes.subarray(restrictionsOffset, restrictionsOffset + restrictionBytes);
    this.restrictions = openRestrictions(rows, (state) => this.#states.has(state));
  }

  /** All states, ascending by code. */
  states(): Iterable<StateEntry> {
    return this.#states.values();
  }

  /** The row of a state code without fillers; undefined if this edition cannot answer for it. */
  state(code: string): StateEntry | undefined {
    return this.#states.get(code);
  }

  /** The reference to a page of a shard row, 0 to shardCount - 1; a format error if it is none. */
  page(kind: PageKind, shardRow: number): PageReference {
    assert(
      Number.isInteger(shardRow) && shardRow >= 0 && shardRow < this.shardCount,
      'a shard row of the manifest',
    );
    const row = this.#shardsOffset + SHARD_ROW_BYTES * shardRow;
    const offset = kind === 'filter' ? row : row + MATCH_REFERENCE;
    const length = this.#view.getUint32(offset + PAGE_REFERENCE_LENGTH, true);
    const unit = kind === 'filter' ? FILTER_BLOCK_BYTES : SECTION_ALIGN_BYTES;
    if (length < PAGE_HEADER_BYTES || length % unit !== 0) refuse('format-value', 'page length');
    const reserved = this.#view.getUint32(offset + PAGE_REFERENCE_RESERVED, true);
    if (reserved !== 0) refuse('format-reserved', MAGIC);
    const sha256Offset = offset + PAGE_REFERENCE_SHA256;
    return {
      sha256: this.#bytes.subarray(sha256Offset, sha256Offset + SHA256_BYTES),
      xxh64: this.#view.getBigUint64(offset + PAGE_REFERENCE_XXH64, true),
      length,
    };
  }
}

function readStates(
  bytes: Uint8Array,
  view: DataView,
  count: { stateCount: number; shardCount: number },
): Map<string, StateEntry> {
  const states = new Map<string, StateEntry>();
  let before = '';
  let firstShard = 0;
  for (let index = 0; index < count.stateCount; index++) {
    const row = MANIFEST_HEADER_BYTES + STATE_ROW_BYTES * index;
    const coverage = COVERAGES[bytes[row + STATE_ROW_COVERAGE]!];
    if (coverage === undefined) refuse('format-value', 'manifest coverage');
    checkZero(bytes, row + STATE_ROW_RESERVED_A, row + STATE_ROW_FIRST_SHARD, MAGIC);
    checkZero(bytes, row + STATE_ROW_RESERVED_B, row + STATE_ROW_BYTES, MAGIC);
    const entry: StateEntry = {
      state: readState(bytes, row + STATE_ROW_CODE, MAGIC),
      coverage,
      firstShard: view.getUint32(row + STATE_ROW_FIRST_SHARD, true),
      shardCount: view.getUint32(row + STATE_ROW_SHARD_COUNT, true),
      asOf: readU53(view, row + STATE_ROW_AS_OF, MAGIC),
      recordCount: view.getUint32(row + STATE_ROW_RECORD_COUNT, true),
    };
    // '<' sorts before every letter, so codes without fillers sort as the bytes do.
    if (entry.state <= before) refuse('format-value', 'manifest state order');
    if (entry.firstShard !== firstShard) refuse('format-value', 'manifest first shard');
    if (entry.shardCount === 0) refuse('format-value', 'manifest shard count');
    states.set(entry.state, entry);
    before = entry.state;
    firstShard += entry.shardCount;
  }
  if (firstShard !== count.shardCount) refuse('format-value', 'manifest shard count');
  return states;
}

function writeReference(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  reference: PageReference,
): void {
  writeBytes(bytes, offset + PAGE_REFERENCE_SHA256, reference.sha256, {
    byteCount: SHA256_BYTES,
    detail: MAGIC,
  });
  if (BigInt.asUintN(64, reference.xxh64) !== reference.xxh64) refuse('format-value', MAGIC);
  view.setBigUint64(offset + PAGE_REFERENCE_XXH64, reference.xxh64, true);
  view.setUint32(offset + PAGE_REFERENCE_LENGTH, checkU32(reference.length, MAGIC), true);
}
