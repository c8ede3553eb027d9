/**
 * The edition in force, opened as a reader opens it: docs/format.md section 12, steps 1 and 2.
 */

import { readHead } from '../../publish/head.ts';
import { type ReadableStore, readObject } from '../../publish/read-object.ts';
import { epochKeyId } from '../../src/document/digest.ts';
import { SltdError } from '../../src/errors.ts';
import type { Head } from '../../src/format/head.ts';
import { loadOverlay } from '../../src/format/load-overlay.ts';
import { type Manifest, openManifest } from '../../src/format/manifest.ts';
import { equalBytes } from '../../src/format/names.ts';
import type { Overlay, OverlayName } from '../../src/format/overlay.ts';
import { verifyKeys, verifyObject } from '../../src/format/signature.ts';
import { type KeysOf, publicKeysText } from '../keys/keys.ts';

/** What it takes to read an edition. */
type ReaderKeys = KeysOf<'epochKey' | 'edition' | 'overlay' | 'head'>;

export interface EditionInForce {
  head: Head;
  manifest: Manifest;
}

export interface OpenEdition extends EditionInForce {
  overlay: Overlay | undefined;
  /** The epoch key under which it was built: the current one or the one before. */
  epochKey: Uint8Array;
}

/**
 * Head, manifest and overlay, each checked. Throws 'edition-missing' without a head, a format error
 * for what is not as it should be, 'config-invalid' if the keys file lacks the epoch key.
 */
export async function openEdition(store: ReadableStore, keys: ReaderKeys): Promise<OpenEdition> {
  const { head, manifest } = await openInForce(store, keys);
  const overlay = await openOverlayOf(store, keys, head, manifest);
  return { head, manifest, overlay, epochKey: await findEpochKey(keys, manifest.epochKeyId) };
}

/** Head and manifest alone, each checked; throws as openEdition() does. */
export async function openInForce(
  store: ReadableStore,
  keys: KeysOf<'edition' | 'head'>,
): Promise<EditionInForce> {
  const head = await readHead(store, await verifyKeys(publicKeysText(keys, 'head')));
  if (!head) throw new SltdError('edition-missing');
  const editionKeys = await verifyKeys(publicKeysText(keys, 'edition'));
  await verifyObject(head.permit, editionKeys);
  const manifestBytes = await readObject(store, 'manifests', {
    ...{ sha256: head.manifestSha256, length: head.manifestLength },
  });
  await verifyObject(manifestBytes, editionKeys);
  const manifest = openManifest(manifestBytes);
  if (manifest.collection !== head.collection) mixed();
  return { head, manifest };
}

/** The overlay of a head, checked; undefined if it names none. */
export async function openOverlayOf(
  store: ReadableStore,
  keys: KeysOf<'overlay'>,
  head: Head,
  manifest: Manifest,
): Promise<Overlay | undefined> {
  const { overlaySha256: sha256, overlayLength: length } = head;
  if (!sha256) return undefined;
  const trusted = await verifyKeys(publicKeysText(keys, 'overlay'));
  const read = async (name: OverlayName) => {
    const bytes = await readObject(store, 'overlays', name);
    await verifyObject(bytes, trusted);
    return bytes;
  };
  return (await loadOverlay({ sha256, length }, manifest, read)).overlay;
}

/** The key of this id that the keys file holds; 'config-invalid' if it holds none. */
export async function findEpochKey(keys: KeysOf<'epochKey'>, id: Uint8Array): Promise<Uint8Array> {
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
