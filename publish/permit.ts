/**
 * Permits: with the edition key, an edition may come in force (docs/format.md section 11).
 *
 * Of two permits the newer one counts, so one is always made newer than that of the head in force,
 * also where the clock is behind. To go back to an edition, it is permitted anew.
 */

import { decodePermit, encodePermit, type Permit } from '../src/format/permit.ts';
import { SltdError } from '../src/errors.ts';
import type { Head } from '../src/format/head.ts';
import {
  type SigningKey,
  signObject,
  type VerifyKey,
  verifyObject,
} from '../src/format/signature.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** How long an edition may stay in force without another, in days, if nobody says otherwise. */
export const PERMIT_DAYS = 7;

/** Makes a signed permit that is newer than `after`, in milliseconds since 1970. */
export type Permitting = (after: number) => Promise<Uint8Array>;

/** What permits an edition, from the moment that it is asked for so many days. */
export function permittingBy(
  editionKey: SigningKey,
  edition: Pick<Permit, 'collection' | 'manifestSha256' | 'manifestLength'>,
  days = PERMIT_DAYS,
): Permitting {
  return (after) => {
    const issuedAt = Math.max(Date.now(), after + 1);
    const content = { ...edition, issuedAt, notAfter: issuedAt + days * DAY_MS };
    return signObject(encodePermit(content), editionKey);
  };
}

/** Whether less than half of a signed permit is left: an edition that is to stay is then permitted anew. */
export function isPermitDue(permit: Uint8Array): boolean {
  const { issuedAt, notAfter } = decodePermit(permit);
  return Date.now() > (issuedAt + notAfter) / 2;
}

/** Whether the permit of a head is of one of these edition keys. */
export async function isPermittedBy(
  { permit }: Pick<Head, 'permit'>,
  editionKeys: readonly VerifyKey[],
): Promise<boolean> {
  try {
    await verifyObject(permit, editionKeys);
    return true;
  } catch (error) {
    if (!(error instanceof SltdError)) throw error;
    return false;
  }
}
