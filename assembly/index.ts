/**
 * The matcher core: digests, page probes, page building. Scalars in and out, no imports, no
 * allocation; arguments and answers lie in memory where areas.ts says.
 *
 * The host trusts nothing here to survive a call: every function reads its arguments from memory,
 * writes its answers, and is done. docs/format.md is the rule for every byte.
 */

export {
  ADDRESSES,
  ANSWERS,
  ARENAS,
  BUILD_CATEGORIES,
  BUILD_DIGESTS,
  BUILD_PAGE,
  CHUNK_KEYS,
  DIGESTS,
  EPOCH_KEY,
  KEY_FIRST_PAGE,
  KEY_IS_CHANGE,
  KEY_LENGTH,
  KEY_SHARD_COUNT,
  KEY_STRIDE,
  KEYS,
} from './areas';
export { markCsv } from './csv-marks';
export { sortDigests } from './digest-sort';
export { buildFilterPage, probeFilters, screenKeys } from './filter';
export { probeMatches } from './match-query';
export { buildMatchPage } from './pilot-search';
export { digestKeys, hashKeys, wipeKeys } from './siphash';
export { locateSlots } from './slot-query';
