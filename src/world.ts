/**
 * What the Worker is given: bindings and settings by name, and the outside.
 *
 * The table of all settings stands in docs/api.md.
 */

import type { Floor, FloorKeeper } from './store/floor.ts';
import type { ObjectSource } from './store/object-source.ts';
import type { PageCache } from './store/page-store.ts';
import type { ObjectBucket } from './store/r2-source.ts';

/** As much of a Durable Object namespace as is needed here. */
interface FloorNamespace {
  getByName(name: string): { raise(floor: Floor): Promise<unknown> };
}

/** Bindings, variables and secrets; all but the bucket and the floors are text. */
export interface Env {
  EDITIONS?: ObjectBucket;
  FLOORS?: FloorNamespace;
  EDITIONS_ORIGIN?: string;
  COLLECTION?: string;
  COLLECTIONS?: string;
  EPOCH_KEYS?: string;
  EDITION_KEYS?: string;
  OVERLAY_KEYS?: string;
  HEAD_KEYS?: string;
  CENTRAL_KEYS?: string;
  TOKEN_KEYS?: string;
  CENTRAL_URL?: string;
  EDGE_SIGNING_KEY?: string;
  SEAL_KEY?: string;
  TAG_KEY?: string;
  CHECK_EVENTS?: string;
  FRESH_SECONDS?: string;
  STALE_SECONDS?: string;
  POLL_SECONDS?: string;
  SEQUENCE_FLOOR?: string;
  PERMIT_FLOOR?: string;
  OVERLAY_FLOOR?: string;
  FILTER_ARENA_BYTES?: string;
  MATCH_ARENA_BYTES?: string;
}

/** What the outside gives: clock, network, cache, log, and the compiled matcher. */
export interface World {
  matcherModule: WebAssembly.Module;
  /** XXH64, seed 0. */
  hash64: (bytes: Uint8Array) => bigint;
  /** Milliseconds since 1970. */
  now: () => number;
  fetch: typeof fetch;
  cache?: PageCache | undefined;
  /** Instead of the one that the settings name. */
  source?: ObjectSource;
  /** Instead of the one that the settings name. */
  floorKeeper?: FloorKeeper;
  /** Takes one line of JSON. */
  log: (line: string) => void;
}
