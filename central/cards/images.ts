/**
 * Images of cards in the object store, under the SHA-256 of their bytes.
 *
 * They are put before the row that names them is written. Bytes that come back are compared with
 * their name: what a store returns is not trusted.
 */

import type { ObjectStore } from '../../publish/object-store.ts';
import { SltdError } from '../../src/errors.ts';
import { checkContent, fromHex, objectName } from '../../src/format/names.ts';
import type { CardContent } from './card-content.ts';
import type { BundleImage } from './read-bundle.ts';

/** As much of an object store as cards need. */
export type ImageStore = Pick<ObjectStore, 'get' | 'put' | 'flush'>;

/** Put images where they are not yet; when it is done, they outlast a power cut. */
export async function putImages(store: ImageStore, images: Iterable<BundleImage>): Promise<void> {
  let count = 0;
  for (const { bytes } of images) {
    await store.put('images', bytes);
    count++;
  }
  if (count > 0) await store.flush();
}

/** The bytes of an image of a card; 'store-unavailable' if they are not there or not the same. */
export async function readImage(
  store: ImageStore,
  { sha256, sizeBytes }: CardContent['images'][number],
): Promise<Uint8Array<ArrayBuffer>> {
  const digest = fromHex(sha256);
  try {
    const object = await store.get(objectName('images', digest), sizeBytes);
    if (!object) throw new SltdError('store-unavailable', { detail: 'an image is missing' });
    await checkContent(object.bytes, { sha256: digest, length: sizeBytes });
    return new Uint8Array(object.bytes);
  } catch (cause) {
    throw new SltdError('store-unavailable', { detail: 'an image of a card', cause });
  }
}
