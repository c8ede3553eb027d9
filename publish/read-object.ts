/**
 * One content-addressed object out of a store, checked against the name by which it was asked for.
 */

import { SltdError } from '../src/errors.ts';
import { checkContent, type ObjectFolder, objectName } from '../src/format/names.ts';
import type { ObjectStore } from './object-store.ts';

/** What is needed to read. */
export type ReadableStore = Pick<ObjectStore, 'get'>;

/**
 * The bytes, of this SHA-256 and length in bytes. Throws 'page-unavailable' if it is not there, and
 * 'format-length' or 'format-digest' if it is not what its name says.
 */
export async function readObject(
  store: ReadableStore,
  folder: ObjectFolder,
  reference: { sha256: Uint8Array; length: number },
): Promise<Uint8Array> {
  const object = await store.get(objectName(folder, reference.sha256), reference.length);
  if (!object) throw new SltdError('page-unavailable', { detail: `missing in ${folder}` });
  await checkContent(object.bytes, reference);
  return object.bytes;
}
