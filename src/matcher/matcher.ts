/**
 * What a matcher does: digests of canonical keys, and whether a page has them.
 *
 * Two implementations answer the same on every record (test/matcher/conformance.test.ts): the wasm
 * one that ships, and the reference one, written from docs/format.md alone.
 */

import type { CanonicalKey } from '../document/canonical-key.ts';

/** Four words a digest, d0 d1 d2 d3, one digest after the other. */
export type Digests = Uint32Array;

export interface Matcher {
  /** Digests of the keys under the 16-byte epoch key, in order. */
  digests(keys: readonly CanonicalKey[], epochKey: Uint8Array): Digests;
  /** For each digest 1 if the filter page says *maybe*, 0 if it says *absent*. */
  mayContain(filterPage: Uint8Array, digests: Digests): Uint8Array;
  /** For each digest 0 if the match page says *absent*, else 1 + category (1..16). */
  match(matchPage: Uint8Array, digests: Digests): Uint8Array;
}
