/**
 * One edition as a request uses it: manifest, overlay and head together, never changed once made.
 *
 * A request takes one and keeps it to its answer (S6). How old it is, is asked anew each time:
 * freshness is a property of the clock, not of the edition.
 */

import { assert } from '../errors.ts';
import { FUTURE_TOLERANCE_MS, type Head } from '../format/head.ts';
import type { Manifest, StateEntry } from '../format/manifest.ts';
import { toHex } from '../format/names.ts';
import type { Overlay } from '../format/overlay.ts';
import type { PageExpectation, PageKind } from '../format/page.ts';

/** shard = floor(d3 * shardCount / 2^32) is exact in doubles up to here. */
const SHARDS_MAX = 2 ** 21;

export interface EditionParts {
  head: Head;
  manifest: Manifest;
  overlay: Overlay | undefined;
  /** The 16-byte secret under which its digests were made. */
  epochKey: Uint8Array;
  /** Id of shard row 0 in the page arenas; the rows after it follow. Unique over all manifests. */
  firstPageId: number;
}

/** The state of the list: what central is told of it, and what answers name. */
export interface ListState {
  collection: string;
  /** Edition id. */
  edition: string;
  sequence: number;
  /** Every report up to here is in edition or overlay; in milliseconds since 1970. */
  asOf: number;
  /** The edition alone has every report up to here; in milliseconds since 1970. */
  editionAsOf: number;
  /** Number of the last operation of central's log in the overlay; 0 without overlay. */
  lastOperation: number;
  /** Digest of the export that the edition was built from, in hexadecimal. */
  inputsSha256: string;
}

export class Edition {
  /** SHA-256 of the manifest, hexadecimal. */
  readonly id: string;
  readonly list: ListState;
  readonly head: Head;
  readonly manifest: Manifest;
  readonly overlay: Overlay | undefined;
  readonly epochKey: Uint8Array;
  readonly firstPageId: number;

  constructor({ head, manifest, overlay, epochKey, firstPageId }: EditionParts) {
    assert(manifest.shardCount <= SHARDS_MAX, 'a shard index fits the arithmetic');
    this.id = toHex(head.manifestSha256);
    this.list = {
      collection: head.collection,
      edition: this.id,
      sequence: head.sequence,
      asOf: head.asOf,
      editionAsOf: manifest.asOf,
      lastOperation: overlay?.lastOperation ?? 0,
      inputsSha256: toHex(manifest.inputsSha256),
    };
    this.head = head;
    this.manifest = manifest;
    this.overlay = overlay;
    this.epochKey = epochKey;
    this.firstPageId = firstPageId;
  }
}

/** Shard row in the manifest of the digest whose fourth word is d3 (docs/format.md section 4). */
export function shardRow(entry: StateEntry, d3: number): number {
  return entry.firstShard + Math.floor((d3 * entry.shardCount) / 2 ** 32);
}

/** What the page of this kind and shard row must say of itself. */
export function pageExpectation(
  { manifest }: Edition,
  { kind, entry, row }: { kind: PageKind; entry: StateEntry; row: number },
): PageExpectation {
  const { state, shardCount } = entry;
  const shardIndex = row - entry.firstShard;
  return { kind, state, shardIndex, shardCount, epochKeyId: manifest.epochKeyId };
}

export type Freshness = 'fresh' | 'stale' | 'expired';

export interface FreshnessLimits {
  /** Up to this age of the head an answer is fresh, in seconds. */
  freshSeconds: number;
  /** Up to this age it is stale but usable, in seconds. */
  staleSeconds: number;
}

export interface Age {
  /** Since the head was signed, in whole seconds; 0 if it is slightly ahead of our clock. */
  ageSeconds: number;
  freshness: Freshness;
}

/** How old a head is now; past its end, or too far in the future, it counts as expired. */
export function ageOf(
  { issuedAt, notAfter }: Pick<Head, 'issuedAt' | 'notAfter'>,
  nowMs: number,
  { freshSeconds, staleSeconds }: FreshnessLimits,
): Age {
  const ageMs = nowMs - issuedAt;
  const ageSeconds = Math.max(0, Math.floor(ageMs / 1000));
  if (ageMs < -FUTURE_TOLERANCE_MS || nowMs >= notAfter || ageMs > staleSeconds * 1000) {
    return { ageSeconds, freshness: 'expired' };
  }
  return { ageSeconds, freshness: ageMs <= freshSeconds * 1000 ? 'fresh' : 'stale' };
}
