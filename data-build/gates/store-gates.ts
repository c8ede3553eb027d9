/**
 * Gates before a store: the edition that comes in force there against the one that is.
 *
 * A list that was in force there before and was replaced is not put in force again without a person. What the
 * edition directory has had in force, it was compared with when it was built, step by step. Any other
 * it was never compared with: the directory is new, or was lost, or somebody else publishes to the store as
 * well. Then the counts of the two signed manifests are compared before anything is sent. The replay is always
 * asked here: the directory has no overlay, and the store's head alone says that central has a log.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { readHistory } from '../../publish/history.ts';
import type { ObjectStore } from '../../publish/object-store.ts';
import { readManifest } from '../../publish/read-manifest.ts';
import { SltdError } from '../../src/errors.ts';
import type { Head } from '../../src/format/head.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import { equalBytes, toHex } from '../../src/format/names.ts';
import { type VerifyKey, verifyKeys } from '../../src/format/signature.ts';
import type { OpenEdition } from '../edition/open-edition.ts';
import { headSignerOf } from '../keys/head-signer.ts';
import { type KeysOf, publicKeysText } from '../keys/keys.ts';
import { askReplay, hasLog, type OperationLog, type Replayed } from '../replay/replay-gate.ts';
import { shapeOf } from './build-record.ts';
import { checkGates, type Refusal, refusalText } from './gates.ts';
import type { GateLimits } from './limits.ts';
import { RELEASES } from './quarantine.ts';
import { checkReleased, type ReleasedBy } from './release.ts';
import { refuseReplaced } from './was-replaced.ts';
import { writeJson } from './write-json.ts';

export interface StoreGates {
  limits: GateLimits;
  /** Who lets it through all the same, by name of every gate that refuses it. */
  release?: ReleasedBy | undefined;
  /** The edition in force there and these operations must make it. */
  log?: OperationLog | undefined;
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
  signal?: AbortSignal | undefined;
}

/**
 * Lets it pass; what it was replayed with. Throws 'gate-refused' if the list is too unlike the one in force or its
 * replay differs, 'release-invalid' if others are released.
 */
export async function passStoreGates(comparison: Comparison): Promise<Replayed | undefined> {
  const { edition, inForce, gates, from } = comparison;
  if (equalBytes(edition.head.manifestSha256, inForce.manifestSha256)) return undefined;
  const { refusals, replayed } = await askGates(comparison);
  if (gates.release) {
    checkReleased(refusals, gates.release);
    if (from instanceof DirectoryStore) noteRelease(from, comparison, refusals);
  } else if (refusals.length > 0) {
    const detail = `unlike the edition in force in the store: ${refusalText(refusals)}`;
    throw new SltdError('gate-refused', { detail });
  }
  return replayed;
}

/** Whether the edition in force in the store was in force where this one was built. */
async function wasComparedWith({ from, inForce, keys }: Comparison): Promise<boolean> {
  const { trusted } = await headSignerOf(keys);
  const id = toHex(inForce.manifestSha256);
  return (await readHistory(from, trusted)).some((past) => past.edition === id);
}

interface Asked {
  refusals: Refusal[];
  replayed?: Replayed | undefined;
}

async function askGates(comparison: Comparison): Promise<Asked> {
  const { from, to, edition, inForce: head, keys, gates, signal } = comparison;
  const isCompared = await wasComparedWith(comparison);
  const editionKeys = await verifyKeys(publicKeysText(keys, 'edition'));
  const manifest = await manifestInForce(to, head, editionKeys);
  const replaced = await askReplaced(comparison, manifest);
  if (!manifest) {
    // What was compared where it was built mends a damaged store by itself, if there is nothing to replay.
    if (isCompared && !hasLog(head) && !gates.log) return { refusals: replaced };
    const details = ['the manifest of the edition in force cannot be read'];
    return { refusals: [...replaced, { gate: 'baseline', details }] };
  }
  const { limits } = gates;
  const shapes = { before: shapeOf(manifest), now: shapeOf(edition.manifest) };
  const unlike = isCompared ? [] : checkGates({ ...shapes, limits }).refusals;
  const refusals = [...replaced, ...unlike];
  const { manifestSha256 } = edition.head;
  const { details, replayed } = await askReplay({
    base: { store: to, head, manifest },
    next: { store: from, manifest: edition.manifest, manifestSha256 },
    ...{ epochKey: edition.epochKey, log: gates.log, signal },
  });
  if (details.length > 0) refusals.push({ gate: 'replay', details });
  return { refusals, replayed };
}

function askReplaced(
  { to, edition, inForce }: Comparison,
  manifest: Manifest | undefined,
): Promise<Refusal[]> {
  const { inputsSha256 } = shapeOf(edition.manifest);
  return refuseReplaced(
    to,
    { edition: toHex(edition.head.manifestSha256), inputsSha256 },
    {
      edition: toHex(inForce.manifestSha256),
      ...(manifest ? { inputsSha256: shapeOf(manifest).inputsSha256 } : {}),
    },
  );
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
