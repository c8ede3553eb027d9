/**
 * Page codec: the header and the sizes of a shard's filter page and match page.
 *
 * docs/format.md sections 5 to 7. What is probed lies in the matcher; here it is made sure that a
 * probe stays inside the page and that the page is the one that was asked for. decodePage() is
 * total: hostile bytes give an error, never a wrong page.
 */

import type { StateCode } from '../document/issuing-state.ts';
import { SltdError } from '../errors.ts';
import {
  checkU32,
  checkZero,
  openEnvelope,
  readMagic,
  readState,
  refuse,
  writeBytes,
  writeEnvelope,
  writeState,
} from './fields.ts';
import {
  FILTER_BLOCK_BYTES,
  FILTER_PROBES_MAX,
  KEY_ID_BYTES,
  PAGE_EPOCH_KEY_ID,
  PAGE_HEADER_BYTES,
  PAGE_KEY_COUNT,
  PAGE_KEYS_MAX,
  PAGE_PARAMETER,
  PAGE_RESERVED_B,
  PAGE_SHARD_COUNT,
  PAGE_SHARD_INDEX,
  PAGE_STATE,
  PAGE_TABLE_COUNT,
  SECTION_ALIGN_BYTES,
  SLOT_HALF_BYTES,
  SLOT_TAIL_BYTES,
} from './layout.ts';
import { equalBytes } from './names.ts';

export type PageKind = 'filter' | 'match';

export interface PageHeader {
  kind: PageKind;
  /** Of the whole page in bytes. */
  length: number;
  state: StateCode;
  /** Within the state. */
  shardIndex: number;
  /** Of the state; at least 1. */
  shardCount: number;
  /** 0 to PAGE_KEYS_MAX. */
  keyCount: number;
  /** Filter: blocks. Match: buckets. 0 if and only if there is no key. */
  tableCount: number;
  /** Filter: probes a key, 1 to 16. Match: seed. */
  parameter: number;
  /** 16 bytes. */
  epochKeyId: Uint8Array;
}

/** What the manifest's row says of the page it names. */
export type PageExpectation = Pick<
  PageHeader,
  'kind' | 'state' | 'shardIndex' | 'shardCount' | 'epochKeyId'
>;

const MAGIC: Record<PageKind, string> = { filter: 'SLTDFILT', match: 'SLTDMTCH' };

/*
 * struct PageHeader {            // 64 bytes
 *    0  u8[8]  magic             // "SLTDFILT" or "SLTDMTCH"
 *    8  u16    version           // 2
 *   10  u16    reserved
 *   12  u32    length            // of the whole page in bytes
 *   16  u8[4]  state
 *   20  u32    shardIndex        // within the state; < shardCount
 *   24  u32    shardCount        // of the state; >= 1
 *   28  u32    keyCount          // n; <= PAGE_KEYS_MAX
 *   32  u32    tableCount        // filter: blocks. match: buckets
 *   36  u32    parameter         // filter: probes a key, 1..16. match: seed
 *   40  u8[16] epochKeyId
 *   56  u64    reserved
 * }
 */

/** Writes the header to the first 64 bytes; a format error if it is not one that can be read. */
export function writePageHeader(target: Uint8Array, header: PageHeader): void {
  checkHeader(header);
  const view = writeEnvelope(target, { magic: MAGIC[header.kind], length: header.length });
  writeState(target, PAGE_STATE, header.state, 'page');
  view.setUint32(PAGE_SHARD_INDEX, header.shardIndex, true);
  view.setUint32(PAGE_SHARD_COUNT, checkU32(header.shardCount, 'page'), true);
  view.setUint32(PAGE_KEY_COUNT, header.keyCount, true);
  view.setUint32(PAGE_TABLE_COUNT, header.tableCount, true);
  view.setUint32(PAGE_PARAMETER, checkU32(header.parameter, 'page'), true);
  writeBytes(target, PAGE_EPOCH_KEY_ID, header.epochKeyId, {
    byteCount: KEY_ID_BYTES,
    detail: 'page',
  });
  target.fill(0, PAGE_RESERVED_B, PAGE_HEADER_BYTES);
}

/**
 * The header of a page whose every rule of form holds.
 *
 * Throws a format error otherwise, and page-corrupt if it is not the expected page. Which bits a
 * filter or a table holds is told by the page's SHA-256 alone.
 */
