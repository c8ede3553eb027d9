/**
 * Which edition is in use: polls the head, loads what it names, and changes over in one step.
 *
 * Nothing of a new edition is used before all of it is proved. If it cannot be loaded, the one
 * before stays in use until its own freshness ends. The sequence never goes down, and one sequence
 * names one state of the list (S6). Shared between requests are finished editions only, never a
 * promise: a promise of another request may hang.
 */

import { assert, type ErrorCode, SltdError } from '../errors.ts';
import { decodeHead, type Head } from '../format/head.ts';
import { HEAD_BYTES } from '../format/layout.ts';
import { type KnownOverlay, loadOverlay } from '../format/load-overlay.ts';
import { type Manifest, openManifest } from '../format/manifest.ts';
import { checkContent, equalBytes, HEAD_NAME, objectName } from '../format/names.ts';
import { OVERLAY_BYTES_MAX, type Overlay, type OverlayName } from '../format/overlay.ts';
import { type VerifyKey, verifyObject } from '../format/signature.ts';
import { ageOf, Edition, type FreshnessLimits } from './edition.ts';
import type { ObjectSource } from './object-source.ts';
import type { Defer } from './page-store.ts';

/**
 * A request does not wait for a poll that is due, unless the last one is so many poll intervals ago:
 * else the first request after a quiet hour would be answered from before that hour. With the 10 s in
 * which a report is published, and polls every 10 s, every edge knows it after 30 s.
 */
const WAIT_INTERVALS = 2;
/** Shortest time between two reads of the head after a failure, or when a caller knows of a newer edition. */
const RETRY_INTERVAL_MS = 1_000;
/** A manifest of 100,000 shards has 10 MB; more is no manifest of ours. */
const MANIFEST_BYTES_MAX = 32 * 1024 * 1024;

export interface EpochKey {
  /** 16 bytes. */
  key: Uint8Array;
  /** docs/format.md section 3. */
  id: Uint8Array;
}

export interface EditionStoreOptions {
  source: ObjectSource;
  collection: string;
  epochKeys: readonly EpochKey[];
  editionKeys: readonly VerifyKey[];
  overlayKeys: readonly VerifyKey[];
  headKeys: readonly VerifyKey[];
  limits: FreshnessLimits;
  /** Shortest time between two reads of the head, in milliseconds. */
  pollMs: number;
  /** Milliseconds since 1970. */
  now: () => number;
}

export class EditionStore {
  readonly #options: EditionStoreOptions;
  #edition: Edition | undefined;
  #polledAt = Number.NEGATIVE_INFINITY;
  #highest: Head | undefined;
  #nextPageId = 1;
  #lastFailure: ErrorCode | undefined;
  /** The overlay loaded last: its base mostly serves the next one as well. */
  #knownOverlay: KnownOverlay | undefined;

  constructor(options: EditionStoreOptions) {
    this.#options = options;
  }

  /** The edition in use, if any; its freshness is not looked at. */
  get edition(): Edition | undefined {
    return this.#edition;
  }

  /** Why the last poll failed, if it did. */
  get lastFailure(): ErrorCode | undefined {
    return this.#lastFailure;
  }

