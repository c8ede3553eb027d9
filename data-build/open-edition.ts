/**
 * The edition in force, opened as a reader opens it: docs/format.md section 12, steps 1 and 2.
 */

import { readHead } from '../publish/head.ts';
import { type ReadableStore, readObject } from '../publish/read-object.ts';
import { epochKeyId } from '../src/document/digest.ts';
import { SltdError } from '../src/errors.ts';
import type { Head } from '../src/format/head.ts';
import { type Manifest, openManifest } from '../src/format/manifest.ts';
import { equalBytes } from '../src/format/names.ts';
import { type Overlay, openOverlay } from '../src/format/overlay.ts';
import { verifyKeys, verifyObject } from '../src/format/signature.ts';
import { type KeysFile, publicKeyText } from './keys.ts';

export interface OpenEdition {
  head: Head;
  manifest: Manifest;
  overlay: Overlay | undefined;
  /** The epoch key under which it was built: the current one or the one before. */
  epochKey: Uint8Array;
}

/**
 * Head, manifest and overlay, each checked. Throws 'edition-missing' without a head, a format error
 * for what is not as it should be, 'config-invalid' if the keys file lacks the epoch key.
 */
export async function openEdition(store: ReadableStore, keys: KeysFile): Promise<OpenEdition> {
  const head = await readHead(store, await verifyKeys(publicKeyText(keys.head)));
  if (!head) throw new SltdError('edition-missing');
  const manifestBytes = await readObject(store, 'manifests', {
    ...{ sha256: head.manifestSha256, length: head.manifestLength },
  });
  await verifyObject(manifestBytes, await verifyKeys(publicKeyText(keys.edition)));
  const manifest = openManifest(manifestBytes);
  if (manifest.collection !== head.collection) mixed();
  const overlay = await openOverlayOf(store, keys, head);
  if (overlay && !equalBytes(overlay.epochKeyId, manifest.epochKeyId)) mixed();
  return { head, manifest, overlay, epochKey: await findEpochKey(keys, manifest.epochKeyId) };
}

async function openOverlayOf(
  store: ReadableStore,
  keys: KeysFile,
  head: Head,
): Promise<Overlay | undefined> {
  if (head.overlayLength === 0 || !head.overlaySha256) return undefined;
  const bytes = await readObject(store, 'overlays', {
    ...{ sha256: head.overlaySha256, length: head.overlayLength },
  });
  await verifyObject(bytes, await verifyKeys(publicKeyText(keys.overlay)));
  const overlay = openOverlay(bytes);
  if (!equalBytes(overlay.manifestSha256, head.manifestSha256)) mixed();
  return overlay;
}

async function findEpochKey(keys: KeysFile, id: Uint8Array): Promise<Uint8Array> {
  for (const hex of [keys.epochKey, keys.previousEpochKey]) {
    if (hex === undefined) continue;
    const key = new Uint8Array(Buffer.from(hex, 'hex'));
    if (equalBytes(await epochKeyId(key), id)) return key;
  }
  throw new SltdError('config-invalid', { detail: 'the edition is of another epoch key' });
}

function mixed(): never {
  throw new SltdError('format-value', { detail: 'parts of different editions' });
}
