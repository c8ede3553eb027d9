/** The matcher, as the request path calls it: screen() for all keys, match pages for what is left. */

import { readMatcherModule } from '../../data-build/matcher-module.ts';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import type { StateEntry } from '../../src/format/manifest.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import { buildPages, bytesOf, intoShards } from '../resident-set.ts';
import { BATCH_KEYS, inBatches, type Peer, timed } from './peer.ts';

const EPOCH_KEY = new Uint8Array(16).fill(7);

/** Its figures cover digests, filter pages and match pages. */
export async function ours(keys: readonly CanonicalKey[], state: StateCode): Promise<Peer> {
  const arenaBytes = 2 ** 16 + 6 * keys.length;
  const matcher = new WasmMatcher(readMatcherModule(), {
    ...{ filterArenaBytes: arenaBytes, matchArenaBytes: arenaBytes },
  });
  const { made: pages, ms } = await timed(() => {
    const built = buildPages(intoShards(matcher.digests(keys, EPOCH_KEY)));
    for (const [id, page] of built.filter.entries()) matcher.filters.put(id, page);
    for (const [id, page] of built.match.entries()) matcher.matches.put(id, page);
    return built;
  });
  const shardCount = pages.filter.length;
  const entry: StateEntry = {
    ...{ state, coverage: 'reports', asOf: 0, recordCount: keys.length },
    ...{ firstShard: 0, shardCount },
  };
  const entries = Array.from({ length: BATCH_KEYS }, () => entry);
  const ask = (batch: CanonicalKey[]): number => {
    const edition = {
      epochKey: EPOCH_KEY,
      firstPageId: 0,
      entries: entries.slice(0, batch.length),
    };
    const [screened] = matcher.screen(batch, [edition]);
    if (!screened) return 0;
    const { digests } = screened;
    const addresses = screened.places.map((_, i) =>
      matcher.matches.find(Math.floor((digests[4 * i + 3]! * shardCount) / 2 ** 32)),
    );
    let found = 0;
    for (const answer of matcher.probeMatches(digests, Uint32Array.from(addresses)))
      if (answer !== 0) found++;
    return found;
  };
  return {
    ...{ id: 'ours', name: 'sltd-edge, filter and match pages', keyCount: keys.length },
    ...{ buildMs: ms, bytes: bytesOf(pages.filter) + bytesOf(pages.match), share: 1 },
    count: (asked) => inBatches(asked, ask),
  };
}