  /**
   * The edition in use, after a poll if one is due; while the edition is fresh and the last poll
   * not long ago, the poll goes on beside the answer.
   *
   * Throws 'edition-missing' if there is none, and 'edition-rollback' if the store offers none that
   * is as new as `sequenceMin`.
   */
  async current(defer: Defer, sequenceMin = 0): Promise<Edition> {
    const { now, limits, pollMs } = this.#options;
    const sinceMs = now() - this.#polledAt;
    const edition = this.#edition;
    if (!edition) {
      // While a failure is young, do not ask the store again with every request.
      if (this.#lastFailure === undefined || sinceMs >= RETRY_INTERVAL_MS) await this.poll();
    } else if (edition.head.sequence < sequenceMin) {
      if (sinceMs >= RETRY_INTERVAL_MS) await this.poll();
    } else if (sinceMs >= pollMs) {
      const isFresh = ageOf(edition.head, now(), limits).freshness === 'fresh';
      if (isFresh && sinceMs < WAIT_INTERVALS * pollMs) defer(this.poll());
      else await this.poll();
    }
    if (!this.#edition) throw new SltdError('edition-missing');
    if (this.#edition.head.sequence < sequenceMin) throw new SltdError('edition-rollback');
    return this.#edition;
  }

  /** Reads the head and loads what is new. Never throws: what fails is in `lastFailure`. */
  async poll(): Promise<void> {
    // Set before the first await, so that the requests beside this one do not poll as well.
    this.#polledAt = this.#options.now();
    try {
      const head = await this.#readHead();
      this.#refuseRollback(head);
      if (isNewer(head, this.#highest)) this.#highest = head;
      const edition = await this.#load(head);
      // Another request may have loaded a newer one meanwhile.
      if (isNewer(head, this.#edition?.head)) this.#use(edition);
      this.#lastFailure = undefined;
    } catch (error) {
      this.#lastFailure = error instanceof SltdError ? error.code : 'internal';
    }
  }

  #use(edition: Edition): void {
    const sequence = this.#edition?.head.sequence ?? 0;
    assert(edition.head.sequence >= sequence, 'S6: the sequence in use never goes down');
    this.#edition = edition;
  }

  async #readHead(): Promise<Head> {
    const { source, headKeys, collection } = this.#options;
    const bytes = await source.get(HEAD_NAME, HEAD_BYTES);
    if (!bytes) throw new SltdError('edition-missing', { detail: 'no head' });
    const head = decodeHead(bytes);
    await verifyObject(bytes, headKeys);
    if (head.collection !== collection) refuse('collection of the head');
    return head;
  }

  #refuseRollback(head: Head): void {
    const highest = this.#highest;
    if (!highest) return;
    const isLower = head.sequence < highest.sequence;
    const isOther = head.sequence === highest.sequence && !namesTheSame(head, highest);
    if (isLower || isOther) throw new SltdError('edition-rollback');
  }

  async #load(head: Head): Promise<Edition> {
    const before = this.#edition;
    const sameManifest =
      before && equalBytes(before.head.manifestSha256, head.manifestSha256) ? before : undefined;
    const manifest = sameManifest?.manifest ?? (await this.#loadManifest(head));
    const epochKey = this.#options.epochKeys.find(({ id }) => equalBytes(id, manifest.epochKeyId));
    if (!epochKey) return refuse('epoch key is not held');
    const overlay =
      before && namesTheSame(before.head, head)
        ? before.overlay
        : await this.#loadOverlay(head, manifest);
    refuseLoss(before, manifest, overlay?.lastOperation ?? 0);
    // The time that central is held to is the data's: a head cannot make them older (S2).
    if (head.asOf < Math.max(manifest.asOf, overlay?.asOf ?? 0)) refuse('time of the head');
    return new Edition({
      head,
      manifest,
      overlay,
      epochKey: epochKey.key,
      firstPageId: sameManifest?.firstPageId ?? this.#takePageIds(manifest.shardCount),
    });
  }

  /** Page ids are never used twice, so that pages of two editions cannot be taken for each other. */
  #takePageIds(count: number): number {
    const first = this.#nextPageId;
    this.#nextPageId += count;
    return first;
  }

  async #loadManifest(head: Head): Promise<Manifest> {
    const { manifestSha256: sha256, manifestLength: length } = head;
    if (length > MANIFEST_BYTES_MAX) refuse('manifest length');
    const bytes = await this.#options.source.get(objectName('manifests', sha256), length);
    if (!bytes) throw new SltdError('edition-missing', { detail: 'no manifest' });
    await checkContent(bytes, { sha256, length });
    await verifyObject(bytes, this.#options.editionKeys);
    const manifest = openManifest(bytes);
    if (manifest.collection !== head.collection) refuse('collection of the manifest');
    return manifest;
  }

  async #loadOverlay(head: Head, manifest: Manifest): Promise<Overlay | undefined> {
    const { overlaySha256: sha256, overlayLength: length } = head;
    if (!sha256) return undefined;
    const read = (name: OverlayName) => this.#readOverlay(name);
    const known = await loadOverlay({ sha256, length }, manifest, read, this.#knownOverlay);
    this.#knownOverlay = known;
    return known.overlay;
  }

  async #readOverlay({ sha256, length }: OverlayName): Promise<Uint8Array> {
    if (length > OVERLAY_BYTES_MAX) refuse('overlay length');
    const bytes = await this.#options.source.get(objectName('overlays', sha256), length);
    if (!bytes) throw new SltdError('edition-missing', { detail: 'no overlay' });
    await checkContent(bytes, { sha256, length });
    await verifyObject(bytes, this.#options.overlayKeys);
    return bytes;
  }
}

/**
 * What was reported is not forgotten (S5): no head may take operations away that neither the new
 * edition nor the new overlay has.
 */
function refuseLoss(before: Edition | undefined, manifest: Manifest, lastOperation: number): void {
  const overlay = before?.overlay;
  if (!overlay || lastOperation >= overlay.lastOperation) return;
  if (manifest.asOf < overlay.asOf) throw new SltdError('edition-rollback');
}

const refuse = (detail: string): never => {
  throw new SltdError('edition-missing', { detail });
};

const isNewer = (head: Head, than: Head | undefined) =>
  !than ||
  head.sequence > than.sequence ||
  (head.sequence === than.sequence && head.issuedAt >= than.issuedAt);

/** Both heads name the same manifest and the same overlay. */
function namesTheSame(a: Head, b: Head): boolean {
  if (!equalBytes(a.manifestSha256, b.manifestSha256)) return false;
  if (!a.overlaySha256 || !b.overlaySha256) return a.overlaySha256 === b.overlaySha256;
  return equalBytes(a.overlaySha256, b.overlaySha256);
}
