/**
 * From digest to bucket and from bucket to slot: docs/format.md section 7, in one place for the
 * search that makes a match page and the query that reads it.
 *
 * The skew (60 % of the keys in 30 % of the buckets) is that of G. E. Pibiri and R. Trani, "PTHash:
 * revisiting FCH minimal perfect hashing", SIGIR 2021. All arithmetic wraps modulo 2^32.
 */

import {
  DENSE_LIMIT,
  GOLDEN,
  PAGE_HEADER_BYTES,
  PILOT_OFFSET_MASK,
  PILOT_VARIANT_SHIFT,
  SECTION_ALIGN_BYTES,
  SLOT_HALF_BYTES,
  VARIANT_STEP,
} from '../src/format/layout';
import { mulhi } from './multiply';

/** Bucket of a digest with word `d1`; 0 if there is none. */
export function bucketOf(d1: u32, seed: u32, bucketCount: u32): u32 {
  const u = (d1 ^ seed) * GOLDEN;
  const dense = mulhi(DENSE_LIMIT, bucketCount >> 1);
  const sparse = (5 * (bucketCount - dense)) >> 1;
  const isDense = u < DENSE_LIMIT;
  // One multiplication, and no branch that a uniform word would mispredict.
  return (
    mulhi(
      select<u32>(u, u - DENSE_LIMIT, isDense),
      select<u32>(bucketCount >> 1, sparse, isDense),
    ) + select<u32>(0, dense, isDense)
  );
}

/** The odd multiplier of a hash variant, 0 to 15. */
export function variantMultiplier(variant: u32): u32 {
  return GOLDEN + variant * VARIANT_STEP;
}

/** Slot of a key with `keyWord` = d2 ^ seed under a pilot; n >= 1. */
export function slotOf(keyWord: u32, pilot: u32, n: u32): u32 {
  const base = mulhi(keyWord * variantMultiplier(pilot >> PILOT_VARIANT_SHIFT), n);
  const slot = base + (pilot & PILOT_OFFSET_MASK);
  // Rarely taken: a division for every key would cost more than all the rest.
  return slot >= n ? slot % n : slot;
}

/** Offset of the slots from the start of a match page. */
export function slotsOffset(bucketCount: u32): usize {
  const align = SECTION_ALIGN_BYTES - 1;
  return PAGE_HEADER_BYTES + ((bucketCount + align) & ~align);
}

/** Offset of the first byte of a slot, from the first slot. */
export function slotByte(slot: u32): usize {
  return (slot * SLOT_HALF_BYTES) >> 1;
}

/** Bits of that byte which belong to the slot before: 0 or 4. */
export function slotShift(slot: u32): u32 {
  return (slot & 1) << 2;
}
