/**
 * The filter probe in other forms, to see what each thing in it costs (bench/probe-limits.ts). All read ahead
 * as the one that ships does, and all trust what it trusts; pages have keys, and all the same number of probes.
 */

import {
  DIGEST_BYTES,
  FILTER_BIT_SHIFT,
  FILTER_BLOCK_BYTES,
  GOLDEN,
  PAGE_HEADER_BYTES,
  PAGE_PARAMETER,
  PAGE_TABLE_COUNT,
} from '../../src/format/layout';
import { ADDRESSES, ANSWERS, DIGESTS, GROUP_KEYS, GROUP_PLACES } from '../../assembly/areas';
import { bitOf, touchBlocks, wordOf } from '../../assembly/filter';
import { touch } from '../../assembly/touch';

/** A branch after each bit: what is not listed mostly ends at the first or the second. */
export function probeFiltersEndingEarly(count: u32): void {
  for (let first: u32 = 0; first < count; first += GROUP_KEYS) {
    const end = min<u32>(first + GROUP_KEYS, count);
    touchBlocks(first, end);
    for (let i = first; i < end; i++) {
      const page: usize = load<u32>(ADDRESSES + (i << 2));
      const block: usize = load<u32>(GROUP_PLACES + ((i - first) << 2));
      let h = load<u32>(DIGESTS + i * DIGEST_BYTES, 8);
      let probes = load<u32>(page, PAGE_PARAMETER);
      while (probes > 0 && (load<u32>(wordOf(block, h)) >> bitOf(h)) & 1) {
        h *= GOLDEN;
        probes--;
      }
      store<u8>(ANSWERS + i, <u32>(probes === 0));
    }
  }
}

/**
 * No multiplication of 64 bits for the block and none at all for the bits: as many reads, of other bits, so that
 * the answers are wrong.
 */
export function probeFiltersAdding(count: u32): void {
  for (let first: u32 = 0; first < count; first += GROUP_KEYS) {
    const end = min<u32>(first + GROUP_KEYS, count);
    let place = GROUP_PLACES;
    for (let i = first; i < end; i++) {
      const page: usize = load<u32>(ADDRESSES + (i << 2));
      const d1 = load<u32>(DIGESTS + i * DIGEST_BYTES, 4);
      const block = ((d1 >> 16) * load<u32>(page, PAGE_TABLE_COUNT)) >> 16;
      store<u32>(place, <u32>(page + PAGE_HEADER_BYTES) + block * FILTER_BLOCK_BYTES);
      place += 4;
    }
    touch(place, 0);
    for (let i = first; i < end; i++) {
      const page: usize = load<u32>(ADDRESSES + (i << 2));
      const block: usize = load<u32>(GROUP_PLACES + ((i - first) << 2));
      let h = load<u32>(DIGESTS + i * DIGEST_BYTES, 8);
      let all: u32 = 1;
      for (let probes = load<u32>(page, PAGE_PARAMETER); probes > 0; probes--) {
        all &= load<u32>(wordOf(block, h)) >> bitOf(h);
        h += GOLDEN;
      }
      store<u8>(ANSWERS + i, all);
    }
  }
}

/** Four keys at once in the lanes of a vector. Trusted: `count` is a multiple of 4. */
export function probeFiltersInFours(count: u32): void {
  for (let first: u32 = 0; first < count; first += GROUP_KEYS) {
    const end = min<u32>(first + GROUP_KEYS, count);
    touchBlocks(first, end);
    for (let i = first; i < end; i += 4) {
      const page: usize = load<u32>(ADDRESSES + (i << 2));
      const blocks = v128.load(GROUP_PLACES + ((i - first) << 2));
      const digest = DIGESTS + i * DIGEST_BYTES;
      const low = v128.shuffle<u32>(v128.load(digest), v128.load(digest, 16), 2, 6, 2, 6);
      const high = v128.shuffle<u32>(v128.load(digest, 32), v128.load(digest, 48), 2, 6, 2, 6);
      let h = v128.shuffle<u64>(low, high, 0, 2);
      let all = i32x4.splat(-1);
      for (let probes = load<u32>(page, PAGE_PARAMETER); probes > 0; probes--) {
        const offsets = v128.and(i32x4.shr_u(h, FILTER_BIT_SHIFT + 3), i32x4.splat(60));
        const places = i32x4.add(blocks, offsets);
        let words = v128.load32_zero(<usize>i32x4.extract_lane(places, 0));
        words = v128.load_lane<u32>(<usize>i32x4.extract_lane(places, 1), words, 1);
        words = v128.load_lane<u32>(<usize>i32x4.extract_lane(places, 2), words, 2);
        words = v128.load_lane<u32>(<usize>i32x4.extract_lane(places, 3), words, 3);
        // No lane has a shift of its own: the power of two is made as a float.
        const bits = v128.and(i32x4.shr_u(h, FILTER_BIT_SHIFT), i32x4.splat(31));
        const powers = i32x4.shl(i32x4.add(bits, i32x4.splat(127)), 23);
        const masks = i32x4.trunc_sat_f32x4_u(powers);
        all = v128.and(all, i32x4.eq(v128.and(words, masks), masks));
        h = i32x4.mul(h, i32x4.splat(GOLDEN));
      }
      const answers = v128.and(all, i32x4.splat(1));
      store<u8>(ANSWERS + i, i32x4.extract_lane(answers, 0));
      store<u8>(ANSWERS + i, i32x4.extract_lane(answers, 1), 1);
      store<u8>(ANSWERS + i, i32x4.extract_lane(answers, 2), 2);
      store<u8>(ANSWERS + i, i32x4.extract_lane(answers, 3), 3);
    }
  }
}
