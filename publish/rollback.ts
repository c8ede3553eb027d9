/**
 * Rollback: an edition that was in force comes back, under a higher sequence.
 *
 * A store also holds editions that never were: what waits in quarantine, or was built and not published.
 * Their way into force goes by the gates, so only the store's history says what can be gone back to.
 *
 * Before the head moves, all of the edition is read back from the store and proved by its hashes, for
 * time may have gone over it. Its manifest is put again first, which keeps garbage collection off it.
 */

import { SltdError } from '../src/errors.ts';
import type { Head } from '../src/format/head.ts';
import type { Manifest } from '../src/format/manifest.ts';
import { equalBytes, toHex } from '../src/format/names.ts';
import type { SigningKey, VerifyKey } from '../src/format/signature.ts';
import { awaitCollectors } from './collectors.ts';
import { findEdition } from './find-edition.ts';
import { type HeadSigner, publishEdition, readHead } from './head.ts';
import { type PastHead, readHistory } from './history.ts';
import type { ObjectStore } from './object-store.ts';
import { permittingBy } from './permit.ts';
import { type ProvedPages, provePages } from './prove-pages.ts';
import { type EditionName, readManifest } from './read-manifest.ts';

export interface RollbackOptions {
  /** `previous`, an edition id, or at least 8 digits of its start. */
  to: string;
  signer: HeadSigner;
  /** Permits the edition anew: the newest permit is that of the edition in force. */
  editionKey: SigningKey;
  /** Public keys of the edition role. */
  editionKeys: readonly VerifyKey[];
  /** Throws if readers could not answer from it, such as when its epoch key is given up. */
  check(manifest: Manifest): Promise<void>;
  /** Goes back even if reports are newer than that edition. */
  dropsOverlay?: boolean | undefined;
  onProgress?: (done: number, total: number) => void;
  /** Longest wait for garbage collection under way; shorter in tests. */
  settleMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * The head that is in force then. Throws 'edition-missing' if the store has no such edition,
 * 'config-invalid' if it is in force already, never was by a head that is believed, or `previous` is what was gone back from, what
 * proving throws if not all of it is there, and what publishEdition() throws.
 */
export async function rollBack(
  store: ObjectStore,
  options: RollbackOptions,
): Promise<{ head: Head; proved: ProvedPages }> {
  const { signer, editionKeys, signal } = options;
  const since = await readHead(store, signer.trusted);
  const past = await readHistory(store, signer.trusted);
  if (options.to === 'previous') refuseSecondTime(past, since);
  const edition = await findEdition(store, signer.trusted, options.to);
  if (since && equalBytes(since.manifestSha256, edition.manifestSha256)) {
    throw new SltdError('config-invalid', { detail: 'this edition is in force' });
  }
  if (!wasInForce(past, edition)) {
    const detail =
      'this edition was never in force here by a head key that the keys file knows: release it, ' +
      'build and publish one, or give the keys file from before that key was retired';
    throw new SltdError('config-invalid', { detail });
  }
  const { manifest, bytes } = await readManifest(store, edition, editionKeys);
  await options.check(manifest);
  await store.prepare();
  await store.put('manifests', bytes, { overwrite: true });
  await store.flush();
  await awaitCollectors(store, options);
  const total = 2 * manifest.shardCount;
  const onProgress = (done: number) => options.onProgress?.(done, total);
  const proved = await provePages(store, manifest, { onProgress, signal });
  signal?.throwIfAborted();
  const { manifestSha256, manifestLength } = edition;
  const named = { collection: manifest.collection, manifestSha256, manifestLength };
  const permit = permittingBy(options.editionKey, named);
  const head = await publishEdition(
    store,
    signer,
    { ...named, manifest, permit },
    { since, dropsOverlay: options.dropsOverlay },
  );
  return { head, proved };
}

/**
 * After a rollback the previous edition is the one that was gone back from. Who gives the command once more,
 * for a safe side, must not put that one in force again.
 */
function refuseSecondTime(past: readonly PastHead[], inForce: Head | undefined): void {
  if (!inForce || !wasInForce(past, inForce)) return;
  const detail = 'this edition was gone back to already: give the id of another';
  throw new SltdError('config-invalid', { detail });
}

function wasInForce(past: readonly PastHead[], { manifestSha256 }: EditionName): boolean {
  const id = toHex(manifestSha256);
  return past.some(({ edition }) => edition === id);
}