export function decodePage(bytes: Uint8Array, expected?: PageExpectation): PageHeader {
  const kind: PageKind = readMagic(bytes) === MAGIC.match ? 'match' : 'filter';
  const view = openEnvelope(bytes, { magic: MAGIC[kind], lengthMin: PAGE_HEADER_BYTES });
  checkZero(bytes, PAGE_RESERVED_B, PAGE_HEADER_BYTES, 'page');
  const header: PageHeader = {
    kind,
    length: bytes.length,
    state: readState(bytes, PAGE_STATE, 'page'),
    shardIndex: view.getUint32(PAGE_SHARD_INDEX, true),
    shardCount: view.getUint32(PAGE_SHARD_COUNT, true),
    keyCount: view.getUint32(PAGE_KEY_COUNT, true),
    tableCount: view.getUint32(PAGE_TABLE_COUNT, true),
    parameter: view.getUint32(PAGE_PARAMETER, true),
    epochKeyId: bytes.slice(PAGE_EPOCH_KEY_ID, PAGE_EPOCH_KEY_ID + KEY_ID_BYTES),
  };
  checkHeader(header);
  if (kind === 'match' && header.keyCount > 0) checkMatchPadding(bytes, header);
  if (expected) checkExpected(header, expected);
  return header;
}

/** Length of a filter page of so many blocks. */
export function filterPageBytes(tableCount: number): number {
  return PAGE_HEADER_BYTES + FILTER_BLOCK_BYTES * tableCount;
}

/** Length of a match page of so many keys and buckets. */
export function matchPageBytes(keyCount: number, tableCount: number): number {
  if (keyCount === 0) return PAGE_HEADER_BYTES;
  return slotsOffset(tableCount) + align(slotBytes(keyCount) + SLOT_TAIL_BYTES);
}

/** Where the slots of a match page begin, from its start. */
export function slotsOffset(tableCount: number): number {
  return PAGE_HEADER_BYTES + align(tableCount);
}

function slotBytes(keyCount: number): number {
  return Math.ceil((SLOT_HALF_BYTES * keyCount) / 2);
}

function align(byteCount: number): number {
  return Math.ceil(byteCount / SECTION_ALIGN_BYTES) * SECTION_ALIGN_BYTES;
}

function checkHeader(header: PageHeader): void {
  const { kind, length, shardIndex, shardCount, keyCount, tableCount, parameter } = header;
  if (checkU32(shardIndex, 'page') >= shardCount) refuse('format-value', 'page shard');
  if (checkU32(keyCount, 'page') > PAGE_KEYS_MAX) refuse('format-value', 'page keys');
  if (checkU32(tableCount, 'page') > PAGE_KEYS_MAX) refuse('format-value', 'page table');
  if ((keyCount === 0) !== (tableCount === 0)) refuse('format-value', 'page table');
  if (kind === 'filter') {
    if (parameter < 1 || parameter > FILTER_PROBES_MAX) refuse('format-value', 'page probes');
    if (length !== filterPageBytes(tableCount)) refuse('format-length', 'page');
  } else {
    if (tableCount > keyCount) refuse('format-value', 'page table');
    if (keyCount === 0 && parameter !== 0) refuse('format-value', 'page seed');
    if (length !== matchPageBytes(keyCount, tableCount)) refuse('format-length', 'page');
  }
}

/** Behind pilots and slots only zeros: the half-byte after an odd number of slots included. */
function checkMatchPadding(bytes: Uint8Array, header: PageHeader): void {
  const slots = slotsOffset(header.tableCount);
  const slotsEnd = slots + slotBytes(header.keyCount);
  checkZero(bytes, PAGE_HEADER_BYTES + header.tableCount, slots, 'page');
  checkZero(bytes, slotsEnd, bytes.length, 'page');
  if (header.keyCount % 2 === 1 && bytes[slotsEnd - 1]! > 15) refuse('format-reserved', 'page');
}

function checkExpected(header: PageHeader, expected: PageExpectation): void {
  if (
    header.kind !== expected.kind ||
    header.state !== expected.state ||
    header.shardIndex !== expected.shardIndex ||
    header.shardCount !== expected.shardCount ||
    !equalBytes(header.epochKeyId, expected.epochKeyId)
  ) {
    throw new SltdError('page-corrupt', { detail: 'not the page of this row' });
  }
}
