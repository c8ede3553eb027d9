/**
 * Which edition is in use: polls the head, loads what it names, and changes over in one step.
 *
 * docs/format.md section 12, steps 1 and 2. Nothing of a new edition is used before all of it is
 * proved. If it cannot be loaded, the one before stays in use until its own freshness ends. Nothing
 * below the floor is taken, and one sequence names one state of the list (S6). Shared between requests
 * are finished editions only, never a promise: a promise of another request may hang.
 */

import { assert, type ErrorCode, SltdError } from '../errors.ts';
import { decodeHead, FUTURE_TOLERANCE_MS, type Head, sequenceMax } from '../format/head.ts';
import { HEAD_BYTES, MANIFEST_BYTES_MAX } from '../format/layout.ts';
import { type KnownOverlay, loadOverlay } from '../format/load-overlay.ts';
import { type Manifest, openManifest } from '../format/manifest.ts';
import { checkContent, equalBytes, HEAD_NAME, objectName } from '../format/names.ts';
import { OVERLAY_BYTES_MAX, type Overlay, type OverlayName } from '../format/overlay.ts';
import { owesReports } from '../format/reports.ts';
import { type VerifyKey, verifyObject } from '../format/signature.ts';
import { withDeadline } from './deadline.ts';
import { ageOf, Edition, type FreshnessLimits } from './edition.ts';
import { type Floor, type FloorKeeper, floorOf, higherOf, isBelow, NO_FLOOR } from './floor.ts';
import type { ObjectSource } from './object-source.ts';
import type { PageIds } from './page-ids.ts';
import type { Defer } from './page-store.ts';

/**
 * A request does not wait for a poll that is due, unless the last one is so many poll intervals ago:
 * else the first request after a quiet hour would be answered from before that hour. With the 10 s in
 * which a report is published, and polls every 10 s, every edge knows it after 30 s.
 */
const WAIT_INTERVALS = 2;
/** Shortest time between two reads of the head after a failure, or when a caller knows of a newer edition. */
const RETRY_INTERVAL_MS = 1_000;
/** Longest wait for the keeper of the floor, in milliseconds: it is asked beside the head. */
const KEEPER_TIMEOUT_MS = 1_000;
/** Shortest time between two words to the keeper, in milliseconds: it serves all isolates. */
const KEEPER_INTERVAL_MS = 60_000;

export interface EpochKey {
  /** 16 bytes. */
  key: Uint8Array;
  /** docs/format.md section 3. */
  id: Uint8Array;
}

export interface EditionStoreOptions {
  source: ObjectSource;
  collection: string;
  /** Shared by all whose pages lie in the same arenas: pages of two editions are never taken for each other. */
  pageIds: PageIds;
  epochKeys: readonly EpochKey[];
  editionKeys: readonly VerifyKey[];
  overlayKeys: readonly VerifyKey[];
  headKeys: readonly VerifyKey[];
  limits: FreshnessLimits;
  /** Shortest time between two reads of the head, in milliseconds. */
  pollMs: number;
  /** What the settings say of the floor. */
  floor?: Floor;
  /** Remembers the floor between isolates. */
  floorKeeper?: FloorKeeper | undefined;
  /** Milliseconds since 1970. */
  now: () => number;
}

export class EditionStore {
  readonly #options: EditionStoreOptions;
  #edition: Edition | undefined;
  #polledAt = Number.NEGATIVE_INFINITY;
  #highest: Head | undefined;
  #floor: Floor;
  /** Whether the keeper has said how high the floor is, since this isolate began. */
  #isFloorKnown: boolean;
  #toldAt = Number.NEGATIVE_INFINITY;
  #told: Floor = NO_FLOOR;
  #lastFailure: ErrorCode | undefined;
  /** The overlay loaded last: its base mostly serves the next one as well. */
  #knownOverlay: KnownOverlay | undefined;

  constructor(options: EditionStoreOptions) {
    this.#options = options;
    this.#floor = options.floor ?? NO_FLOOR;
    this.#isFloorKnown = options.floorKeeper === undefined;
  }

