/**
 * Filter page: a blocked Bloom filter, built and probed (docs/format.md section 6).
 *
 * F. Putze, P. Sanders, J. Singler, "Cache-, hash- and space-efficient Bloom filters", JEA 14,
 * 2009. All bits of a key lie in one block of 64 bytes, so a probe costs one cache line; those of a
 * group of keys are read ahead (touch.ts).
 */

import {
  DIGEST_BYTES,
  FILTER_BIT_SHIFT,
  FILTER_BLOCK_BYTES,
  GOLDEN,
  PAGE_HEADER_BYTES,
  PAGE_KEY_COUNT,
  PAGE_PARAMETER,
  PAGE_TABLE_COUNT,
} from '../src/format/layout';
import {
  ADDRESSES,
  ANSWERS,
  BUILD_DIGESTS,
  BUILD_PAGE,
  DIGESTS,
  GROUP_KEYS,
  GROUP_PLACES,
  KEYS,
  KEY_FIRST_PAGE,
  KEY_IS_CHANGE,
  KEY_SHARD_COUNT,
  KEY_STRIDE,
} from './areas';
import { mulhi } from './multiply';
import { touch } from './touch';

/** The answer about a page that is not in the arena. */
const NOT_RESIDENT: u32 = 2;
/** Set in an answer if the overlay may have a row on the key. */
const IN_OVERLAY_SHIFT: u32 = 2;

/** Address of the block of the digest at `digest` in the filter page at `page`. */
function blockOf(page: usize, digest: usize): usize {
  const block = mulhi(load<u32>(digest, 4), load<u32>(page, PAGE_TABLE_COUNT));
  return page + PAGE_HEADER_BYTES + block * FILTER_BLOCK_BYTES;
}

/** Address of the 32 bits of the block that have the bit which the top of `h` names. */
export function wordOf(block: usize, h: u32): usize {
  return block + ((h >> (FILTER_BIT_SHIFT + 3)) & 60);
}

/** That bit's place within them, and higher bits of `h` above it: a shift takes the low five. */
export function bitOf(h: u32): u32 {
  return h >> FILTER_BIT_SHIFT;
}

/**
 * Reads `count` digests of DIGESTS and page addresses of ADDRESSES, writes u8[count] ANSWERS:
 * 0 absent, 1 maybe. Address 0 answers maybe: a page that is not there excludes nobody.
 * Trusted: every other address is that of a decoded filter page. Of a page without keys up to 64
 * bytes behind its header are read, which are memory of ours, and not used.
 */
export function probeFilters(count: u32): void {
  for (let first: u32 = 0; first < count; first += GROUP_KEYS) {
    const end = min<u32>(first + GROUP_KEYS, count);
    touchBlocks(first, end);
    for (let i = first; i < end; i++) {
      const page: usize = load<u32>(ADDRESSES + (i << 2));
      store<u8>(ANSWERS + i, probeFilter(i, first) | <u32>(page === 0));
    }
  }
}

/** Reads ahead the blocks of the keys from `first` to before `end`; leaves them in GROUP_PLACES. */
export function touchBlocks(first: u32, end: u32): void {
  let place = GROUP_PLACES;
  for (let i = first; i < end; i++) {
    const page: usize = load<u32>(ADDRESSES + (i << 2));
    store<u32>(place, <u32>blockOf(page, DIGESTS + i * DIGEST_BYTES));
    place += 4;
  }
  touch(place, 0);
}

/** 1 (maybe) or 0 (absent) of key `i` of the group of `first`; 0 of the page at address 0, without keys. */
function probeFilter(i: u32, first: u32): u32 {
  const page: usize = load<u32>(ADDRESSES + (i << 2));
  const block: usize = load<u32>(GROUP_PLACES + ((i - first) << 2));
  let h = load<u32>(DIGESTS + i * DIGEST_BYTES, 8);
  let all: u32 = <u32>(load<u32>(page, PAGE_TABLE_COUNT) !== 0);
  for (let probes = load<u32>(page, PAGE_PARAMETER); probes > 0; probes--) {
    all &= load<u32>(wordOf(block, h)) >> bitOf(h);
    h *= GOLDEN;
  }
  return all;
}

/** Address of the block of an overlay's filter that the digest belongs to. */
function overlayBlockOf(blocks: usize, shift: u32, digest: usize): usize {
  return blocks + ((<usize>(load<u32>(digest) >> shift)) << 3);
}

