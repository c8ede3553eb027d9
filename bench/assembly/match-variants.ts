/**
 * The match probe in other forms, to see what each thing in it costs (bench/probe-limits.ts). All read ahead as
 * the one that ships does, and all trust what it trusts; pages have at least 16 keys.
 */

import {
  CATEGORY_MASK,
  DENSE_LIMIT,
  DIGEST_BYTES,
  GOLDEN,
  PAGE_HEADER_BYTES,
  PAGE_KEY_COUNT,
  PAGE_PARAMETER,
  PAGE_TABLE_COUNT,
  PILOT_OFFSET_MASK,
  PILOT_VARIANT_SHIFT,
  SLOT_HALF_BYTES,
  VARIANT_STEP,
} from '../../src/format/layout';
import { ADDRESSES, ANSWERS, DIGESTS, GROUP_KEYS, GROUP_PLACES } from '../../assembly/areas';
import { mulhi } from '../../assembly/multiply';
import { slotOf, slotsOffset, variantMultiplier } from '../../assembly/perfect-hash';
import { touch } from '../../assembly/touch';

/** The third pass: fingerprints at the half bytes in GROUP_PLACES. */
function compareSlots(first: u32, end: u32): void {
  let place = GROUP_PLACES;
  for (let i = first; i < end; i++) {
    const halfByte = load<u32>(place);
    const slot = load<u64>(halfByte >> 1) >> ((halfByte & 1) << 2);
    const isEqual = <u32>slot === load<u32>(DIGESTS + i * DIGEST_BYTES);
    store<u8>(ANSWERS + i, select<u32>((<u32>(slot >> 32) & CATEGORY_MASK) + 1, 0, isEqual));
    place += 4;
  }
}

/** A branch for each of what the probe that ships selects: the dense buckets, and whether a key is equal. */
export function probeMatchesBranching(count: u32): void {
  for (let first: u32 = 0; first < count; first += GROUP_KEYS) {
    const end = min<u32>(first + GROUP_KEYS, count);
    let place = GROUP_PLACES;
    for (let i = first; i < end; i++) {
      const page: usize = load<u32>(ADDRESSES + (i << 2));
      const buckets = load<u32>(page, PAGE_TABLE_COUNT);
      const u =
        (load<u32>(DIGESTS + i * DIGEST_BYTES, 4) ^ load<u32>(page, PAGE_PARAMETER)) * GOLDEN;
      const dense = mulhi(DENSE_LIMIT, buckets >> 1);
      let bucket: u32;
      if (u < DENSE_LIMIT) bucket = mulhi(u, buckets >> 1);
      else bucket = dense + mulhi(u - DENSE_LIMIT, (5 * (buckets - dense)) >> 1);
      store<u32>(place, <u32>(page + PAGE_HEADER_BYTES) + bucket);
      place += 4;
    }
    touch(place, 0);
    findSlots(first, end);
    place = GROUP_PLACES;
    for (let i = first; i < end; i++) {
      const halfByte = load<u32>(place);
      const slot = load<u64>(halfByte >> 1) >> ((halfByte & 1) << 2);
      let answer: u32 = 0;
      if (<u32>slot === load<u32>(DIGESTS + i * DIGEST_BYTES)) {
        answer = (<u32>(slot >> 32) & CATEGORY_MASK) + 1;
      }
      store<u8>(ANSWERS + i, answer);
      place += 4;
    }
  }
}

/** The second pass: GROUP_PLACES from pilots to half bytes of slots, which are read ahead. */
function findSlots(first: u32, end: u32): void {
  let place = GROUP_PLACES;
  for (let i = first; i < end; i++) {
    const page: usize = load<u32>(ADDRESSES + (i << 2));
    const keyWord = load<u32>(DIGESTS + i * DIGEST_BYTES, 8) ^ load<u32>(page, PAGE_PARAMETER);
    const slot = slotOf(keyWord, load<u8>(load<u32>(place)), load<u32>(page, PAGE_KEY_COUNT));
    const slots = <u32>(page + slotsOffset(load<u32>(page, PAGE_TABLE_COUNT)));
    store<u32>(place, (slots << 1) + slot * SLOT_HALF_BYTES);
    place += 4;
  }
  touch(place, 1);
}

