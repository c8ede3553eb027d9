/**
 * Match page, the query: one pilot, one slot, one comparison (docs/format.md section 7).
 *
 * Keys go through in groups, and each pass over a group does what needs one cache line a key: the
 * pilots, then the slots, both read ahead (touch.ts). No branch here depends on a key.
 */

import {
  CATEGORY_MASK,
  DIGEST_BYTES,
  PAGE_HEADER_BYTES,
  PAGE_KEY_COUNT,
  PAGE_PARAMETER,
  PAGE_TABLE_COUNT,
  SLOT_HALF_BYTES,
} from '../src/format/layout';
import { ADDRESSES, ANSWERS, DIGESTS, GROUP_KEYS, GROUP_PLACES } from './areas';
import { bucketOf, slotOf, slotsOffset } from './perfect-hash';
import { touch } from './touch';

/** Where a page without keys sends its questions: the zeros at address 0. */
const NO_PLACE: u32 = 0;
/** Categories above are not used and read as 0, not specified. */
const CATEGORY_MAX: u32 = 5;

/**
 * Reads `count` digests of DIGESTS and page addresses of ADDRESSES, writes u8[count] ANSWERS:
 * 0 absent, else 1 + category.
 * Trusted: every address is that of a decoded match page, below 2^31. Of a page without keys the
 * word behind its header is read, which is memory of ours, and not used.
 */
export function probeMatches(count: u32): void {
  for (let first: u32 = 0; first < count; first += GROUP_KEYS) {
    const end = min<u32>(first + GROUP_KEYS, count);

    let place = GROUP_PLACES;
    for (let i = first; i < end; i++) {
      const page: usize = load<u32>(ADDRESSES + (i << 2));
      const seed = load<u32>(page, PAGE_PARAMETER);
      const d1 = load<u32>(DIGESTS + i * DIGEST_BYTES, 4);
      const bucket = bucketOf(d1, seed, load<u32>(page, PAGE_TABLE_COUNT));
      store<u32>(place, <u32>(page + PAGE_HEADER_BYTES + bucket));
      place += 4;
    }
    touch(place, 0);

    place = GROUP_PLACES;
    for (let i = first; i < end; i++) {
      const page: usize = load<u32>(ADDRESSES + (i << 2));
      const n = load<u32>(page, PAGE_KEY_COUNT);
      const keyWord = load<u32>(DIGESTS + i * DIGEST_BYTES, 8) ^ load<u32>(page, PAGE_PARAMETER);
      const slot = slotOf(keyWord, load<u8>(load<u32>(place)), max<u32>(n, 1));
      const slots = <u32>(page + slotsOffset(load<u32>(page, PAGE_TABLE_COUNT)));
      const halfByte = (slots << 1) + slot * SLOT_HALF_BYTES;
      store<u32>(place, select<u32>(halfByte, NO_PLACE, n !== 0));
      place += 4;
    }
    touch(place, 1);

    place = GROUP_PLACES;
    for (let i = first; i < end; i++) {
      const halfByte = load<u32>(place);
      const slot = load<u64>(halfByte >> 1) >> ((halfByte & 1) << 2);
      const category = <u32>(slot >> 32) & CATEGORY_MASK;
      const answer = select<u32>(category + 1, 1, category <= CATEGORY_MAX);
      const isEqual = <u32>slot === load<u32>(DIGESTS + i * DIGEST_BYTES);
      store<u8>(ANSWERS + i, select<u32>(answer, 0, isEqual & (halfByte !== NO_PLACE)));
      place += 4;
    }
  }
}
