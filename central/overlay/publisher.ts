/**
 * Publisher of overlays: what central's log has and the edition in force has not, signed, then the head.
 *
 * One call of tick() looks at the head, the log and the overlay in force, and publishes if there is
 * something to say. It keeps nothing that it could not read again, so it may be killed at any moment;
 * and of two publishers one moves the head and the other finds that out (compare-and-swap). While the
 * log is quiet it publishes once a minute all the same, so that the time up to which the list is
 * complete goes on, vouched for by the key of overlays and not by that of heads.
 */

import { type HeadSigner, heartbeat, publishOverlay, readHead } from '../../publish/head.ts';
import type { ObjectStore } from '../../publish/object-store.ts';
import { readObject } from '../../publish/read-object.ts';
import { digestOf } from '../../src/document/digest.ts';
import { SltdError } from '../../src/errors.ts';
import type { Head } from '../../src/format/head.ts';
import { type KnownOverlay, loadOverlay } from '../../src/format/load-overlay.ts';
import { type Manifest, openManifest } from '../../src/format/manifest.ts';
import { equalBytes } from '../../src/format/names.ts';
import {
  encodeOverlay,
  type Operation,
  OVERLAY_BYTES_MAX,
  type OverlayName,
} from '../../src/format/overlay.ts';
import {
  type SigningKey,
  signObject,
  type VerifyKey,
  verifyObject,
} from '../../src/format/signature.ts';
import type { CentralDatabase } from '../database/schema.ts';
import type { FoldedKey } from './fold-operations.ts';
import { OverlaySource, overlayFrom } from './overlay-source.ts';
import { readPublication, recordPublication } from './publications.ts';

/** Rows up to which a segment is written again; then all becomes the next base. 40 KiB. */
const SEGMENT_ROWS_MAX = 2_048;
/** An operation has its time before it has its number: no request of central takes longer. */
const OPEN_REQUEST_MS = 30_000;
/** An overlay is published at least so often. */
const QUIET_MS = 60_000;
/** A head is signed alone for so long: by then somebody has looked, or answers must not pass for new. */
const ALONE_MAX_MS = 24 * 60 * 60_000;

/** An epoch key and the id by which manifests name it. */
export interface EpochKey {
  key: Uint8Array;
  id: Uint8Array;
}

export interface OverlayPublisherOptions {
  db: CentralDatabase;
  store: ObjectStore;
  collection: string;
  /** Signs overlays. */
  overlayKey: SigningKey;
  headSigner: HeadSigner;
  /** Whose overlays and manifests are believed. */
  overlayKeys: readonly VerifyKey[];
  editionKeys: readonly VerifyKey[];
  /** Those that editions may be built under: the current one and the one before. */
  epochKeys: readonly EpochKey[];
  /** Milliseconds since 1970. */
  clock: () => number;
  segmentRowsMax?: number;
}

/** What a tick came to; `lost` if another writer moved the head meanwhile. */
export type TickOutcome = 'published' | 'unchanged' | 'lost' | 'no-edition';

interface EditionInForce {
  manifestSha256: Uint8Array;
  manifest: Manifest;
  epochKey: Uint8Array;
  source: OverlaySource;
}

export class OverlayPublisher {
  readonly #options: OverlayPublisherOptions;
  #edition: EditionInForce | undefined;
  #known: { name: OverlayName; overlay: KnownOverlay } | undefined;
  #publishedAt = Number.NEGATIVE_INFINITY;
  #recorded = 0;

  constructor(options: OverlayPublisherOptions) {
    this.#options = options;
  }

  /**
   * Publishes what is new. Throws 'operation-log-behind' if the overlay in force, or the last one that
   * is noted where there is none, knows operations that the log has not, 'overlay-too-large',
   * 'config-invalid' for another collection or epoch key, and what store and database throw.
   */
  async tick(): Promise<TickOutcome> {
    const { store, headSigner, clock } = this.#options;
    const head = await this.#readHead();
    if (!head) return 'no-edition';
    const edition = await this.#editionOf(head);
    // Before the log is read: what is committed later is not in it.
    const nowMs = clock();
    await edition.source.update();
    const inForce = await this.#overlayOf(head, edition.manifest);
    if ((await this.#publishedUpTo(inForce)) > edition.source.lastOperation) {
      throw new SltdError('operation-log-behind');
    }
    if (!this.#isDue(inForce, edition, nowMs)) {
      await this.#record(head, inForce);
      return 'unchanged';
    }
    const overlay = await this.#make(inForce, edition, nowMs);
    try {
      const moved = await publishOverlay(store, headSigner, { overlay, edition });
      this.#publishedAt = nowMs;
      await this.#record(moved, await this.#overlayOf(moved, edition.manifest));
      return 'published';
    } catch (error) {
      if (error instanceof SltdError && error.code === 'head-moved') return 'lost';
      throw error;
    }
  }

  /**
   * Signs the head in force once more if it is `ageMs` old, and asks no database: nothing of it changes but
   * its time, so `asOf` goes on telling how old the data are. Not one whose edition or overlay cannot be
   * proved, nor one that is complete up to a day ago: the overlay says so, whenever this process began. Throws as
   * tick() does, and 'edition-expired' once the edition's permit has ended.
   */
  async keepSigned(ageMs: number): Promise<'signed' | 'unchanged'> {
    const { store, headSigner, clock } = this.#options;
    const head = await this.#readHead();
    if (!head || clock() - head.issuedAt < ageMs) return 'unchanged';
    const { manifest } = await this.#editionOf(head);
    const inForce = await this.#overlayOf(head, manifest);
    const completeTo = inForce?.overlay.asOf ?? manifest.asOf;
    if (clock() - completeTo > ALONE_MAX_MS) return 'unchanged';
    await heartbeat(store, headSigner);
    return 'signed';
  }

  async #readHead(): Promise<Head | undefined> {
    const { store, headSigner, collection } = this.#options;
    const head = await readHead(store, headSigner.trusted);
    if (head && head.collection !== collection) {
      throw new SltdError('config-invalid', { detail: 'the store holds another collection' });
    }
    return head;
  }