/** floor(a * b / 2^32) without a multiplication of 64 bits, for b below 2^16; not exact. */
function roughHigh(a: u32, b: u32): u32 {
  return ((a >> 16) * b) >> 16;
}

/**
 * Multiplications of 32 bits in the place of those of 64: as many reads, some of other buckets and slots, so that
 * the answers are wrong. Pages have less than 2^16 / 2.5 buckets.
 */
export function probeMatchesNarrow(count: u32): void {
  for (let first: u32 = 0; first < count; first += GROUP_KEYS) {
    const end = min<u32>(first + GROUP_KEYS, count);
    let place = GROUP_PLACES;
    for (let i = first; i < end; i++) {
      const page: usize = load<u32>(ADDRESSES + (i << 2));
      const buckets = load<u32>(page, PAGE_TABLE_COUNT);
      const u =
        (load<u32>(DIGESTS + i * DIGEST_BYTES, 4) ^ load<u32>(page, PAGE_PARAMETER)) * GOLDEN;
      const dense = roughHigh(DENSE_LIMIT, buckets >> 1);
      const isDense = u < DENSE_LIMIT;
      const within = roughHigh(
        select<u32>(u, u - DENSE_LIMIT, isDense),
        select<u32>(buckets >> 1, (5 * (buckets - dense)) >> 1, isDense),
      );
      store<u32>(place, <u32>(page + PAGE_HEADER_BYTES) + within + select<u32>(0, dense, isDense));
      place += 4;
    }
    touch(place, 0);
    place = GROUP_PLACES;
    for (let i = first; i < end; i++) {
      const page: usize = load<u32>(ADDRESSES + (i << 2));
      const n = load<u32>(page, PAGE_KEY_COUNT);
      const keyWord = load<u32>(DIGESTS + i * DIGEST_BYTES, 8) ^ load<u32>(page, PAGE_PARAMETER);
      const pilot: u32 = load<u8>(load<u32>(place));
      const base = roughHigh(keyWord * variantMultiplier(pilot >> PILOT_VARIANT_SHIFT), n);
      const raised = base + (pilot & PILOT_OFFSET_MASK);
      const slot = raised >= n ? raised - n : raised;
      const slots = <u32>(page + slotsOffset(load<u32>(page, PAGE_TABLE_COUNT)));
      store<u32>(place, (slots << 1) + slot * SLOT_HALF_BYTES);
      place += 4;
    }
    touch(place, 1);
    compareSlots(first, end);
  }
}

/** floor(a * b / 2^32) of each lane. */
function highOfFour(a: v128, b: v128): v128 {
  return v128.shuffle<u32>(
    i64x2.extmul_low_i32x4_u(a, b),
    i64x2.extmul_high_i32x4_u(a, b),
    1,
    3,
    5,
    7,
  );
}

/** A word of each of four pages. */
function wordsOf(pages: v128, offset: usize): v128 {
  let words = v128.load32_zero(<usize>i32x4.extract_lane(pages, 0) + offset);
  words = v128.load_lane<u32>(<usize>i32x4.extract_lane(pages, 1) + offset, words, 1);
  words = v128.load_lane<u32>(<usize>i32x4.extract_lane(pages, 2) + offset, words, 2);
  return v128.load_lane<u32>(<usize>i32x4.extract_lane(pages, 3) + offset, words, 3);
}

