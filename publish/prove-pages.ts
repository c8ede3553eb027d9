/**
 * Every page of an edition, read back from a store and checked as a reader checks it.
 *
 * Hash, length and header of each must be what the signed manifest names. It says that the edition is
 * there, whole, byte for byte; what the pages answer was asked when it was built.
 */

import xxhash from 'xxhash-wasm';
import { SltdError } from '../src/errors.ts';
import type { Manifest } from '../src/format/manifest.ts';
import { decodePage, type PageKind } from '../src/format/page.ts';
import { inParallel } from './in-parallel.ts';
import { type ReadableStore, readObject } from './read-object.ts';

export interface ProvedPages {
  pages: number;
  bytes: number;
}

const KINDS: readonly PageKind[] = ['filter', 'match'];

/** Throws the error of the first page that is missing or not right, and nothing else is read then. */
export async function provePages(
  store: ReadableStore,
  manifest: Manifest,
  {
    onProgress = () => {},
    signal,
  }: { onProgress?: (pages: number) => void; signal?: AbortSignal | undefined } = {},
): Promise<ProvedPages> {
  const { h64Raw } = await xxhash();
  const proved = { pages: 0, bytes: 0 };
  await inParallel(pagesOf(manifest), async ({ kind, reference, ...shard }) => {
    signal?.throwIfAborted();
    const bytes = await readObject(store, 'pages', reference);
    if (h64Raw(bytes) !== reference.xxh64) throw new SltdError('format-digest');
    decodePage(bytes, { kind, ...shard, epochKeyId: manifest.epochKeyId });
    proved.bytes += bytes.length;
    onProgress(++proved.pages);
  });
  return proved;
}

/** Every page of the manifest with what it must say of itself, in the order of the rows. */
export function* pagesOf(manifest: Manifest) {
  for (const { state, firstShard, shardCount } of manifest.states()) {
    for (let shardIndex = 0; shardIndex < shardCount; shardIndex++) {
      for (const kind of KINDS) {
        const reference = manifest.page(kind, firstShard + shardIndex);
        yield { kind, state, shardIndex, shardCount, reference };
      }
    }
  }
}
