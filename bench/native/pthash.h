/*
 * Minimal perfect hashing as PTHash-HEM builds it: G. E. Pibiri, R. Trani, "PTHash: revisiting FCH
 * minimal perfect hashing", SIGIR 2021, and "Parallel and external-memory construction of minimal
 * perfect hash functions with PTHash", TKDE 2024.
 *
 * Keys are split by hash into parts that are built one by one. In a part, 60 % of the keys share 30 %
 * of c n / log2(n) buckets; for each bucket, the largest first, the first pilot is searched that sends
 * its keys to free slots of n / 0.94. Slots from n on are sent to free ones below by a table. Pilots
 * are counted as the paper packs them at the least: with as many bits as the largest of the part has.
 *
 * Parts have as many keys as a shard of ours. One thread; built to be timed, not to be asked.
 */

#define PTHASH_PART_KEYS 32768
#define PTHASH_C 7.0
#define PTHASH_LOAD 0.94
#define PTHASH_SEEDS 16

typedef struct {
  uint32_t bucket;
  uint32_t bucket_size;
  uint64_t hash;
} pthash_key_t;

/* x mod d without a division: D. Lemire, O. Kaser, N. Kurz, "Faster remainder by direct computation", 2019. */
static inline uint32_t fast_mod(uint32_t x, uint64_t inverse, uint32_t d) {
  return (uint32_t)scale64(inverse * x, d);
}

static uint32_t pthash_bucket(uint64_t hash, uint32_t buckets) {
  uint32_t dense = (uint32_t)(0.3 * buckets);
  uint32_t word = (uint32_t)(hash >> 32);
  if (word < 0x99999999u) return scale32((uint32_t)((double)word / 0.6), dense ? dense : 1);
  return dense + scale32((uint32_t)((double)(word - 0x99999999u) / 0.4), buckets - dense);
}

/* Keys by bucket, larger buckets first: two counting sorts. */
static void pthash_order(const uint64_t *hashes, uint32_t n, uint32_t buckets, pthash_key_t *ordered) {
  uint32_t *sizes = zeroed((buckets + 1) * sizeof *sizes);
  uint32_t *starts = zeroed((buckets + 1) * sizeof *starts);
  uint32_t *by_size = zeroed((n + 2) * sizeof *by_size);
  for (uint32_t i = 0; i < n; i++) sizes[pthash_bucket(hashes[i], buckets)]++;
  for (uint32_t b = 0; b < buckets; b++) by_size[n - sizes[b] + 1] += sizes[b];
  for (uint32_t s = 0; s <= n; s++) by_size[s + 1] += by_size[s];
  for (uint32_t b = 0; b < buckets; b++) {
    starts[b] = by_size[n - sizes[b]];
    by_size[n - sizes[b]] += sizes[b];
  }
  for (uint32_t i = 0; i < n; i++) {
    uint32_t bucket = pthash_bucket(hashes[i], buckets);
    ordered[starts[bucket]++] = (pthash_key_t){bucket, sizes[bucket], hashes[i]};
  }
  free(sizes);
  free(starts);
  free(by_size);
}

/* Bits of one part, or 0 if a bucket has two keys that no pilot can tell apart. */
static size_t pthash_part(const uint64_t *hashes, uint32_t n, uint32_t *pilots) {
  uint32_t slots = (uint32_t)ceil(n / PTHASH_LOAD);
  uint32_t buckets = (uint32_t)ceil(PTHASH_C * n / log2(n < 4 ? 4 : n));
  uint64_t inverse = UINT64_MAX / slots + 1;
  pthash_key_t *ordered = zeroed((n + 1) * sizeof *ordered);
  pthash_order(hashes, n, buckets, ordered);
  uint64_t *taken = zeroed((slots / 64 + 1) * 8);
  uint32_t largest = 0;
  for (uint32_t first = 0; first < n;) {
    uint32_t size = ordered[first].bucket_size;
    uint32_t pilot = 0;
    for (;; pilot++) {
      uint32_t mask = (uint32_t)mix(pilot);
      uint32_t placed = 0;
      for (; placed < size; placed++) {
        uint32_t slot = fast_mod((uint32_t)ordered[first + placed].hash ^ mask, inverse, slots);
        if ((taken[slot >> 6] >> (slot & 63)) & 1) break;
        taken[slot >> 6] |= (uint64_t)1 << (slot & 63);
      }
      if (placed == size) break;
      while (placed-- > 0) {
        uint32_t slot = fast_mod((uint32_t)ordered[first + placed].hash ^ mask, inverse, slots);
        taken[slot >> 6] &= ~((uint64_t)1 << (slot & 63));
      }
      if (pilot == 1u << 24) break;
    }
    if (pilot == 1u << 24) {
      largest = UINT32_MAX;
      break;
    }
    pilots[ordered[first].bucket] = pilot;
    if (pilot > largest) largest = pilot;
    first += size;
  }
  free(ordered);
  free(taken);
  if (largest == UINT32_MAX) return 0;
  size_t pilot_bits = 1;
  while (largest >> pilot_bits) pilot_bits++;
  return buckets * pilot_bits + (slots - n) * 15;
}

/* Bytes of the functions over all parts. Each part starts anew under the next seed if it must. */
static size_t pthash_build(const digest_t *keys, size_t count) {
  uint32_t parts = (uint32_t)((count + PTHASH_PART_KEYS - 1) / PTHASH_PART_KEYS);
  size_t *starts = zeroed((parts + 2) * sizeof *starts);
  uint64_t *hashes = zeroed((count + 1) * sizeof *hashes);
  uint64_t *seeded = zeroed(4 * PTHASH_PART_KEYS * sizeof *seeded);
  uint32_t *pilots = zeroed(4 * PTHASH_PART_KEYS * sizeof *pilots);
  for (size_t i = 0; i < count; i++) starts[scale32(keys[i].tail, parts) + 2]++;
  for (uint32_t p = 0; p < parts; p++) starts[p + 2] += starts[p + 1];
  for (size_t i = 0; i < count; i++) hashes[starts[scale32(keys[i].tail, parts) + 1]++] = keys[i].head;
  size_t bits = 0;
  for (uint32_t p = 0; p < parts; p++) {
    uint32_t n = (uint32_t)(starts[p + 1] - starts[p]);
    size_t of_part = 0;
    for (uint64_t seed = 0; n > 0 && of_part == 0 && seed < PTHASH_SEEDS; seed++) {
      for (uint32_t i = 0; i < n; i++) seeded[i] = seed ? mix(hashes[starts[p] + i] + seed) : hashes[starts[p] + i];
      of_part = pthash_part(seeded, n, pilots);
    }
    if (n > 0 && of_part == 0) return 0;
    bits += of_part;
  }
  free(starts);
  free(hashes);
  free(seeded);
  free(pilots);
  return bits / 8;
}
