/**
 * Gates before a store: the edition that comes in force there against the one that is.
 *
 * What the edition directory has had in force, it was compared with when it was built, step by step. Any other
 * it was never compared with: the directory is new, or was lost, or somebody else publishes to the store as
 * well. Then the counts of the two signed manifests are compared before anything is sent.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { readHistory } from '../../publish/history.ts';
import type { ObjectStore } from '../../publish/object-store.ts';
import { readManifest } from '../../publish/read-manifest.ts';
import { SltdError } from '../../src/errors.ts';
import type { Head } from '../../src/format/head.ts';
import { equalBytes, toHex } from '../../src/format/names.ts';
import { type VerifyKey, verifyKeys } from '../../src/format/signature.ts';
import { headSignerOf } from '../keys/head-signer.ts';
import { type KeysOf, publicKeysText } from '../keys/keys.ts';
import type { OpenEdition } from '../edition/open-edition.ts';
import { shapeOf } from './build-record.ts';
import { checkGates, type Refusal, refusalText } from './gates.ts';
import type { GateLimits } from './limits.ts';
import { RELEASES } from './quarantine.ts';
import { checkReleased, type ReleasedBy } from './release.ts';
import { writeJson } from './write-json.ts';

export interface StoreGates {
  limits: GateLimits;
  /** Who lets it through all the same, by name of every gate that refuses it. */
  release?: ReleasedBy | undefined;
}

interface Comparison {
  /** Where the edition was built. */
  from: ObjectStore;
  to: ObjectStore;
  edition: OpenEdition;
  /** In force in `to`. */
  inForce: Head;
  keys: KeysOf<'edition' | 'head'>;
  gates: StoreGates;
}

/** Throws 'gate-refused' if the list is too unlike the one in force, 'release-invalid' if others are released. */
export async function passStoreGates(comparison: Comparison): Promise<void> {
  const { edition, inForce, gates, from } = comparison;
  if (equalBytes(edition.head.manifestSha256, inForce.manifestSha256)) return;
  const refusals = (await wasComparedWith(comparison)) ? [] : await refusalsOf(comparison);
  if (gates.release) {
    checkReleased(refusals, gates.release);
    if (from instanceof DirectoryStore) noteRelease(from, comparison, refusals);
  } else if (refusals.length > 0) {
    const detail = `unlike the edition in force in the store: ${refusalText(refusals)}`;
    throw new SltdError('gate-refused', { detail });
  }
}

/** Whether the edition in force in the store was in force where this one was built. */
async function wasComparedWith({ from, inForce, keys }: Comparison): Promise<boolean> {
  const { trusted } = await headSignerOf(keys);
  const id = toHex(inForce.manifestSha256);
  return (await readHistory(from, trusted)).some((past) => past.edition === id);
}

async function refusalsOf(comparison: Comparison): Promise<readonly Refusal[]> {
  const { to, edition, inForce, keys, gates } = comparison;
  const editionKeys = await verifyKeys(publicKeysText(keys, 'edition'));
  const before = await manifestInForce(to, inForce, editionKeys);
  if (!before) {
    return [{ gate: 'baseline', details: ['the manifest of the edition in force cannot be read'] }];
  }
  const { limits } = gates;
  return checkGates({ before: shapeOf(before), now: shapeOf(edition.manifest), limits }).refusals;
}

async function manifestInForce(to: ObjectStore, head: Head, keys: readonly VerifyKey[]) {
  try {
    return (await readManifest(to, head, keys)).manifest;
  } catch (error) {
    if (!(error instanceof SltdError) || error.code === 'store-unavailable') throw error;
    return undefined;
  }
}

/** Beside the releases of the directory's own quarantine. */
function noteRelease(
  directory: DirectoryStore,
  { edition, inForce, to, gates }: Comparison,
  refusals: readonly Refusal[],
): void {
  const folder = join(directory.location, RELEASES);
  const id = toHex(edition.head.manifestSha256);
  mkdirSync(folder, { recursive: true });
  writeJson(join(folder, `${id}.published.json`), {
    ...{ edition: id, store: to.location, inForce: toHex(inForce.manifestSha256), refusals },
    ...{ by: gates.release!.by, reason: gates.release!.reason },
    releasedAt: new Date().toISOString(),
  });
}
