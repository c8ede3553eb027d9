/* What every structure here is asked about: the 16-byte digests that the matcher is asked about. */

#ifndef DIGEST_H
#define DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Uniform words: the first 8 bytes as one, the last 4 as another that is independent of it. */
typedef struct {
  uint64_t head;
  uint32_t middle;
  uint32_t tail;
} digest_t;

/* Zeroed memory at a multiple of 64 bytes; ends the program if there is none. */
static inline void *zeroed(size_t bytes) {
  size_t rounded = (bytes + 127) & ~(size_t)63;
  char *block = aligned_alloc(64, rounded);
  if (block == NULL) {
    fprintf(stderr, "no memory for %zu bytes\n", rounded);
    exit(1);
  }
  for (size_t i = 0; i < rounded; i++) block[i] = 0;
  return block;
}

/* floor(a * b / 2^64) and floor(a * b / 2^32): uniform word to 0 .. b - 1. */
static inline uint64_t scale64(uint64_t a, uint64_t b) {
  return (uint64_t)(((unsigned __int128)a * b) >> 64);
}
static inline uint32_t scale32(uint32_t a, uint32_t b) {
  return (uint32_t)(((uint64_t)a * b) >> 32);
}

/* The finalizer of MurmurHash3 (A. Appleby), which the authors of the fuse filters use, too. */
static inline uint64_t mix(uint64_t word) {
  word ^= word >> 33;
  word *= 0xff51afd7ed558ccdULL;
  word ^= word >> 33;
  word *= 0xc4ceb9fe1a85ec53ULL;
  return word ^ (word >> 33);
}

#endif
