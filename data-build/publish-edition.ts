/**
 * A built edition goes into another store and comes in force there: upload > verify > head.
 *
 * Before the head moves, every record of the export is asked of what the store hands out, through the
 * matcher that ships. Without the export every page is proved by its hash instead: the same bytes, asked
 * when they were built, answer the same; but nobody has seen this store answer.
 */

import { copyEdition } from '../publish/copy-edition.ts';
import { heartbeat, publishEdition, readHead } from '../publish/head.ts';
import type { ObjectStore } from '../publish/object-store.ts';
import { provePages } from '../publish/prove-pages.ts';
import type { ReadableStore } from '../publish/read-object.ts';
import type { Manifest } from '../src/format/manifest.ts';
import { equalBytes, toHex } from '../src/format/names.ts';
import { verifyKeys } from '../src/format/signature.ts';
import type { OpenEdition } from './edition/open-edition.ts';
import { passStoreGates, type StoreGates } from './gates/store-gates.ts';
import type { KeyFile } from './key-file/key-file.ts';
import { headSignerOf } from './keys/head-signer.ts';
import { type KeysOf, publicKeysText } from './keys/keys.ts';
import type { Progress } from './progress.ts';
import type { Replayed } from './replay/replay-gate.ts';
import type { Threads } from './threads/threads.ts';
import { checkVerified, type VerifyResult, verifyEdition } from './verify/verify-edition.ts';

/** Enough to see a filter that lets everything through; the build asked for a million. */
const NON_MEMBERS = 100_000;

export interface PublishEditionOptions {
  /** Where the edition was built. */
  from: ObjectStore;
  to: ObjectStore;
  /** The edition in force in `from`. */
  edition: OpenEdition;
  keys: KeysOf<'edition' | 'head'>;
  /** Canonical keys of the export that it was built from; without them pages are proved by hash. */
  records: KeyFile | undefined;
  /** Holds it against the edition in force there before anything is sent; it is not if absent. */
  gates?: StoreGates | undefined;
  /** Puts it in force even if reports are newer than it. */
  dropsOverlay?: boolean | undefined;
  threads: Threads;
  progress: Progress;
  /** Shorter in tests; see copyEdition(). */
  settleMs?: number;
  signal?: AbortSignal | undefined;
}

/** What was done; its members are part of the tool's interface. */
export interface PublishSummary {
  /** Edition id: 64 hexadecimal digits. */
  edition: string;
  store: string;
  sequence: number;
  /** ISO 8601. */
  asOf: string;
  issuedAt: string;
  /** Whether this very edition was in force there before: then its head was signed again, under its newest permit. */
  wasInForce: boolean;
  /** Distinct pages, those of them that were sent, and those that were damaged in the store. */
  pages: number;
  sentPages: number;
  sentBytes: number;
  mendedPages: number;
  /** Records asked of the store, 0 if only hashes were looked at. None is missing. */
  records: number;
  /** What it was replayed with before anything was sent; absent if there was nothing to replay. */
  replayed?: Replayed | undefined;
  seconds: number;
}

/** Publishes; throws a coded error, and the head of the store stays as it was. */
export async function publishBuiltEdition(options: PublishEditionOptions): Promise<PublishSummary> {
  const { from, to, edition, keys, progress, signal } = options;
  const startedAt = performance.now();
  const { collection, manifestSha256, manifestLength, permit } = edition.head;
  const signer = await headSignerOf(keys);
  const since = await readHead(to, signer.trusted);
  const { gates } = options;
  const replayed =
    since && gates
      ? await passStoreGates({ from, to, edition, inForce: since, keys, gates, signal })
      : undefined;
  let verified: VerifyResult | undefined;
  const copied = await copyEdition({
    ...{ from, to, edition: edition.head, inForce: since, settleMs: options.settleMs, signal },
    editionKeys: await verifyKeys(publicKeysText(keys, 'edition')),
    prove: async (store, manifest) => {
      verified = await prove(store, manifest, options);
    },
    onStep: (step) => progress.start(step),
    onProgress: (done, total) => progress.update(done, total, 'pages'),
  });
  progress.start('head');
  const wasInForce = since !== undefined && equalBytes(since.manifestSha256, manifestSha256);
  const { manifest } = copied;
  const reference = { collection, manifestSha256, manifestLength, manifest, permit };
  // The permit goes from head to head; a newer one than that in force there has to be brought.
  const isPermitted = wasInForce && since.permittedAt >= edition.head.permittedAt;
  const head = isPermitted
    ? await heartbeat(to, signer)
    : await publishEdition(to, signer, reference, { since, dropsOverlay: options.dropsOverlay });
  progress.finish();
  const { pages, sentPages, sentBytes, mendedPages } = copied;
  return {
    ...{ edition: toHex(manifestSha256), store: to.location, sequence: head.sequence },
    asOf: new Date(head.asOf).toISOString(),
    issuedAt: new Date(head.issuedAt).toISOString(),
    ...{ wasInForce, pages, sentPages, sentBytes, mendedPages },
    records: verified?.asked ?? 0,
    ...(replayed ? { replayed } : {}),
    seconds: Number(((performance.now() - startedAt) / 1000).toFixed(3)),
  };
}

async function prove(
  store: ReadableStore,
  manifest: Manifest,
  { edition, records, threads, progress, signal }: PublishEditionOptions,
): Promise<VerifyResult | undefined> {
  if (!records) {
    const total = 2 * manifest.shardCount;
    const onProgress = (done: number) => progress.update(done, total, 'pages');
    await provePages(store, manifest, { onProgress, signal });
    return undefined;
  }
  const verified = await verifyEdition({
    ...{ store, manifest, keyFile: records, threads, signal },
    ...{ epochKey: edition.epochKey, nonMemberCount: NON_MEMBERS },
    onProgress: (done, total) => progress.update(done, total, 'documents'),
  });
  checkVerified(verified, records.keyCount);
  return verified;
}
