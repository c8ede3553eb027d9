/**
 * Memory map: where the host writes arguments and reads answers. Nothing is ever allocated.
 *
 * An instance serves either the matcher or the builder, so the two maps overlap from HOST_AREAS on.
 * No area carries anything from one call to the next but what the host wrote there itself.
 *
 *   0        u8[256]                  zero: what a page at address 0 reads as, a page without keys
 *   256      EPOCH_KEY                u8[16]
 *   512      matcher                  keys, digests, page addresses and answers of one chunk, arenas
 *   512      builder                  work areas of the pilot search, digests, categories, one page
 */

import { DIGEST_BYTES, PAGE_KEYS_MAX } from '../src/format/layout';

export const EPOCH_KEY: usize = 256;
const HOST_AREAS: usize = 512;

// Matcher. A chunk is small enough for all of it to stay in the first-level cache.
export const CHUNK_KEYS: usize = 256;
/**
 * struct Key {               // 48 bytes
 *    0  u8[36] text          // or u32, a change of the nearest key before (document/look-alike.ts)
 *   36  u32    length        // KEY_IS_CHANGE: it is a change
 *   40  u32    firstPage     // id of the filter page of its state's shard 0; for screenKeys() only
 *   44  u32    shardCount    // of its state; 0: no page, KEY_IS_CHANGE: that of the key before
 * }
 */
export const KEY_STRIDE: usize = 48;
export const KEY_LENGTH: usize = 36;
export const KEY_IS_CHANGE: u32 = 0xffffffff;
export const KEY_FIRST_PAGE: usize = 40;
export const KEY_SHARD_COUNT: usize = 44;
export const KEYS: usize = HOST_AREAS;
export const DIGESTS: usize = KEYS + CHUNK_KEYS * KEY_STRIDE;
export const ADDRESSES: usize = DIGESTS + CHUNK_KEYS * DIGEST_BYTES;
export const ANSWERS: usize = ADDRESSES + CHUNK_KEYS * 4;
/** Keys go through probes in groups, a pass a cache line that each needs: touch.ts says why. */
export const GROUP_KEYS: u32 = 64;
/** u32[64]: what the next pass of a group reads, by key. */
export const GROUP_PLACES: usize = ANSWERS + CHUNK_KEYS;
/** u32, written by touch() and never read. */
export const TOUCHED: usize = GROUP_PLACES + 256;
/** u8[48]: the name of a document, each character replaced by that of its look-alike group. */
export const GROUP_NAME: usize = TOUCHED + 16;
export const ARENAS: usize = GROUP_NAME + 64;

// Builder. Each area is as large as the largest page needs; B is below 2/7 n + 1.
const WORDS: usize = PAGE_KEYS_MAX * 4;
/** u32[n]: d2 ^ seed of the keys, grouped by bucket. */
export const BUCKET_KEYS: usize = HOST_AREAS;
/** u32[n]: the index in BUILD_DIGESTS of the key at the same place of BUCKET_KEYS. */
export const BUCKET_ORIGINS: usize = BUCKET_KEYS + WORDS;
/** u32[B + 1]: where a bucket begins in BUCKET_KEYS. */
export const BUCKET_STARTS: usize = BUCKET_ORIGINS + WORDS;
/** u32[B]: bucket indices, largest bucket first. */
export const BUCKET_ORDER: usize = BUCKET_STARTS + WORDS;
/** u32[B]: displaced buckets that wait for a new place, the last one first. */
export const WAITING: usize = BUCKET_ORDER + WORDS;
/** u32[n]: the bucket that holds a slot; true only where SLOT_COSTS is not zero. */
export const SLOT_OWNERS: usize = WAITING + WORDS;
/** u32[n]: slots of the bucket in hand before the offset is added. */
export const BASES: usize = SLOT_OWNERS + WORDS;
/** u8[n + 16]: what it costs to take a slot; the first ones again behind the last one. */
export const SLOT_COSTS: usize = BASES + WORDS;
/** u32[257]: buckets by size, while sorting. */
export const SIZE_COUNTS: usize = SLOT_COSTS + PAGE_KEYS_MAX + 64;
/** u32[16]: the buckets that displaced others last. */
export const RECENT: usize = SIZE_COUNTS + 1088;
export const BUILD_DIGESTS: usize = RECENT + 64;
export const BUILD_CATEGORIES: usize = BUILD_DIGESTS + PAGE_KEYS_MAX * DIGEST_BYTES;
/**
 * The page in hand, header first, written by the host; before it the digests to be sorted, their
 * categories and the work space for that. Last, because its length has no bound.
 */
export const BUILD_PAGE: usize = BUILD_CATEGORIES + PAGE_KEYS_MAX;