/** Word 1 or word 2 of four digests. */
function digestWords(first: u32, isSecond: bool): v128 {
  const digest = DIGESTS + first * DIGEST_BYTES;
  const one = v128.load(digest);
  const two = v128.load(digest, 16);
  const three = v128.load(digest, 32);
  const four = v128.load(digest, 48);
  const low = v128.shuffle<u32>(one, two, 1, 5, 2, 6);
  const high = v128.shuffle<u32>(three, four, 1, 5, 2, 6);
  if (isSecond) return v128.shuffle<u64>(low, high, 1, 3);
  return v128.shuffle<u64>(low, high, 0, 2);
}

/** Buckets and slots of four keys at once in the lanes of vectors. Trusted: `count` is a multiple of 4. */
export function probeMatchesInFours(count: u32): void {
  const golden = i32x4.splat(GOLDEN);
  const limit = i32x4.splat(DENSE_LIMIT);
  for (let first: u32 = 0; first < count; first += GROUP_KEYS) {
    const end = min<u32>(first + GROUP_KEYS, count);
    let place = GROUP_PLACES;
    for (let i = first; i < end; i += 4) {
      const pages = v128.load(ADDRESSES + (i << 2));
      const buckets = wordsOf(pages, PAGE_TABLE_COUNT);
      const seeds = wordsOf(pages, PAGE_PARAMETER);
      const u = i32x4.mul(v128.xor(digestWords(i, false), seeds), golden);
      const half = i32x4.shr_u(buckets, 1);
      const dense = highOfFour(limit, half);
      const sparse = i32x4.shr_u(i32x4.mul(i32x4.sub(buckets, dense), i32x4.splat(5)), 1);
      const isDense = i32x4.lt_u(u, limit);
      const within = highOfFour(
        v128.bitselect(u, i32x4.sub(u, limit), isDense),
        v128.bitselect(half, sparse, isDense),
      );
      const bucket = i32x4.add(within, v128.andnot(dense, isDense));
      const pilots = i32x4.add(i32x4.add(pages, i32x4.splat(<i32>PAGE_HEADER_BYTES)), bucket);
      v128.store(place, pilots);
      place += 16;
    }
    touch(place, 0);
    place = GROUP_PLACES;
    for (let i = first; i < end; i += 4) {
      const pages = v128.load(ADDRESSES + (i << 2));
      const n = wordsOf(pages, PAGE_KEY_COUNT);
      const keyWords = v128.xor(digestWords(i, true), wordsOf(pages, PAGE_PARAMETER));
      let pilots = i32x4.splat(load<u8>(load<u32>(place)));
      pilots = i32x4.replace_lane(pilots, 1, load<u8>(load<u32>(place, 4)));
      pilots = i32x4.replace_lane(pilots, 2, load<u8>(load<u32>(place, 8)));
      pilots = i32x4.replace_lane(pilots, 3, load<u8>(load<u32>(place, 12)));
      const variants = i32x4.shr_u(pilots, PILOT_VARIANT_SHIFT);
      const multipliers = i32x4.add(golden, i32x4.mul(variants, i32x4.splat(VARIANT_STEP)));
      const offsets = v128.and(pilots, i32x4.splat(PILOT_OFFSET_MASK));
      const raised = i32x4.add(highOfFour(i32x4.mul(keyWords, multipliers), n), offsets);
      const slots = i32x4.sub(raised, v128.and(n, i32x4.ge_u(raised, n)));
      const buckets = wordsOf(pages, PAGE_TABLE_COUNT);
      const tables = v128.andnot(i32x4.add(buckets, i32x4.splat(7)), i32x4.splat(7));
      const starts = i32x4.add(i32x4.add(pages, tables), i32x4.splat(<i32>PAGE_HEADER_BYTES));
      const halfBytes = i32x4.add(
        i32x4.shl(starts, 1),
        i32x4.mul(slots, i32x4.splat(SLOT_HALF_BYTES)),
      );
      v128.store(place, halfBytes);
      place += 16;
    }
    touch(place, 1);
    compareSlots(first, end);
  }
}
