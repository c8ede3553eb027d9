/**
 * How often a filter page says *maybe* to a document that is not listed, by theory.
 *
 * Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters" (2009), section 3: the
 * keys of a block follow a Poisson distribution, and each block is a small Bloom filter. The bits of
 * one key are taken as independent, which a multiplicative chain of one word is only nearly.
 */

import { FILTER_BLOCK_BITS } from '../../src/format/layout.ts';

/** Probability of *maybe* for a key that is not in a page of so many keys and blocks; 0 to 1. */
export function filterFalsePositiveRate(options: {
  keyCount: number;
  blockCount: number;
  probes: number;
}): number {
  const { keyCount, blockCount, probes } = options;
  if (keyCount === 0) return 0;
  const mean = keyCount / blockCount;
  let rate = 0;
  let weight = Math.exp(-mean); // Poisson probability of `load` keys in the block
  const loadMax = Math.ceil(mean + 12 * Math.sqrt(mean) + 12);
  for (let load = 0; load <= loadMax; load++) {
    const bitIsSet = 1 - (1 - 1 / FILTER_BLOCK_BITS) ** (probes * load);
    rate += weight * bitIsSet ** probes;
    weight *= mean / (load + 1);
  }
  return rate;
}
