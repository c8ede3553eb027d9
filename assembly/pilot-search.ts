/**
 * Match page, the search: a pilot for every bucket, so that each key gets a slot of its own and no
 * slot stays empty (docs/format.md sections 7 and 13).
 *
 * Pilots with eviction are those of R. Groot Koerkamp, "PtrHash: minimal perfect hashing at RAM
 * throughput", SEA 2025. A pilot is a hash variant and an offset, so that one 16-byte read a key
 * tells the price of all 16 offsets of a variant: SLOT_COSTS holds 0 for a free slot, else the
 * squared size of the bucket in it, or REFUSED. Everything is set anew by each call.
 */

import {
  DIGEST_BYTES,
  GOLDEN,
  PAGE_HEADER_BYTES,
  PAGE_KEY_COUNT,
  PAGE_LENGTH,
  PAGE_PARAMETER,
  PAGE_TABLE_COUNT,
  PILOT_OFFSET_MASK,
  PILOT_VARIANT_SHIFT,
} from '../src/format/layout';
import {
  BASES,
  BUCKET_KEYS,
  BUCKET_ORDER,
  BUCKET_ORIGINS,
  BUCKET_STARTS,
  BUILD_CATEGORIES,
  BUILD_DIGESTS,
  BUILD_PAGE,
  RECENT,
  SIZE_COUNTS,
  SLOT_COSTS,
  SLOT_OWNERS,
  WAITING,
} from './areas';
import { mulhi } from './multiply';
import {
  bucketOf,
  slotByte,
  slotOf,
  slotShift,
  slotsOffset,
  variantMultiplier,
} from './perfect-hash';

const VARIANTS: u32 = 16;
const OFFSETS: u32 = 16;
/** A slot whose bucket must stay. Sums of costs saturate here. */
const REFUSED: u32 = 255;
/** Larger buckets do not come from uniform digests: 7 keys on average in a dense one. */
const BUCKET_KEYS_MAX: u32 = 255;
const RECENT_BUCKETS: u32 = 16;
const NO_BUCKET: u32 = 0xffffffff;

/** What buildMatchPage answers when this seed does not work out. */
const SEED_FAILED: i32 = -1;

/**
 * Reads the header at BUILD_PAGE (length, keyCount, tableCount, seed) and its keyCount digests and
 * categories, writes pilots and slots; answers the number of evictions, or SEED_FAILED.
 * Trusted: memory reaches to the end of the page, 1 <= keyCount <= PAGE_KEYS_MAX, tableCount >= 1.
 */
export function buildMatchPage(): i32 {
  const n = load<u32>(BUILD_PAGE, PAGE_KEY_COUNT);
  const bucketCount = load<u32>(BUILD_PAGE, PAGE_TABLE_COUNT);
  const seed = load<u32>(BUILD_PAGE, PAGE_PARAMETER);
  groupByBucket(n, bucketCount, seed);
  if (!orderBySize(bucketCount)) return SEED_FAILED;
  const evictions = placeBuckets(n, bucketCount);
  if (evictions !== SEED_FAILED) writeSlots(n, bucketCount);
  return evictions;
}

/** Counting sort, stable: BUCKET_KEYS, BUCKET_ORIGINS and BUCKET_STARTS from the digests. */
function groupByBucket(n: u32, bucketCount: u32, seed: u32): void {
  memory.fill(BUCKET_STARTS, 0, (bucketCount + 1) << 2);
  // BASES holds the bucket of each key until the sort is done.
  for (let i: u32 = 0; i < n; i++) {
    const bucket = bucketOf(load<u32>(BUILD_DIGESTS + i * DIGEST_BYTES, 4), seed, bucketCount);
    store<u32>(BASES + (i << 2), bucket);
    const count = BUCKET_STARTS + (bucket << 2);
    store<u32>(count, load<u32>(count) + 1);
  }
  let end: u32 = 0;
  for (let bucket: u32 = 0; bucket <= bucketCount; bucket++) {
    end += load<u32>(BUCKET_STARTS + (bucket << 2));
    store<u32>(BUCKET_STARTS + (bucket << 2), end);
  }
  // From the last key down, each bucket's end moves to its start.
  for (let i: u32 = n; i > 0; ) {
    i--;
    const start = BUCKET_STARTS + (load<u32>(BASES + (i << 2)) << 2);
    const place = load<u32>(start) - 1;
    store<u32>(start, place);
    store<u32>(BUCKET_KEYS + (place << 2), load<u32>(BUILD_DIGESTS + i * DIGEST_BYTES, 8) ^ seed);
    store<u32>(BUCKET_ORIGINS + (place << 2), i);
  }
}

function startOf(bucket: u32): u32 {
  return load<u32>(BUCKET_STARTS + (bucket << 2));
}

function sizeOf(bucket: u32): u32 {
  return startOf(bucket + 1) - startOf(bucket);
}

