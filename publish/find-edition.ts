/** An edition of a store by the name that a person gives it: its id, the start of it, or its place. */

import { SltdError } from '../src/errors.ts';
import type { Head } from '../src/format/head.ts';
import { fromHex, toHex } from '../src/format/names.ts';
import { readHistory } from './history.ts';
import type { HeadSigner } from './head.ts';
import { readHead } from './head.ts';
import type { ObjectStore } from './object-store.ts';
import type { EditionName } from './read-manifest.ts';

/** Fewer digits than this are no name: one may have mistyped. */
const ID_DIGITS_MIN = 8;

/**
 * `current` is the edition in force, `previous` the one that was in force before it, all else an id or
 * at least 8 digits of its start. Throws 'edition-missing' if the store has none of that name, and
 * 'config-invalid' if the name is none or fits several.
 */
export async function findEdition(
  store: ObjectStore,
  trusted: HeadSigner['trusted'],
  name: string,
): Promise<EditionName> {
  const head = await readHead(store, trusted);
  if (!head) throw new SltdError('edition-missing');
  if (name === 'current') return head;
  if (name === 'previous') return previousOf(store, trusted, head);
  if (!/^[0-9a-f]{8,64}$/.test(name) || name.length < ID_DIGITS_MIN) {
    throw new SltdError('config-invalid', { detail: 'an edition is current, previous or an id' });
  }
  const found = (await store.list('manifests')).filter((entry) =>
    entry.name.startsWith(`manifests/${name}`),
  );
  if (found.length > 1) throw new SltdError('config-invalid', { detail: 'several editions fit' });
  const entry = found[0];
  if (!entry) throw new SltdError('edition-missing', { detail: 'none of that name' });
  const manifestSha256 = fromHex(entry.name.slice('manifests/'.length));
  return { manifestSha256, manifestLength: entry.sizeBytes };
}

async function previousOf(
  store: ObjectStore,
  trusted: HeadSigner['trusted'],
  head: Head,
): Promise<EditionName> {
  const edition = toHex(head.manifestSha256);
  const past = await readHistory(store, trusted);
  const previous = past.find((entry) => entry.edition !== edition);
  if (!previous) {
    const detail = 'none before this one, by a head key that the keys file knows';
    throw new SltdError('edition-missing', { detail });
  }
  return previous.head;
}
