/**
 * The head: the last object written, and the only one that changes.
 *
 * Its sequence goes up with every edition and never down: a reader that has seen a higher one refuses
 * a lower. A heartbeat signs the same sequence again with a new time, so that silence is visible.
 */

import { SltdError } from '../src/errors.ts';
import { decodeHead, encodeHead, type Head } from '../src/format/head.ts';
import {
  type SigningKey,
  signingKey,
  signObject,
  type VerifyKey,
  verifyKeys,
  verifyObject,
} from '../src/format/signature.ts';
import type { EditionDirectory } from './edition-directory.ts';
import { type KeysFile, publicKeyText } from './keys.ts';

/** A head is not answered from after a day: by then somebody has to have noticed. */
const LIFE_MS = 24 * 60 * 60 * 1000;

/** Signs heads, and knows the old one. */
export interface HeadSigner {
  key: SigningKey;
  trusted: readonly VerifyKey[];
}

/** The signer that a keys file makes. */
export async function headSignerOf(keys: KeysFile): Promise<HeadSigner> {
  const key = await signingKey({ ...keys.head });
  return { key, trusted: await verifyKeys(publicKeyText(keys.head)) };
}

/** The head in force, its signature checked; undefined if there is none yet. */
export async function readHead(
  directory: EditionDirectory,
  trusted: readonly VerifyKey[],
): Promise<Head | undefined> {
  const bytes = directory.readHead();
  if (bytes === undefined) return undefined;
  await verifyObject(bytes, trusted);
  return decodeHead(bytes);
}

/** Puts an edition in force: sequence one above the old head's, without overlay. */
export function publishEdition(
  directory: EditionDirectory,
  signer: HeadSigner,
  edition: Pick<Head, 'collection' | 'manifestSha256' | 'manifestLength' | 'asOf'>,
): Promise<Head> {
  return directory.locked(async () => {
    const before = await readHead(directory, signer.trusted);
    if (before && before.collection !== edition.collection) {
      throw new SltdError('config-invalid', { detail: 'the directory holds another collection' });
    }
    const issuedAt = laterThan(before);
    const sequence = (before?.sequence ?? 0) + 1;
    return write(directory, signer, {
      ...edition,
      ...{ sequence, issuedAt, notAfter: issuedAt + LIFE_MS, overlayLength: 0 },
    });
  });
}

/** Signs the head in force again, with the present as its time; 'edition-missing' without one. */
export function heartbeat(directory: EditionDirectory, signer: HeadSigner): Promise<Head> {
  return directory.locked(async () => {
    const before = await readHead(directory, signer.trusted);
    if (!before) throw new SltdError('edition-missing');
    const issuedAt = laterThan(before);
    return write(directory, signer, { ...before, issuedAt, notAfter: issuedAt + LIFE_MS });
  });
}

async function write(directory: EditionDirectory, signer: HeadSigner, head: Head): Promise<Head> {
  directory.replaceHead(await signObject(encodeHead(head), signer.key));
  return head;
}

/** The present, but never before the old head: a clock set back must not make it look older. */
function laterThan(before: Head | undefined): number {
  return Math.max(Date.now(), before?.issuedAt ?? 0);
}
