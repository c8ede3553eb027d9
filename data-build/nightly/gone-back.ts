/**
 * Editions that somebody went back from: where a job with several feeds builds, and in its store.
 *
 * What was in such an edition for the first time may be what was wrong with it.
 */

import { join } from 'node:path';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { readHead } from '../../publish/head.ts';
import { readHistory } from '../../publish/history.ts';
import type { ObjectStore } from '../../publish/object-store.ts';
import { openStore } from '../../publish/open-store.ts';
import { toHex } from '../../src/format/names.ts';
import type { VerifyKey } from '../../src/format/signature.ts';
import { headSignerOf } from '../keys/head-signer.ts';
import type { KeysOf } from '../keys/keys.ts';
import type { NightlyConfig } from './config.ts';

/** Ids of those editions. Throws what reading the heads throws, and 'store-unavailable'. */
export async function readGoneBack(
  { stateDir, store }: NightlyConfig,
  keys: KeysOf<'head'>,
): Promise<ReadonlySet<string>> {
  const { trusted } = await headSignerOf(keys);
  const ids = await goneBackIn(new DirectoryStore(join(stateDir, 'edition')), trusted);
  if (store !== undefined) {
    for (const id of await goneBackIn(openStore(store), trusted)) ids.add(id);
  }
  return ids;
}

/** One was gone back from if another was in force before it and came back after it, and it did not since. */
async function goneBackIn(store: ObjectStore, trusted: readonly VerifyKey[]): Promise<Set<string>> {
  const head = await readHead(store, trusted);
  if (!head) return new Set();
  const past = (await readHistory(store)).map(({ edition }) => edition);
  const order = [...past.reverse(), toHex(head.manifestSha256)];
  const isGoneBack = (edition: string): boolean => {
    const at = order.lastIndexOf(edition);
    const before = new Set(order.slice(0, at));
    return order.slice(at + 1).some((later) => before.has(later));
  };
  return new Set(order.filter(isGoneBack));
}