/** 1 if the filter of an overlay (host: src/format/overlay.ts) has the digest's bits. */
function probeOverlay(blocks: usize, shift: u32, digest: usize): u32 {
  const block = load<u64>(overlayBlockOf(blocks, shift, digest));
  // A shift of 64 bits takes the low six bits of its distance.
  const d1: u64 = load<u32>(digest, 4);
  const all = (block >> d1) & (block >> (d1 >> 6)) & (block >> (d1 >> 12)) & (block >> (d1 >> 18));
  return <u32>(all & (block >> (d1 >> 24)) & 1);
}

/**
 * A check that finds nothing, after hashKeys(): reads `count` digests and keys with the pages they belong
 * to, finds those pages in the arena's table of `slotMask` + 1 slots (host: page-arena.ts), writes ADDRESSES
 * and u8[count] ANSWERS: 0 absent, 1 maybe, 2 the page is not there; and 4 more if the overlay's filter at
 * `overlayBlocks` has the key. Without an overlay, zeros do. Answers how many are not 0. Trusted as in
 * digestKeys() and probeFilters().
 */
export function screenKeys(
  count: u32,
  table: usize,
  slotMask: u32,
  overlayBlocks: usize,
  overlayShift: u32,
): u32 {
  let open: u32 = 0;
  let page: u32 = 0;
  for (let first: u32 = 0; first < count; first += GROUP_KEYS) {
    const end = min<u32>(first + GROUP_KEYS, count);
    let place = GROUP_PLACES;
    for (let i = first; i < end; i++) {
      const shardCount = load<u32>(KEYS + <usize>i * KEY_STRIDE, KEY_SHARD_COUNT);
      if (shardCount !== KEY_IS_CHANGE) page = pageOf(i, shardCount, table, slotMask);
      store<u32>(ADDRESSES + (i << 2), page);
      const digest = DIGESTS + i * DIGEST_BYTES;
      store<u32>(place, <u32>overlayBlockOf(overlayBlocks, overlayShift, digest));
      place += 4;
    }
    touch(place, 0);
    touchBlocks(first, end);
    for (let i = first; i < end; i++) {
      const isThere = load<u32>(ADDRESSES + (i << 2)) !== 0;
      const ofPage = select<u32>(probeFilter(i, first), NOT_RESIDENT, isThere);
      const ofOverlay = probeOverlay(overlayBlocks, overlayShift, DIGESTS + i * DIGEST_BYTES);
      const answer = ofPage | (ofOverlay << IN_OVERLAY_SHIFT);
      store<u8>(ANSWERS + i, answer);
      open += <u32>(answer !== 0);
    }
  }
  return open;
}

/** Address of the filter page of key `i`, marked as used; 0 if it is not there. */
function pageOf(i: u32, shardCount: u32, table: usize, slotMask: u32): u32 {
  const group = load<u32>(DIGESTS + i * DIGEST_BYTES, 12);
  const firstPage = load<u32>(KEYS + <usize>i * KEY_STRIDE, KEY_FIRST_PAGE);
  const id = firstPage + mulhi(group, shardCount);
  const slot = table + ((id & slotMask) << 3);
  const entry = load<u32>(slot, 4);
  const isThere = <u32>(load<u32>(slot) === id) & <u32>(shardCount !== 0) & <u32>(entry !== 0);
  // The lowest bit tells the arena that the page was used.
  store<u32>(slot, entry | isThere, 4);
  return select<u32>(entry & ~1, 0, isThere);
}

/**
 * Reads the header at BUILD_PAGE and its keyCount digests of BUILD_DIGESTS, writes the blocks.
 * Trusted: memory reaches to the end of the page.
 */
export function buildFilterPage(): void {
  const blocks = BUILD_PAGE + PAGE_HEADER_BYTES;
  memory.fill(blocks, 0, <usize>load<u32>(BUILD_PAGE, PAGE_TABLE_COUNT) * FILTER_BLOCK_BYTES);
  const keyCount = load<u32>(BUILD_PAGE, PAGE_KEY_COUNT);
  const probes = load<u32>(BUILD_PAGE, PAGE_PARAMETER);
  let digest = BUILD_DIGESTS;
  for (let i: u32 = 0; i < keyCount; i++) {
    const block = blockOf(BUILD_PAGE, digest);
    let h = load<u32>(digest, 8);
    for (let probe: u32 = 0; probe < probes; probe++) {
      const word = wordOf(block, h);
      store<u32>(word, load<u32>(word) | ((<u32>1) << bitOf(h)));
      h *= GOLDEN;
    }
    digest += DIGEST_BYTES;
  }
}
