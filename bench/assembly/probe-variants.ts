/** The probes that ship and other forms of them in one module, over the memory map of the matcher. */

export { ADDRESSES, ANSWERS, ARENAS, CHUNK_KEYS, DIGESTS } from '../../assembly/areas';
export { probeFilters } from '../../assembly/filter';
export { probeMatches } from '../../assembly/match-query';
export {
  probeFiltersAdding,
  probeFiltersEndingEarly,
  probeFiltersInFours,
} from './filter-variants';
export { probeMatchesBranching, probeMatchesInFours, probeMatchesNarrow } from './match-variants';
