/**
 * Micro-buckets: the control of the perfect hash. Fingerprints lie sorted by bucket, three to a bucket
 * on average, and 4 bits a bucket count them.
 *
 *     struct Page {
 *        0  u32    n
 *        4  u32    bucketCount       // a multiple of 16
 *        8  u32    seed
 *       12  u32    reserved
 *       16  Group  groups[bucketCount / 16]
 *           u32    fingerprints[n + 8]       // the last 8 are zero: 32 bytes can be read at any
 *     }
 *     struct Group {                 // 10 bytes, of 16 buckets
 *        0  u64  counts              // 4 bits each
 *        8  u16  start               // fingerprints before it
 *     }
 *
 * 80 bits for 48 keys and 32 for each: 33.67 bits a key. A key that is not listed is compared with 3
 * fingerprints, so 3 in 2^32 are taken for another. A bucket of 16 keys needs a new seed.
 */

const GOLDEN: u32 = 0x9e3779b1;
const CHUNK_KEYS: u32 = 256;
const PASS_KEYS: u32 = 16;
const GROUP_BUCKETS: u32 = 16;
const GROUP_BYTES: u32 = 10;
const PAGE_HEADER: u32 = 16;
const COUNT_MAX: u32 = 15;
const ONE_A_BYTE: u64 = ((<u64>0x01010101) << 32) | 0x01010101;
const LOW_HALVES: u64 = ONE_A_BYTE * 0x0f;

/** u8[16 * 256] digests, u32[256] page addresses, u8[256] answers, u32[2 * 16] places of one pass. */
export const DIGESTS: usize = 256;
export const ADDRESSES: usize = DIGESTS + 16 * CHUNK_KEYS;
export const ANSWERS: usize = ADDRESSES + 4 * CHUNK_KEYS;
const PLACES: usize = ANSWERS + CHUNK_KEYS;
/** Pages, and while building the digests and the page in hand. */
export const FREE: usize = 8192;

function mulhi(a: u32, b: u32): u32 {
  return <u32>((<u64>a * <u64>b) >> 32);
}

function bucketOf(digest: usize, seed: u32, bucketCount: u32): u32 {
  return mulhi((load<u32>(digest, 4) ^ seed) * GOLDEN, bucketCount);
}

/** Sum of the half-bytes of `counts`, at most 16 * 15. */
function sum(counts: u64): u32 {
  const pairs = (counts & LOW_HALVES) + ((counts >> 4) & LOW_HALVES);
  return <u32>((pairs * ONE_A_BYTE) >> 56);
}

/** Bytes of a page of `n` keys in `bucketCount` buckets. */
export function pageBytes(n: u32, bucketCount: u32): u32 {
  return PAGE_HEADER + (bucketCount / GROUP_BUCKETS) * GROUP_BYTES + 4 * (n + 8);
}

/**
 * Writes the page of `n` digests at `digests` to `page`, with a u32[bucketCount] at `work`; 0 if a bucket
 * is too full under this seed, else 1. Trusted: the areas do not overlap; n is below 65,536.
 */
export function buildPage(
  digests: usize,
  n: u32,
  bucketCount: u32,
  seed: u32,
  page: usize,
  work: usize,
): u32 {
  store<u32>(page, n);
  store<u32>(page, bucketCount, 4);
  store<u32>(page, seed, 8);
  store<u32>(page, 0, 12);
  memory.fill(work, 0, 4 * bucketCount);
  for (let i: u32 = 0; i < n; i++) {
    const at = work + (bucketOf(digests + (i << 4), seed, bucketCount) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  const fingerprints = page + PAGE_HEADER + (bucketCount / GROUP_BUCKETS) * GROUP_BYTES;
  let start: u32 = 0;
  let group = page + PAGE_HEADER;
  for (let bucket: u32 = 0; bucket < bucketCount; group += GROUP_BYTES) {
    let counts: u64 = 0;
    store<u16>(group, start, 8);
    for (let shift: u32 = 0; shift < 64; shift += 4, bucket++) {
      const at = work + (bucket << 2);
      const count = load<u32>(at);
      if (count > COUNT_MAX) return 0;
      counts |= (<u64>count) << shift;
      store<u32>(at, start);
      start += count;
    }
    store<u64>(group, counts);
  }
  for (let i: u32 = 0; i < n; i++) {
    const digest = digests + (i << 4);
    const at = work + (bucketOf(digest, seed, bucketCount) << 2);
    const place = load<u32>(at);
    store<u32>(at, place + 1);
    store<u32>(fingerprints + (place << 2), load<u32>(digest));
  }
  memory.fill(fingerprints + (n << 2), 0, 32);
  return 1;
}

/**
 * Reads `count` digests of DIGESTS and page addresses of ADDRESSES, writes u8[count] ANSWERS: 1 listed,
 * 0 not. Two passes over 16 keys, so that cache misses overlap.
 */
export function probe(count: u32): void {
  for (let first: u32 = 0; first < count; first += PASS_KEYS) {
    const end = min<u32>(first + PASS_KEYS, count);
    let place = PLACES;
    for (let i = first; i < end; i++) {
      const page: usize = load<u32>(ADDRESSES + (i << 2));
      const bucketCount = load<u32>(page, 4);
      const bucket = bucketOf(DIGESTS + (i << 4), load<u32>(page, 8), bucketCount);
      const group = page + PAGE_HEADER + (bucket / GROUP_BUCKETS) * GROUP_BYTES;
      const counts = load<u64>(group);
      const shift: u64 = (bucket & 15) << 2;
      const before = sum(counts & (((<u64>1) << shift) - 1)) + <u32>load<u16>(group, 8);
      const groups = (bucketCount / GROUP_BUCKETS) * GROUP_BYTES;
      store<u32>(place, page + PAGE_HEADER + groups + (before << 2));
      store<u32>(place, <u32>(counts >> shift) & 15, 4);
      place += 8;
    }
    place = PLACES;
    for (let i = first; i < end; i++) {
      const at: usize = load<u32>(place);
      const size = load<u32>(place, 4);
      const fingerprint = load<u32>(DIGESTS + (i << 4));
      const wanted = i32x4.splat(fingerprint);
      const low = i32x4.bitmask(i32x4.eq(v128.load(at), wanted));
      const high = i32x4.bitmask(i32x4.eq(v128.load(at, 16), wanted));
      let found = <u32>(((low | (high << 4)) & ((1 << size) - 1)) !== 0);
      for (let rest: u32 = 8; rest < size; rest++) {
        found |= <u32>(load<u32>(at + (rest << 2)) === fingerprint);
      }
      store<u8>(ANSWERS + i, found);
      place += 8;
    }
  }
}
