/**
 * Whether a list was in force in a store before, and another took its place.
 *
 * The same files make another manifest under another time, key or restriction, so what counts is the
 * digest of the inputs, against every edition of the history whose manifest the store still has
 * (publish/collect-garbage.ts: the last seven at least).
 */

import { readHistory } from '../../publish/history.ts';
import { inParallel } from '../../publish/in-parallel.ts';
import type { ObjectStore } from '../../publish/object-store.ts';
import { readObject } from '../../publish/read-object.ts';
import { SltdError } from '../../src/errors.ts';
import type { Head } from '../../src/format/head.ts';
import { openManifest } from '../../src/format/manifest.ts';
import { toHex } from '../../src/format/names.ts';
import type { Refusal } from './gates.ts';

/** An edition, and what it was built from: 64 hexadecimal digits each. */
export interface EditionInputs {
  edition: string;
  inputsSha256: string;
}

/**
 * The refusal, if it was. The files of the edition in force make another edition of the present list, which
 * may pass, also one that was in force before: a feed that failed for a night is back, and its states are no
 * longer partial. Without `inputsSha256` nobody knows them.
 */
export async function refuseReplaced(
  store: ObjectStore,
  list: EditionInputs,
  inForce: Pick<EditionInputs, 'edition'> & Partial<EditionInputs>,
): Promise<Refusal[]> {
  if (list.edition === inForce.edition || list.inputsSha256 === inForce.inputsSha256) return [];
  // Signatures are not looked at: heads of a key that was retired count as well, a forged one can only refuse.
  const past = new Map((await readHistory(store)).map(({ edition, head }) => [edition, head]));
  if (past.has(list.edition)) {
    return replayed('this very edition was in force before, and another took its place');
  }
  let isReplaced = false;
  await inParallel(past.values(), async (head) => {
    if ((await inputsOf(store, head)) === list.inputsSha256) isReplaced = true;
  });
  if (!isReplaced) return [];
  return replayed('these very files were in force before, and others took their place');
}

/** What the gate `replayed` says. */
export const replayed = (detail: string): Refusal[] => [{ gate: 'replayed', details: [detail] }];

/** Undefined if the manifest is gone, damaged or of another format version. */
async function inputsOf(
  store: ObjectStore,
  { manifestSha256: sha256, manifestLength: length }: Head,
): Promise<string | undefined> {
  try {
    const bytes = await readObject(store, 'manifests', { sha256, length });
    return toHex(openManifest(bytes).inputsSha256);
  } catch (error) {
    if (!(error instanceof SltdError) || error.code === 'store-unavailable') throw error;
    return undefined;
  }
}