  /** The edition in use, if any; its freshness is not looked at. */
  get edition(): Edition | undefined {
    return this.#edition;
  }

  /** Nothing older than this is taken. */
  get floor(): Floor {
    return this.#floor;
  }

  /** Why the last poll failed, if it did. */
  get lastFailure(): ErrorCode | undefined {
    return this.#lastFailure;
  }

  /**
   * The edition in use, after a poll if one is due; while the edition is fresh and the last poll
   * not long ago, the poll goes on beside the answer.
   *
   * Throws 'edition-missing' if there is none, or why the one in the store is not taken; and
   * 'edition-rollback' if the store offers none that is as new as `sequenceMin`.
   */
  async current(defer: Defer, sequenceMin = 0): Promise<Edition> {
    const { now, limits, pollMs } = this.#options;
    const sinceMs = now() - this.#polledAt;
    const edition = this.#edition;
    if (!edition) {
      // While a failure is young, do not ask the store again with every request.
      if (this.#lastFailure === undefined || sinceMs >= RETRY_INTERVAL_MS) await this.poll(defer);
    } else if (edition.head.sequence < sequenceMin) {
      if (sinceMs >= RETRY_INTERVAL_MS) await this.poll(defer);
    } else if (sinceMs >= pollMs) {
      const isFresh = ageOf(edition.head, now(), limits).freshness === 'fresh';
      if (isFresh && sinceMs < WAIT_INTERVALS * pollMs) defer(this.poll(defer));
      else await this.poll(defer);
    }
    if (!this.#edition) throw new SltdError(toldCode(this.#lastFailure));
    if (this.#edition.head.sequence < sequenceMin) throw new SltdError('edition-rollback');
    return this.#edition;
  }

  /** Reads the head and loads what is new. Never throws: what fails is in `lastFailure`. */
  async poll(defer: Defer): Promise<void> {
    // Set before the first await, so that the requests beside this one do not poll as well.
    this.#polledAt = this.#options.now();
    try {
      // Side by side: a cold isolate waits for the slower of the two, not for both.
      const [head] = await Promise.all([this.#readHead(), this.#askKeeper()]);
      this.#refuseRollback(head);
      this.#refuseUnsure(head);
      if (isNewer(head, this.#highest)) this.#highest = head;
      this.#floor = higherOf(this.#floor, floorOf(head));
      const edition = await this.#load(head);
      // Another request may have loaded a newer one meanwhile.
      if (isNewer(head, this.#edition?.head)) this.#use(edition);
      this.#lastFailure = undefined;
      this.#tellKeeper(defer);
    } catch (error) {
      this.#lastFailure = error instanceof SltdError ? error.code : 'internal';
    }
  }

  #use(edition: Edition): void {
    const sequence = this.#edition?.head.sequence ?? 0;
    assert(edition.head.sequence >= sequence, 'S6: the sequence in use never goes down');
    if (isBelow(stateOf(edition), this.#floor)) throw new SltdError('edition-rollback');
    this.#edition = edition;
    this.#floor = higherOf(this.#floor, stateOf(edition));
  }

  /** The head in the store: its signatures checked, and that its times and its sequence can be. */
  async #readHead(): Promise<Head> {
    const { source, headKeys, editionKeys, collection, now } = this.#options;
    const bytes = await source.get(HEAD_NAME, HEAD_BYTES);
    if (!bytes) throw new SltdError('edition-missing', { detail: 'no head' });
    const head = decodeHead(bytes);
    await verifyObject(bytes, headKeys);
    await verifyObject(head.permit, editionKeys);
    if (head.collection !== collection) refuse('collection of the head');
    const latest = Math.max(head.issuedAt, head.permittedAt, head.asOf, head.reportedUntil);
    if (latest > now() + FUTURE_TOLERANCE_MS) throw new SltdError('edition-future');
    if (head.sequence > sequenceMax(head.issuedAt)) throw new SltdError('edition-jump');
    return head;
  }

  #refuseRollback(head: Head): void {
    // Of its overlay the head says nothing that counts here; #load looks at it.
    const state = floorOf(head, Number.POSITIVE_INFINITY);
    const highest = this.#highest;
    const isOther = head.sequence === highest?.sequence && !namesTheSame(head, highest);
    if (isBelow(state, this.#floor) || isOther) throw new SltdError('edition-rollback');
  }

  /**
   * While the keeper cannot be asked, only a head signed just now is believed: an old one could be
   * below a floor that we do not know of.
   */
  #refuseUnsure(head: Head): void {
    if (this.#isFloorKnown || this.#edition) return;
    const { now, limits } = this.#options;
    const { freshness } = ageOf(head, now(), limits);
    if (freshness !== 'fresh') throw new SltdError('floor-unavailable');
  }

  /** Once an isolate: what others have seen. Until the keeper has answered, each poll asks again. */
  async #askKeeper(): Promise<void> {
    if (this.#isFloorKnown) return;
    try {
      this.#learn(await this.#raiseKept(this.#floor));
      this.#isFloorKnown = true;
    } catch {
      // #refuseUnsure decides what may be done without it.
      return;
    }
    // One that was taken in good faith while the keeper was silent.
    const edition = this.#edition;
    if (edition && isBelow(stateOf(edition), this.#floor)) this.#edition = undefined;
  }

  /** Tells the keeper of a floor that it has not heard of, after the response and not too often. */
  #tellKeeper(defer: Defer): void {
    if (!this.#options.floorKeeper || !isBelow(this.#told, this.#floor)) return;
    if (this.#options.now() - this.#toldAt < KEEPER_INTERVAL_MS) return;
    this.#toldAt = this.#options.now();
    const floor = this.#floor;
    const told = this.#raiseKept(floor).then(
      (kept) => this.#learn(kept),
      // The next word, a minute later, tells of a higher one.
      () => {},
    );
    defer(told);
  }

  #learn(kept: Floor): void {
    this.#told = kept;
    this.#floor = higherOf(this.#floor, kept);
  }

  #raiseKept(floor: Floor): Promise<Floor> {
    return withDeadline(this.#options.floorKeeper!.raise(floor), {
      timeoutMs: KEEPER_TIMEOUT_MS,
      onTimeout: () => new SltdError('floor-unavailable'),
    });
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
    // The time that central is held to is the data's: a head cannot make them older, nor newer (S2).
    if (head.asOf !== Math.max(manifest.asOf, overlay?.asOf ?? 0)) refuse('time of the head');
    // Whoever starts just now has not seen the reports that are missing, but is told of them (S5).
    if (owesReports(head, manifest, overlay)) throw new SltdError('reports-missing');
    return new Edition({
      head,
      manifest,
      overlay,
      epochKey: epochKey.key,
      firstPageId: sameManifest?.firstPageId ?? this.#options.pageIds.take(manifest.shardCount),
    });
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

/** Failures that a caller is told of by their own code, because they tell what to wait for. */
const TOLD: ReadonlySet<ErrorCode | undefined> = new Set([
  ...(['edition-rollback', 'edition-future', 'edition-jump'] as const),
  ...(['reports-missing', 'floor-unavailable'] as const),
]);

const toldCode = (failure: ErrorCode | undefined): ErrorCode =>
  failure !== undefined && TOLD.has(failure) ? failure : 'edition-missing';

const refuse = (detail: string): never => {
  throw new SltdError('edition-missing', { detail });
};

const stateOf = ({ head, overlay }: Edition): Floor => floorOf(head, overlay?.asOf);

const isNewer = (head: Head, than: Head | undefined) =>
  !than ||
  head.sequence > than.sequence ||
  (head.sequence === than.sequence && head.issuedAt >= than.issuedAt);

/** Both heads carry the same permit, and so the same manifest, and name the same overlay. */
function namesTheSame(a: Head, b: Head): boolean {
  if (!equalBytes(a.permit, b.permit)) return false;
  if (!a.overlaySha256 || !b.overlaySha256) return a.overlaySha256 === b.overlaySha256;
  return equalBytes(a.overlaySha256, b.overlaySha256);
}
