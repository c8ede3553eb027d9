/*
 * Binary fuse filter with three places a key: T. M. Graf, D. Lemire, "Binary Fuse Filters: Fast and
 * Smaller Than Xor Filters", JEA 27, 2022. Sizes are those of the paper, section 4.
 *
 * Included once for each width: FINGERPRINT is the type of a place, FUSE(name) the name of a function.
 * A key belongs to three places in three neighbouring segments; their XOR is its fingerprint.
 */

typedef struct {
  uint64_t seed;
  uint32_t segment_length; /* a power of two */
  uint32_t range;          /* places where the first of three may lie */
  uint32_t length;
  FINGERPRINT *places;
} FUSE(t);

static inline void FUSE(places_of)(const FUSE(t) *filter, uint64_t hash, uint32_t places[3]) {
  uint32_t mask = filter->segment_length - 1;
  uint32_t first = (uint32_t)scale64(hash, filter->range);
  places[0] = first;
  places[1] = (first + filter->segment_length) ^ ((uint32_t)(hash >> 18) & mask);
  places[2] = (first + 2 * filter->segment_length) ^ ((uint32_t)hash & mask);
}

static inline FINGERPRINT FUSE(fingerprint_of)(uint64_t hash) {
  return (FINGERPRINT)(hash ^ (hash >> 32));
}

static inline int FUSE(has)(const FUSE(t) *filter, digest_t digest) {
  uint64_t hash = mix(digest.head + filter->seed);
  uint32_t at[3];
  FUSE(places_of)(filter, hash, at);
  const FINGERPRINT *places = filter->places;
  return (FINGERPRINT)(places[at[0]] ^ places[at[1]] ^ places[at[2]]) == FUSE(fingerprint_of)(hash);
}

/* Hashes of the keys, ordered by the segment of their first place, so that building stays in cache. */
static void FUSE(order)(const FUSE(t) *filter, const digest_t *keys, size_t count, uint64_t *ordered) {
  uint32_t segments = filter->range / filter->segment_length;
  size_t *starts = zeroed((segments + 1) * sizeof *starts);
  for (size_t i = 0; i < count; i++) {
    starts[scale64(mix(keys[i].head + filter->seed), segments) + 1]++;
  }
  for (uint32_t i = 0; i < segments; i++) starts[i + 1] += starts[i];
  for (size_t i = 0; i < count; i++) {
    uint64_t hash = mix(keys[i].head + filter->seed);
    ordered[starts[scale64(hash, segments)]++] = hash;
  }
  free(starts);
}

/*
 * Takes away, again and again, a key that is alone at one of its places. `hashes` becomes the order in
 * which they left, `left_by` the place of the three; answers how many could leave.
 */
static size_t FUSE(peel)(const FUSE(t) *filter, uint64_t *hashes, size_t count, uint8_t *left_by) {
  uint64_t *sums = zeroed(filter->length * sizeof *sums);     /* XOR of the hashes at a place */
  uint8_t *tallies = zeroed(filter->length);                  /* 4 * keys there + XOR of their 0..2 */
  uint32_t *alone = zeroed((filter->length + 1) * sizeof *alone);
  uint32_t at[3];
  int is_full = 0;
  for (size_t i = 0; i < count; i++) {
    FUSE(places_of)(filter, hashes[i], at);
    for (int j = 0; j < 3; j++) {
      is_full |= tallies[at[j]] >= 252;
      tallies[at[j]] = (uint8_t)((tallies[at[j]] + 4) ^ j);
      sums[at[j]] ^= hashes[i];
    }
  }
  size_t waiting = 0;
  size_t left = 0;
  for (uint32_t place = 0; place < filter->length; place++) {
    alone[waiting] = place;
    waiting += tallies[place] >> 2 == 1;
  }
  while (waiting > 0 && !is_full) {
    uint32_t place = alone[--waiting];
    if (tallies[place] >> 2 != 1) continue;
    uint64_t hash = sums[place];
    int own = tallies[place] & 3;
    hashes[left] = hash;
    left_by[left++] = (uint8_t)own;
    FUSE(places_of)(filter, hash, at);
    for (int j = 0; j < 3; j++) {
      if (j == own) continue;
      alone[waiting] = at[j];
      waiting += tallies[at[j]] >> 2 == 2;
      tallies[at[j]] = (uint8_t)((tallies[at[j]] - 4) ^ j);
      sums[at[j]] ^= hash;
    }
  }
  free(sums);
  free(tallies);
  free(alone);
  return left;
}

/* Bytes of the filter over distinct keys, which replaces the one in `filter`; 0 if no seed did. */
static size_t FUSE(build)(FUSE(t) *filter, const digest_t *keys, size_t count) {
  double n = count < 2 ? 2 : (double)count;
  uint32_t length = 1u << (int)floor(log(n) / log(3.33) + 2.25);
  filter->segment_length = length > 262144 ? 262144 : length;
  double factor = fmax(1.125, 0.875 + 0.25 * log(1e6) / log(n));
  uint32_t segments = (uint32_t)ceil(round(n * factor) / filter->segment_length);
  filter->range = (segments < 3 ? 1 : segments - 2) * filter->segment_length;
  filter->length = filter->range + 2 * filter->segment_length;
  free(filter->places);
  filter->places = zeroed(filter->length * sizeof *filter->places);
  uint64_t *hashes = zeroed((count + 1) * sizeof *hashes);
  uint8_t *left_by = zeroed(count + 1);
  size_t left = 0;
  filter->seed = 1;
  for (int attempt = 0; attempt < 100; attempt++) {
    filter->seed = mix(filter->seed + 0x9e3779b97f4a7c15ULL);
    FUSE(order)(filter, keys, count, hashes);
    left = FUSE(peel)(filter, hashes, count, left_by);
    if (left == count) break;
  }
  /* The last to leave is the first to be written: its place is nobody's after it. */
  for (size_t i = left; i-- > 0;) {
    uint32_t at[3];
    FUSE(places_of)(filter, hashes[i], at);
    FINGERPRINT *places = filter->places;
    FINGERPRINT others = (FINGERPRINT)(places[at[(left_by[i] + 1) % 3]] ^ places[at[(left_by[i] + 2) % 3]]);
    places[at[left_by[i]]] = (FINGERPRINT)(FUSE(fingerprint_of)(hashes[i]) ^ others);
  }
  free(hashes);
  free(left_by);
  return left == count ? filter->length * sizeof *filter->places : 0;
}