  /** Last operation that was published. An overlay that was dropped is known by its note alone. */
  async #publishedUpTo(inForce: KnownOverlay | undefined): Promise<number> {
    if (inForce) return inForce.overlay.lastOperation;
    const { db, collection } = this.#options;
    return (await readPublication(db, collection))?.lastOperation ?? 0;
  }

  #isDue(inForce: KnownOverlay | undefined, edition: EditionInForce, nowMs: number): boolean {
    if (!inForce) return true;
    const { overlay } = inForce;
    return (
      edition.source.lastOperation > overlay.lastOperation ||
      overlay.from !== overlayFrom(edition.manifest) ||
      nowMs - Math.max(this.#publishedAt, overlay.asOf + OPEN_REQUEST_MS) >= QUIET_MS
    );
  }

  /** A segment on the base in force, or a base of all if there is none or the segment is too long. */
  async #make(
    inForce: KnownOverlay | undefined,
    { manifest, epochKey, source }: EditionInForce,
    nowMs: number,
  ): Promise<Uint8Array> {
    const { collection, overlayKey, segmentRowsMax = SEGMENT_ROWS_MAX } = this.#options;
    const from = overlayFrom(manifest);
    const { epochKeyId } = manifest;
    const asOf = Math.max(from, inForce?.overlay.asOf ?? 0, nowMs - OPEN_REQUEST_MS);
    let base = inForce?.bottom.overlay.from === from ? inForce.bottom : undefined;
    let keys = [...source.folded.rowsAfter(base?.overlay.lastOperation ?? 0)];
    if (base && keys.length > segmentRowsMax) {
      base = undefined;
      keys = [...source.folded.rowsAfter(0)];
    }
    const body = encodeOverlay({
      ...{ epochKeyId, collection, from, asOf, base: base?.name },
      lastOperation: source.lastOperation,
      operations: rowsOf(keys, epochKey),
    });
    const overlay = await signObject(body, overlayKey);
    if (overlay.length > OVERLAY_BYTES_MAX) throw new SltdError('overlay-too-large');
    return overlay;
  }

  async #editionOf(head: Head): Promise<EditionInForce> {
    const { manifestSha256, manifestLength: length } = head;
    const before = this.#edition;
    if (before && equalBytes(before.manifestSha256, manifestSha256)) return before;
    const { store, db, editionKeys, epochKeys } = this.#options;
    const name = { sha256: manifestSha256, length };
    const bytes = await readObject(store, 'manifests', name);
    await verifyObject(bytes, editionKeys);
    const manifest = openManifest(bytes);
    const epochKey = epochKeys.find(({ id }) => equalBytes(id, manifest.epochKeyId))?.key;
    if (!epochKey) {
      throw new SltdError('config-invalid', { detail: 'the edition is of another epoch key' });
    }
    const source = new OverlaySource(db, manifest);
    this.#edition = { manifestSha256, manifest, epochKey, source };
    return this.#edition;
  }

  async #overlayOf(head: Head, manifest: Manifest): Promise<KnownOverlay | undefined> {
    const { overlaySha256: sha256, overlayLength: length } = head;
    if (!sha256) return undefined;
    const before = this.#known;
    if (before && equalBytes(before.name.sha256, sha256)) return before.overlay;
    const { store, overlayKeys } = this.#options;
    const read = async (name: OverlayName) => {
      const bytes = await readObject(store, 'overlays', name);
      await verifyObject(bytes, overlayKeys);
      return bytes;
    };
    const name = { sha256, length };
    const overlay = await loadOverlay(name, manifest, read, before?.overlay);
    this.#known = { name, overlay };
    return overlay;
  }

  /** Tells central what is published; what fails or is cut off, the next tick does. */
  async #record(head: Head, inForce: KnownOverlay | undefined): Promise<void> {
    if (!inForce || this.#recorded === head.sequence) return;
    const { db, collection, clock } = this.#options;
    const { sequence } = head;
    const { lastOperation } = inForce.overlay;
    const publication = { collection, sequence, lastOperation, publishedAt: clock() };
    try {
      await recordPublication(db, publication);
      this.#recorded = sequence;
    } catch {
      // A load may hold the only write lock for minutes. The note waits, publishing does not.
    }
  }
}

/** The rows, each with the 16-byte digest of its key. */
const rowsOf = (keys: readonly FoldedKey[], epochKey: Uint8Array): Operation[] =>
  keys.map(({ key, kind, category }) => ({
    digest: digestOf(key, epochKey),
    ...{ kind, category },
  }));
