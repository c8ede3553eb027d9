/**
 * The slot of each key in its match page: how the build proves that every slot has a record.
 *
 * The same steps as the first half of match-query.ts, which the edge runs; it has no use for slots.
 */

import {
  DIGEST_BYTES,
  PAGE_HEADER_BYTES,
  PAGE_KEY_COUNT,
  PAGE_PARAMETER,
  PAGE_TABLE_COUNT,
} from '../src/format/layout';
import { ADDRESSES, DIGESTS } from './areas';
import { bucketOf, slotOf } from './perfect-hash';

/**
 * Reads `count` digests of DIGESTS and page addresses of ADDRESSES, writes the slots, each from 0 to
 * keyCount - 1, over the addresses.
 * Trusted: every address is that of a decoded match page. Slot 0 in a page without keys.
 */
export function locateSlots(count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const digest = DIGESTS + i * DIGEST_BYTES;
    const address = ADDRESSES + (i << 2);
    const page: usize = load<u32>(address);
    const n = load<u32>(page, PAGE_KEY_COUNT);
    const seed = load<u32>(page, PAGE_PARAMETER);
    const bucket = bucketOf(load<u32>(digest, 4), seed, load<u32>(page, PAGE_TABLE_COUNT));
    const pilot = <u32>load<u8>(page + bucket, PAGE_HEADER_BYTES);
    store<u32>(address, slotOf(load<u32>(digest, 8) ^ seed, pilot, max<u32>(n, 1)));
  }
}
