/**
 * How large pages are, unless a build is told otherwise, and what it may be told.
 *
 * Keys a shard are a trade between the bytes of a fetch and the fetches of a check; bits and probes set
 * how often a document that is not listed needs a match page. Where the defaults come from:
 * docs/performance.md ("Which pages, and how many an isolate keeps").
 */

/** Settings of the pages of an edition. */
export interface PageSizes {
  /** Bits of a filter page for each key. */
  bitsPerKey: number;
  /** Most keys that a shard has in the mean. */
  keysPerShard: number;
  /** Bits that a key sets in its filter page. */
  probes: number;
}

export const PAGE_SIZES: Readonly<PageSizes> = { bitsPerKey: 10, keysPerShard: 8_192, probes: 6 };

/** Smallest and largest of each. */
export const PAGE_SIZE_BOUNDS = {
  bitsPerKey: { min: 1, max: 64 },
  keysPerShard: { min: 64, max: 60_000 },
  probes: { min: 1, max: 16 },
} as const;
