/*
 * Blocked Bloom filters: F. Putze, P. Sanders, J. Singler, "Cache-, hash- and space-efficient Bloom
 * filters", JEA 14, 2009. 8 bits a key; in blocks of 512 bits 5 bits a key are set, in blocks of 64 4.
 *
 * Digests are uniform, so the bits are read from the digest itself: no hashing is left to do.
 */

#define BLOOM_BITS_PER_KEY 8
#define BLOOM512_BITS 5
#define BLOOM64_BITS 4

typedef struct {
  uint32_t block_count;
  uint64_t *words; /* 8 words a block of 512 bits, 1 a block of 64 */
} bloom_t;

static size_t bloom_open(bloom_t *bloom, size_t count, size_t block_bits) {
  bloom->block_count = (uint32_t)((count * BLOOM_BITS_PER_KEY + block_bits - 1) / block_bits);
  if (bloom->block_count == 0) bloom->block_count = 1;
  free(bloom->words);
  bloom->words = zeroed(bloom->block_count * (block_bits / 8));
  return bloom->block_count * (block_bits / 8);
}

static size_t bloom512_build(bloom_t *bloom, const digest_t *keys, size_t count) {
  size_t bytes = bloom_open(bloom, count, 512);
  for (size_t i = 0; i < count; i++) {
    uint64_t *block = bloom->words + 8 * (size_t)scale32(keys[i].tail, bloom->block_count);
    uint64_t bits = keys[i].head;
    for (int j = 0; j < BLOOM512_BITS; j++, bits >>= 9) {
      block[(bits >> 6) & 7] |= (uint64_t)1 << (bits & 63);
    }
  }
  return bytes;
}

static inline int bloom512_has(const bloom_t *bloom, digest_t digest) {
  const uint64_t *block = bloom->words + 8 * (size_t)scale32(digest.tail, bloom->block_count);
  uint64_t bits = digest.head;
  uint64_t all = 1;
  for (int j = 0; j < BLOOM512_BITS; j++, bits >>= 9) all &= block[(bits >> 6) & 7] >> (bits & 63);
  return (int)(all & 1);
}

static inline uint64_t bloom64_mask(uint64_t bits) {
  uint64_t mask = 0;
  for (int j = 0; j < BLOOM64_BITS; j++, bits >>= 6) mask |= (uint64_t)1 << (bits & 63);
  return mask;
}

static size_t bloom64_build(bloom_t *bloom, const digest_t *keys, size_t count) {
  size_t bytes = bloom_open(bloom, count, 64);
  for (size_t i = 0; i < count; i++) {
    bloom->words[scale32(keys[i].tail, bloom->block_count)] |= bloom64_mask(keys[i].head);
  }
  return bytes;
}

static inline int bloom64_has(const bloom_t *bloom, digest_t digest) {
  uint64_t mask = bloom64_mask(digest.head);
  return (bloom->words[scale32(digest.tail, bloom->block_count)] & mask) == mask;
}