/** Counting sort: BUCKET_ORDER, largest first, equal ones by index. False if one is too large. */
function orderBySize(bucketCount: u32): bool {
  memory.fill(SIZE_COUNTS, 0, (BUCKET_KEYS_MAX + 1) << 2);
  for (let bucket: u32 = 0; bucket < bucketCount; bucket++) {
    const size = sizeOf(bucket);
    if (size > BUCKET_KEYS_MAX) return false;
    const count = SIZE_COUNTS + (size << 2);
    store<u32>(count, load<u32>(count) + 1);
  }
  let start: u32 = 0;
  for (let size = <i32>BUCKET_KEYS_MAX; size >= 0; size--) {
    const count = load<u32>(SIZE_COUNTS + (size << 2));
    store<u32>(SIZE_COUNTS + (size << 2), start);
    start += count;
  }
  for (let bucket: u32 = 0; bucket < bucketCount; bucket++) {
    const start = SIZE_COUNTS + (sizeOf(bucket) << 2);
    const place = load<u32>(start);
    store<u32>(start, place + 1);
    store<u32>(BUCKET_ORDER + (place << 2), bucket);
  }
  return true;
}

/** Gives every bucket its pilot; answers the number of evictions, or SEED_FAILED. */
function placeBuckets(n: u32, bucketCount: u32): i32 {
  memory.fill(SLOT_COSTS, 0, n + OFFSETS);
  memory.fill(BUILD_PAGE + PAGE_HEADER_BYTES, 0, slotsOffset(bucketCount) - PAGE_HEADER_BYTES);
  memory.fill(RECENT, 0xff, RECENT_BUCKETS << 2);
  const recentCount = min<u32>(RECENT_BUCKETS, bucketCount >> 2);
  let recentAt: u32 = 0;
  let evictions: u32 = 0;

  for (let i: u32 = 0; i < bucketCount; i++) {
    const first = load<u32>(BUCKET_ORDER + (i << 2));
    if (sizeOf(first) === 0) break;
    store<u32>(WAITING, first);
    let waiting: u32 = 1;
    while (waiting > 0) {
      waiting--;
      const bucket = load<u32>(WAITING + (waiting << 2));
      let pilot = freePilot(bucket, n);
      if (pilot >= 0) {
        occupy(bucket, pilot, n, costOf(bucket));
        continue;
      }
      pilot = cheapestPilot(bucket, n, (evictions * GOLDEN) >> 24);
      if (pilot < 0) return SEED_FAILED;
      const displaced = displace(bucket, pilot, n, waiting);
      evictions += displaced;
      if (evictions > n) return SEED_FAILED;
      waiting += displaced;

      if (recentCount === 0) {
        occupy(bucket, pilot, n, costOf(bucket));
        continue;
      }
      // The last few that displaced others must stay, or two would displace each other for ever.
      occupy(bucket, pilot, n, REFUSED);
      const recent = RECENT + (recentAt << 2);
      const oldest = load<u32>(recent);
      if (oldest !== NO_BUCKET) occupy(oldest, pilotOf(oldest), n, costOf(oldest));
      store<u32>(recent, bucket);
      recentAt = recentAt + 1 === recentCount ? 0 : recentAt + 1;
    }
  }
  return evictions;
}

function pilotOf(bucket: u32): u32 {
  return <u32>load<u8>(BUILD_PAGE + bucket, PAGE_HEADER_BYTES);
}

/** Squared size, below REFUSED. */
function costOf(bucket: u32): u32 {
  const size = sizeOf(bucket);
  return min<u32>(size * size, REFUSED - 1);
}

/** The lowest pilot that puts all keys of the bucket on free slots, or -1. */
function freePilot(bucket: u32, n: u32): i32 {
  const start = BUCKET_KEYS + (startOf(bucket) << 2);
  const end = BUCKET_KEYS + (startOf(bucket + 1) << 2);
  for (let variant: u32 = 0; variant < VARIANTS; variant++) {
    const multiplier = variantMultiplier(variant);
    let costs = i8x16.splat(0);
    for (let key = start; key < end; key += 4) {
      const base = mulhi(load<u32>(key) * multiplier, n);
      costs = v128.or(costs, v128.load(SLOT_COSTS + base));
    }
    const free = i8x16.bitmask(i8x16.eq(costs, i8x16.splat(0)));
    if (free !== 0 && areBasesDistinct(start, end, multiplier, n)) {
      return <i32>(variant << PILOT_VARIANT_SHIFT) | ctz<i32>(free);
    }
  }
  return -1;
}

/** Whether no two keys of a bucket share their slot under a variant, whatever the offset. */
function areBasesDistinct(start: usize, end: usize, multiplier: u32, n: u32): bool {
  if (end - start <= 4) return true;
  let written = BASES;
  for (let key = start; key < end; key += 4) {
    const base = mulhi(load<u32>(key) * multiplier, n);
    for (let other = BASES; other < written; other += 4) {
      if (load<u32>(other) === base) return false;
    }
    store<u32>(written, base);
    written += 4;
  }
  return true;
}

