/**
 * What somebody went back from: where a job with several feeds builds, and in its store.
 *
 * What was in such an edition for the first time may be what was wrong with it, so the feed that brought it
 * bears a mark from the first night that sees it (feed-record.ts): garbage collection takes the past heads away.
 */

import { join } from 'node:path';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { readHead } from '../../publish/head.ts';
import { readHistory } from '../../publish/history.ts';
import type { ObjectStore } from '../../publish/object-store.ts';
import { openStore } from '../../publish/open-store.ts';
import { isPermittedBy } from '../../publish/permit.ts';
import { toHex } from '../../src/format/names.ts';
import { verifyKeys } from '../../src/format/signature.ts';
import { headSignerOf } from '../keys/head-signer.ts';
import { type KeysOf, publicKeysText } from '../keys/keys.ts';
import type { NightlyConfig } from './config.ts';
import { markRecords, type Word } from './feed-record.ts';

/** Marks what was gone back from, and no longer what came back. Throws what reading the heads throws, and 'store-unavailable'. */
export async function markGoneBack(
  config: NightlyConfig,
  keys: KeysOf<'edition' | 'head'>,
): Promise<void> {
  const { stateDir, store } = config;
  const stores: ObjectStore[] = [new DirectoryStore(join(stateDir, 'edition'))];
  if (store !== undefined) stores.push(openStore(store));
  const words = new Map<string, Word>();
  for (const each of stores) {
    for (const [edition, word] of await readWords(each, keys)) {
      if (word.at > (words.get(edition)?.at ?? 0)) words.set(edition, word);
    }
  }
  for (const feed of config.feeds) markRecords(config, feed, words);
}

/**
 * The last word on each edition that a return spoke of. An edition stands on those that were in force
 * when it first came: if it comes back they do as well, and whatever came on top of it is gone back from.
 */
async function readWords(
  store: ObjectStore,
  keys: KeysOf<'edition' | 'head'>,
): Promise<Map<string, Word>> {
  const words = new Map<string, Word>();
  const inForce = await readHead(store, (await headSignerOf(keys)).trusted);
  if (!inForce) return words;
  const editionKeys = await verifyKeys(publicKeysText(keys, 'edition'));
  const below = new Map<string, string | undefined>();
  const standing = (top: string | undefined): string[] => {
    const editions: string[] = [];
    for (let each = top; each !== undefined; each = below.get(each)) editions.push(each);
    return editions;
  };
  let present: string | undefined;
  // Without a look at their own signatures: of a key that was retired they count as well.
  const past = (await readHistory(store)).map(({ head }) => head);
  for (const head of [...past.reverse(), inForce]) {
    const edition = toHex(head.manifestSha256);
    if (!below.has(edition)) {
      below.set(edition, present);
    } else if (edition !== present) {
      const back = new Set(standing(edition));
      const at = head.permittedAt;
      for (const gone of standing(present)) {
        if (!back.has(gone)) words.set(gone, { at, isGoneBack: true });
      }
      // Nobody but who may permit an edition takes such a word back.
      if (await isPermittedBy(head, editionKeys)) {
        for (const each of back) words.set(each, { at, isGoneBack: false });
      }
    }
    present = edition;
  }
  return words;
}
