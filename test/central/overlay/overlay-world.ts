/** A database, a store and a clock, and a publisher of overlays between them. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CentralDatabase } from '../../../central/database/schema.ts';
import { OverlayPublisher } from '../../../central/overlay/publisher.ts';
import {
  appendOperations,
  lockRecords,
  type Operation,
} from '../../../central/records/operation-log.ts';
import { readMatcherModule } from '../../../data-build/matcher-module.ts';
import { DirectoryStore } from '../../../publish/directory-store.ts';
import { type PublishOptions, publishEdition, readHead } from '../../../publish/head.ts';
import { readObject } from '../../../publish/read-object.ts';
import type { CanonicalKey } from '../../../src/document/canonical-key.ts';
import { digestOf, epochKeyId } from '../../../src/document/digest.ts';
import { decodeHead } from '../../../src/format/head.ts';
import { loadOverlay } from '../../../src/format/load-overlay.ts';
import { openManifest } from '../../../src/format/manifest.ts';
import { HEAD_NAME, type ObjectFolder, objectName } from '../../../src/format/names.ts';
import { verifyKeys } from '../../../src/format/signature.ts';
import { buildEdition, type EditionSpec, makeTestKeys } from '../../support/edition.ts';
import type { TestDatabase } from '../../support/postgres.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const AS_OF = Date.UTC(2026, 0, 15, 3);
export const NOW = AS_OF + HOUR;
export const OTHER_EPOCH_KEY = new Uint8Array(16).fill(9);
export const keys = await makeTestKeys();
export const headSigner = { key: keys.head, trusted: await verifyKeys(keys.jwk.head.x!) };
export const keyOf = (number: number) => `PUTONEW${number}` as CanonicalKey;

export class OverlayWorld {
  readonly db: CentralDatabase;
  readonly store: DirectoryStore;
  nowMs = NOW;
  readonly #database: TestDatabase;
  readonly #root = mkdtempSync(join(tmpdir(), 'sltd-test-'));

  constructor(database: TestDatabase) {
    this.#database = database;
    this.db = database.db;
    this.store = new DirectoryStore(join(this.#root, 'store'));
  }

  async remove(): Promise<void> {
    await this.#database.remove();
    rmSync(this.#root, { recursive: true, force: true });
  }

  async publisher({ segmentRowsMax = 3, db = this.db } = {}): Promise<OverlayPublisher> {
    const epochKeys = [keys.epochKey, OTHER_EPOCH_KEY].map(async (key) => ({
      ...{ key, id: await epochKeyId(key) },
    }));
    return new OverlayPublisher({
      ...{ db, store: this.store, collection: 'sltd', headSigner, segmentRowsMax },
      clock: () => this.nowMs,
      overlayKey: keys.overlay,
      overlayKeys: await verifyKeys(keys.jwk.overlay.x!),
      editionKeys: await verifyKeys(keys.jwk.edition.x!),
      epochKeys: await Promise.all(epochKeys),
    });
  }

  /** Puts an edition with all its pages into the store, and in force. */
  async putEdition(
    spec: Partial<EditionSpec> = {},
    epochKey = keys.epochKey,
    options: PublishOptions = {},
  ) {
    const whole = { records: [], asOf: AS_OF, ...spec };
    const objects = await buildEdition(whole, { ...keys, epochKey }, readMatcherModule());
    for (const [name, bytes] of objects) {
      if (name !== HEAD_NAME) await this.store.put(name.split('/')[0] as ObjectFolder, bytes);
    }
    const head = decodeHead(objects.get(HEAD_NAME)!);
    const manifest = openManifest(
      objects.get(objectName('manifests', head.manifestSha256)) as Uint8Array,
    );
    const edition = { ...head, manifest };
    return publishEdition(this.store, headSigner, edition, options);
  }

  report(...operations: (Partial<Operation> & { key: CanonicalKey })[]) {
    return this.db.transaction().execute(async (transaction) => {
      await lockRecords(transaction);
      const rows = operations.map((operation) => ({
        ...{ kind: 'added' as const, category: 'lost' as const },
        ...{ recordId: `r-${operation.key}`, at: this.nowMs, ...operation },
      }));
      return appendOperations(transaction, rows);
    });
  }

  async head() {
    return (await readHead(this.store, headSigner.trusted))!;
  }

  /** Head and overlay in force, opened as a reader opens them. */
  async inForce() {
    const head = await this.head();
    const manifest = openManifest(
      await readObject(this.store, 'manifests', {
        ...{ sha256: head.manifestSha256, length: head.manifestLength },
      }),
    );
    const name = { sha256: head.overlaySha256!, length: head.overlayLength };
    const { overlay } = await loadOverlay(name, manifest, (named) =>
      readObject(this.store, 'overlays', named),
    );
    const find = (key: CanonicalKey, epochKey = keys.epochKey) => {
      const { buffer } = digestOf(key, epochKey);
      const [d0, d1, d2, d3] = new Uint32Array(buffer);
      return overlay.find(d0!, d1!, d2!, d3!);
    };
    return { head, overlay, find };
  }
}