/** The pilot whose slots cost least in sum, the lowest among equals; -1 if all are REFUSED. */
function cheapestPilot(bucket: u32, n: u32, turn: u32): i32 {
  const start = BUCKET_KEYS + (startOf(bucket) << 2);
  const end = BUCKET_KEYS + (startOf(bucket + 1) << 2);
  let leastCosts = i8x16.splat(-1);
  let leastRanks = i8x16.splat(0);
  for (let rank: u32 = 0; rank < VARIANTS; rank++) {
    const multiplier = variantMultiplier(rank ^ (turn >> PILOT_VARIANT_SHIFT));
    if (!areBasesDistinct(start, end, multiplier, n)) continue;
    let costs = i8x16.splat(0);
    for (let key = start; key < end; key += 4) {
      const base = mulhi(load<u32>(key) * multiplier, n);
      costs = i8x16.add_sat_u(costs, v128.load(SLOT_COSTS + base));
    }
    const isLess = i8x16.lt_u(costs, leastCosts);
    leastCosts = v128.bitselect(costs, leastCosts, isLess);
    leastRanks = v128.bitselect(i8x16.splat(<i8>rank), leastRanks, isLess);
  }
  // The best variant of each offset is known; now offset by offset, through memory.
  v128.store(BASES, leastCosts);
  v128.store(BASES, leastRanks, 16);
  let leastCost = REFUSED;
  let leastRank: u32 = 0;
  for (let offset: u32 = 0; offset < OFFSETS; offset++) {
    const cost = <u32>load<u8>(BASES + offset);
    const variantRank = (<u32>load<u8>(BASES + offset, 16)) << PILOT_VARIANT_SHIFT;
    const rank = variantRank | (offset ^ (turn & PILOT_OFFSET_MASK));
    if (cost < leastCost || (cost === leastCost && cost < REFUSED && rank < leastRank)) {
      leastCost = cost;
      leastRank = rank;
    }
  }
  return leastCost < REFUSED ? <i32>(leastRank ^ turn) : -1;
}

/** Frees the slots that the bucket's pilot needs; answers how many buckets now wait for a place. */
function displace(bucket: u32, pilot: u32, n: u32, waiting: u32): u32 {
  let displaced: u32 = 0;
  const end = startOf(bucket + 1);
  for (let place = startOf(bucket); place < end; place++) {
    const slot = slotOf(load<u32>(BUCKET_KEYS + (place << 2)), pilot, n);
    if (load<u8>(SLOT_COSTS + slot) === 0) continue;
    const owner = load<u32>(SLOT_OWNERS + (slot << 2));
    occupy(owner, pilotOf(owner), n, 0);
    store<u32>(WAITING + ((waiting + displaced) << 2), owner);
    displaced++;
  }
  return displaced;
}

/** Gives the slots of a bucket under a pilot to it, at a cost; cost 0 frees them. */
function occupy(bucket: u32, pilot: u32, n: u32, cost: u32): void {
  store<u8>(BUILD_PAGE + bucket, pilot, PAGE_HEADER_BYTES);
  const end = startOf(bucket + 1);
  for (let place = startOf(bucket); place < end; place++) {
    const slot = slotOf(load<u32>(BUCKET_KEYS + (place << 2)), pilot, n);
    store<u32>(SLOT_OWNERS + (slot << 2), bucket);
    store<u8>(SLOT_COSTS + slot, cost);
    // A window of 16 may reach over the end: the first slots stand behind it once more.
    for (let copy = slot + n; copy < n + OFFSETS; copy += n) store<u8>(SLOT_COSTS + copy, cost);
  }
}

/** Fingerprint and category of every key into its slot. */
function writeSlots(n: u32, bucketCount: u32): void {
  const slots = BUILD_PAGE + slotsOffset(bucketCount);
  memory.fill(slots, 0, BUILD_PAGE + load<u32>(BUILD_PAGE, PAGE_LENGTH) - slots);
  for (let bucket: u32 = 0; bucket < bucketCount; bucket++) {
    const pilot = pilotOf(bucket);
    const end = startOf(bucket + 1);
    for (let place = startOf(bucket); place < end; place++) {
      const origin = load<u32>(BUCKET_ORIGINS + (place << 2));
      const slot = slotOf(load<u32>(BUCKET_KEYS + (place << 2)), pilot, n);
      const fingerprint = <u64>load<u32>(BUILD_DIGESTS + origin * DIGEST_BYTES);
      const category = <u64>load<u8>(BUILD_CATEGORIES + origin);
      const at = slots + slotByte(slot);
      const bits = (fingerprint | (category << 32)) << slotShift(slot);
      store<u64>(at, load<u64>(at) | bits);
    }
  }
}
