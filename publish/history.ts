/**
 * The editions that were in force in a store, newest first: what rollback can go back to, and what
 * garbage collection keeps.
 */

import { SltdError } from '../src/errors.ts';
import { decodeHead, type Head } from '../src/format/head.ts';
import { HEAD_BYTES } from '../src/format/layout.ts';
import { toHex } from '../src/format/names.ts';
import { type VerifyKey, verifyObject } from '../src/format/signature.ts';
import { inParallel } from './in-parallel.ts';
import type { ObjectStore } from './object-store.ts';

/** A head that was in force until its edition was replaced. */
export interface PastHead {
  head: Head;
  /** Edition id: 64 hexadecimal digits. */
  edition: string;
  /** Of the object in the store. */
  name: string;
  /** When another edition took its place, in milliseconds by the clock of the store. */
  replacedAt: number;
}

/**
 * Past heads by sequence, the highest first. One that no trusted key signed, or that is of another
 * format version, counts for nothing; without `trusted` signatures are not looked at.
 */
export async function readHistory(
  store: ObjectStore,
  trusted?: readonly VerifyKey[],
): Promise<PastHead[]> {
  const past: PastHead[] = [];
  await inParallel(await store.list('history'), async ({ name, sizeBytes, modifiedAt }) => {
    if (sizeBytes !== HEAD_BYTES) return;
    const object = await store.get(name, HEAD_BYTES);
    if (!object) return;
    try {
      if (trusted) await verifyObject(object.bytes, trusted);
      const head = decodeHead(object.bytes);
      past.push({ head, edition: toHex(head.manifestSha256), name, replacedAt: modifiedAt });
    } catch (error) {
      if (!(error instanceof SltdError)) throw error;
    }
  });
  return past.sort((a, b) => b.head.sequence - a.head.sequence);
}
