/**
 * Digests of a shard into their order, equal ones merged (docs/format.md section 13).
 *
 * Digests are uniform, so a counting sort by where d3 lies within its shard leaves about one in a
 * bucket; an insertion sort does the rest. Equal digests stop it at once, so that a list of nothing
 * but duplicates costs no more.
 */

import { DIGEST_BYTES, PAGE_KEYS_MAX } from '../src/format/layout';
import { BUCKET_STARTS, BUILD_CATEGORIES, BUILD_DIGESTS, BUILD_PAGE } from './areas';
import { mulhi } from './multiply';

/** What sortDigests answers for more distinct digests than a page holds. */
const TOO_MANY: i32 = -1;
/** What it answers for a digest of another shard. */
const NOT_OF_SHARD: i32 = -2;

/**
 * Reads u32[4 * count] digests at BUILD_PAGE and u8[count] categories behind them; writes them to
 * BUILD_DIGESTS and BUILD_CATEGORIES ascending by (d3, d2, d1, d0), of equal ones the highest
 * category. Answers how many are left, TOO_MANY or NOT_OF_SHARD.
 * Trusted: memory reaches 21 * count + 4 bytes behind BUILD_PAGE.
 */
export function sortDigests(count: u32, shardIndex: u32, shardCount: u32): i32 {
  const categories = BUILD_PAGE + <usize>count * DIGEST_BYTES;
  const order = (categories + count + 3) & ~3;
  const bucketCount = min<u32>(count, PAGE_KEYS_MAX - 1);
  if (!orderByPlace(order, count, shardIndex, shardCount, bucketCount)) return NOT_OF_SHARD;

  let written: u32 = 0;
  let last: usize = 0;
  for (let i: u32 = 0; i < count; i++) {
    const origin = load<u32>(order + (i << 2));
    const digest = BUILD_PAGE + <usize>origin * DIGEST_BYTES;
    const category = load<u8>(categories + origin);
    if (written > 0 && isEqual(digest, last)) {
      const kept = BUILD_CATEGORIES + written - 1;
      store<u8>(kept, max<u8>(load<u8>(kept), category));
      continue;
    }
    if (written === PAGE_KEYS_MAX) return TOO_MANY;
    last = BUILD_DIGESTS + written * DIGEST_BYTES;
    v128.store(last, v128.load(digest));
    store<u8>(BUILD_CATEGORIES + written, category);
    written++;
  }
  return <i32>written;
}

/** u32[count] at `order`: the indices of the digests, ascending; false if one is of another shard. */
function orderByPlace(
  order: usize,
  count: u32,
  shardIndex: u32,
  shardCount: u32,
  bucketCount: u32,
): bool {
  memory.fill(BUCKET_STARTS, 0, (bucketCount + 1) << 2);
  let wrong: u32 = 0;
  const end = BUILD_PAGE + <usize>count * DIGEST_BYTES;
  for (let digest = BUILD_PAGE; digest < end; digest += DIGEST_BYTES) {
    const d3 = load<u32>(digest, 12);
    wrong |= mulhi(d3, shardCount) ^ shardIndex;
    const start = BUCKET_STARTS + (mulhi(d3 * shardCount, bucketCount) << 2);
    store<u32>(start, load<u32>(start) + 1);
  }
  if (wrong !== 0) return false;
  let sum: u32 = 0;
  for (let bucket: u32 = 0; bucket < bucketCount; bucket++) {
    sum += load<u32>(BUCKET_STARTS + (bucket << 2));
    store<u32>(BUCKET_STARTS + (bucket << 2), sum);
  }
  // From the last digest down, each bucket's end moves to its start.
  for (let i = count; i > 0; ) {
    i--;
    const d3 = load<u32>(BUILD_PAGE + <usize>i * DIGEST_BYTES, 12);
    const start = BUCKET_STARTS + (mulhi(d3 * shardCount, bucketCount) << 2);
    const place = load<u32>(start) - 1;
    store<u32>(start, place);
    store<u32>(order + (place << 2), i);
  }
  // Buckets are in order and nearly all of one or two: no digest moves far.
  for (let i: u32 = 1; i < count; i++) {
    const index = load<u32>(order + (i << 2));
    let place = i;
    while (place > 0) {
      const before = load<u32>(order + ((place - 1) << 2));
      if (!isLess(index, before)) break;
      store<u32>(order + (place << 2), before);
      place--;
    }
    store<u32>(order + (place << 2), index);
  }
  return true;
}

/** Whether the first digest of BUILD_PAGE lies before the second: d3 and d2, then d1 and d0. */
function isLess(first: u32, second: u32): bool {
  const one = BUILD_PAGE + <usize>first * DIGEST_BYTES;
  const other = BUILD_PAGE + <usize>second * DIGEST_BYTES;
  const high = load<u64>(one, 8);
  const otherHigh = load<u64>(other, 8);
  if (high !== otherHigh) return high < otherHigh;
  return load<u64>(one) < load<u64>(other);
}

function isEqual(one: usize, other: usize): bool {
  return load<u64>(one, 8) === load<u64>(other, 8) && load<u64>(one) === load<u64>(other);
}
