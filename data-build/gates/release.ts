/**
 * Release: a person lets an edition out of quarantine, by name of what refused it.
 *
 * Every gate that refused must be named, and no other: whoever releases has read what was found. It is good
 * once, and only while the edition that it was compared with is in force: after that the figures are
 * of another day. The objects are proved again, because days may have passed.
 */

import { awaitCollectors } from '../../publish/collectors.ts';
import type { DirectoryStore } from '../../publish/directory-store.ts';
import { type EditionReference, publishEdition, readHead } from '../../publish/head.ts';
import { permittingBy } from '../../publish/permit.ts';
import { readObject } from '../../publish/read-object.ts';
import { SltdError } from '../../src/errors.ts';
import { openManifest } from '../../src/format/manifest.ts';
import { toHex } from '../../src/format/names.ts';
import { signingKey, verifyKeys, verifyObject } from '../../src/format/signature.ts';
import { headSignerOf } from '../keys/head-signer.ts';
import { type KeysOf, publicKeysText } from '../keys/keys.ts';
import { writeBuildRecord } from './build-record.ts';
import { endQuarantine, type Quarantine, readQuarantine } from './quarantine.ts';

/** Characters of a reason that somebody gives. */
export const REASON_LENGTH = { min: 10, max: 500 };
const NAME_LENGTH = { min: 2, max: 100 };

/** A person's word that a list is right all the same. */
export interface ReleasedBy {
  /** Names of the gates that refused it. */
  gates: readonly string[];
  /** Who releases it, 2 to 100 characters. */
  by: string;
  /** Why, 10 to 500 characters. */
  reason: string;
}

export interface ReleaseOptions extends ReleasedBy {
  directory: DirectoryStore;
  keys: KeysOf<'edition' | 'head'>;
  /** 64 hexadecimal digits. */
  edition: string;
  signal: AbortSignal;
}

/** Throws 'release-invalid' unless these very gates are named, by somebody with a reason. */
export function checkReleased(
  refusals: readonly { gate: string }[],
  { gates, by, reason }: ReleasedBy,
): void {
  checkText('by', by, NAME_LENGTH);
  checkText('reason', reason, REASON_LENGTH);
  const refused = refusals.map(({ gate }) => gate);
  const missing = refused.filter((gate) => !gates.includes(gate));
  if (missing.length > 0) invalid(`also refused by ${missing.join(', ')}: each has to be named`);
  if (gates.some((gate) => !refused.includes(gate)))
    invalid(`refused by ${refused.join(', ') || 'no gate'} alone`);
}

/** Puts the edition in force; 'release-invalid' if it may not, format and page errors if it is damaged. */
export async function releaseEdition(options: ReleaseOptions): Promise<{ sequence: number }> {
  const { directory, keys } = options;
  const quarantine = readQuarantine(directory, options.edition);
  checkReleased(quarantine.refusals, options);
  await checkStillCompared(options, quarantine);
  const edition = await proveObjects(options, quarantine);
  writeBuildRecord(directory, quarantine.edition, quarantine.input);
  options.signal.throwIfAborted();
  const { sequence } = await publishEdition(directory, await headSignerOf(keys), edition);
  const { by, reason } = options;
  endQuarantine(directory, quarantine, { by, reason, releasedAt: new Date().toISOString() });
  return { sequence };
}

function checkText(name: string, text: string, { min, max }: { min: number; max: number }): void {
  const { length } = text.trim();
  if (length < min || length > max) invalid(`--${name} takes ${min} to ${max} characters`);
}

async function checkStillCompared(
  { directory, keys }: ReleaseOptions,
  quarantine: Quarantine,
): Promise<void> {
  const head = await readHead(directory, (await headSignerOf(keys)).trusted);
  const inForce = head ? toHex(head.manifestSha256) : '';
  // Compared with nothing, because it could not be read: then nothing can have changed.
  if (quarantine.inForce === 'unreadable' || quarantine.inForce === inForce) return;
  invalid('another edition is in force than it was compared with: build again');
}

async function proveObjects(
  { directory, keys, signal }: ReleaseOptions,
  quarantine: Quarantine,
): Promise<EditionReference> {
  const manifestSha256 = new Uint8Array(Buffer.from(quarantine.edition, 'hex'));
  const manifestLength = quarantine.manifestLength;
  const bytes = await readObject(directory, 'manifests', {
    ...{ sha256: manifestSha256, length: manifestLength },
  });
  await verifyObject(bytes, await verifyKeys(publicKeysText(keys, 'edition')));
  const manifest = openManifest(bytes);
  // It may be days old: young again, so that garbage collection leaves its pages alone from here on.
  await directory.put('manifests', bytes, { overwrite: true });
  await directory.flush();
  await awaitCollectors(directory, { signal });
  for (let row = 0; row < manifest.shardCount; row++) {
    signal.throwIfAborted();
    await readObject(directory, 'pages', manifest.page('filter', row));
    await readObject(directory, 'pages', manifest.page('match', row));
  }
  const edition = { collection: manifest.collection, manifestSha256, manifestLength };
  const permit = permittingBy(await signingKey({ ...keys.edition }), edition);
  return { ...edition, manifest, permit };
}

function invalid(detail: string): never {
  throw new SltdError('release-invalid', { detail });
}
