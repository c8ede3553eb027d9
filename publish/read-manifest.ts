/** The manifest of an edition out of a store, proved: content, signature, structure. */

import type { Head } from '../src/format/head.ts';
import { type Manifest, openManifest } from '../src/format/manifest.ts';
import { type VerifyKey, verifyObject } from '../src/format/signature.ts';
import { type ReadableStore, readObject } from './read-object.ts';

/** As a head names an edition. */
export type EditionName = Pick<Head, 'manifestSha256' | 'manifestLength'>;

/** Throws 'page-unavailable' if it is not there, and a format error if it is not what it should be. */
export async function readManifest(
  store: ReadableStore,
  edition: EditionName,
  editionKeys: readonly VerifyKey[],
): Promise<{ manifest: Manifest; bytes: Uint8Array }> {
  const bytes = await readObject(store, 'manifests', {
    ...{ sha256: edition.manifestSha256, length: edition.manifestLength },
  });
  await verifyObject(bytes, editionKeys);
  return { manifest: openManifest(bytes), bytes };
}
