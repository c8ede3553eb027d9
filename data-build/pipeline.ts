/**
 * The nightly path: export > canonical keys > digests by state > pages > manifest > verified > head.
 *
 * The steps in order; each is one file. Everything before the head only adds objects under new names,
 * so a build that ends anywhere, by error, Ctrl-C or kill -9, leaves the old edition in force, whole.
 * The same export under the same keys gives the same bytes (promise 3): times stand in the head alone.
 */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DirectoryStore } from '../publish/directory-store.ts';
import { publishEdition, readHead } from '../publish/head.ts';
import { readObject } from '../publish/read-object.ts';
import { epochKeyId } from '../src/document/digest.ts';
import type { StateCode } from '../src/document/issuing-state.ts';
import { assert, SltdError } from '../src/errors.ts';
import { encodeManifest, openManifest } from '../src/format/manifest.ts';
import { toHex } from '../src/format/names.ts';
import { signingKey, signObject, verifyKeys, verifyObject } from '../src/format/signature.ts';
import { type BuiltPages, buildPages } from './build-pages.ts';
import { headSignerOf } from './head-signer.ts';
import { sourceOf } from './import/find-profile.ts';
import { inputsSha256Of } from './import/inputs-digest.ts';
import type { Profile } from './import/profile.ts';
import { type FileSummary, readRows } from './import/read-rows.ts';
import { checkRejects, type NoteCode, type RejectCode, RejectLog } from './import/rejects.ts';
import { RemovedKeys } from './import/removed-keys.ts';
import { type ImportCounts, newCounts } from './import/row-reader.ts';
import { importCsv } from './import-csv.ts';
import { KeyEncoder } from './key-encoder.ts';
import { type KeyFile, KeyFileWriter } from './key-file.ts';
import { epochKeyOf, type KeysFile, publicKeyText } from './keys.ts';
import { partitionKeys } from './partition.ts';
import { Progress, type StepTime } from './progress.ts';
import { openTempDir } from './temp-dir.ts';
import { Threads, threadCountFor } from './threads.ts';
import { checkVerified, type VerifyResult, verifyEdition } from './verify-edition.ts';

const NON_MEMBERS = 1_000_000;

export interface BuildOptions {
  profile: Profile;
  files: readonly string[];
  keys: KeysFile;
  /** The edition directory; made if absent. */
  outDir: string;
  collection: string;
  /** Up to when the export is complete, in milliseconds; if absent, the newest report in it. */
  asOf?: number | undefined;
  bitsPerKey: number;
  keysPerShard: number;
  /** Bits that a key sets in the filter, 1 to 16. */
  probes: number;
  rejectsPath?: string | undefined;
  rejectsMaxPercent?: number | undefined;
  tempRoot?: string | undefined;
  /** Documents not listed that are asked at the end, to measure the filter; a million by default. */
  nonMemberCount?: number;
  /** Threads that build; one a core if not told, and one for a small export. */
  threadCount?: number | undefined;
  progress?: Progress;
  signal?: AbortSignal | undefined;
}

/** What a build did, for the summary and the report. */
export interface BuildSummary {
  /** Name of the manifest: 64 hexadecimal digits. */
  edition: string;
  collection: string;
  profile: string;
  sequence: number;
  asOf: number;
  issuedAt: number;
  files: FileSummary[];
  rows: number;
  accepted: number;
  rejected: number;
  rejects: Map<RejectCode, number>;
  notes: Map<NoteCode, number>;
  /** Keys of the accepted rows: one a class and a number; equal ones each time. */
  keys: number;
  withdrawn: number;
  /** Distinct keys. */
  records: number;
  states: { state: StateCode; records: number; shards: number; bytes: number }[];
  filterBytes: number;
  matchBytes: number;
  reseeds: number;
  /** Shards that needed a second seed. */
  reseededShards: number;
  evictions: number;
  /** Time of the slowest shard, in milliseconds. */
  slowestShardMs: number;
  bitsPerKey: number;
  keysPerShard: number;
  probes: number;
  verified: VerifyResult;
  times: StepTime[];
}

/** Builds, verifies and publishes an edition; throws a coded error and changes nothing else. */
export async function buildEdition(options: BuildOptions): Promise<BuildSummary> {
  const progress = options.progress ?? new Progress(undefined);
  const { keys, signal } = options;
  const epochKey = epochKeyOf(keys);
  const editionKey = await signingKey({ ...keys.edition });
  const headSigner = await headSignerOf(keys);
  const store = new DirectoryStore(options.outDir);
  // An unreadable head is found out now, not after all the work.
  const since = await readHead(store, headSigner.trusted);
  const threads = new Threads(options.threadCount ?? threadCountFor(bytesOf(options.files)));
  const temp = openTempDir(options.tempRoot);
  try {
    progress.start('import');
    const imported = await importRows(options, { tempDir: temp.path, progress, threads });
    const { counts, rejects, keyFile } = imported;
    assert(counts.rows === counts.accepted + rejects.total, 'rows are accepted or rejected');
    checkRejects(rejects, counts.rows, options.rejectsMaxPercent);
    const asOf = options.asOf ?? counts.newestReport;
    if (asOf === 0) {
      throw new SltdError('config-invalid', { detail: 'no date in the export: give --as-of' });
    }

    progress.start('partition');
    const partition = await partitionKeys({
      ...{ keyFile, keysPerShard: options.keysPerShard, epochKey, threads, signal },
      tempDir: temp.path,
      onProgress: (done) => progress.update(done, keyFile.keyCount, 'keys'),
    });

    progress.start('pages');
    await store.prepare();
    const { bitsPerKey, probes } = options;
    const page = { bitsPerKey, probes, epochKeyId: await epochKeyId(epochKey) };
    const built = await buildPages({
      ...{ partition, store, page, threads, signal },
      onProgress: (done) => progress.update(done, keyFile.keyCount, 'keys'),
    });
    partition.remove();

    progress.start('manifest');
    const body = encodeManifest({
      epochKeyId: page.epochKeyId,
      asOf,
      collection: options.collection,
      inputsSha256: await inputsSha256Of(options.profile, imported.files),
      states: built.states.map(({ state, recordCount, shards }) => {
        const coverage = recordCount > 0 ? options.profile.coverage : 'does-not-report';
        return { state, coverage, asOf, recordCount, shardCount: shards.length };
      }),
      shards: built.states.flatMap(({ shards }) => shards),
    });
    const manifestBytes = await signObject(body, editionKey);
    const { sha256: manifestSha256 } = await store.put('manifests', manifestBytes);
    await store.flush();

    progress.start('verify');
    const reference = { sha256: manifestSha256, length: manifestBytes.length };
    const reread = await readObject(store, 'manifests', reference);
    await verifyObject(reread, await verifyKeys(publicKeyText(keys.edition)));
    const verified = await verifyEdition({
      ...{ store, epochKey, keyFile, threads, signal },
      manifest: openManifest(reread),
      nonMemberCount: options.nonMemberCount ?? NON_MEMBERS,
      onProgress: (done, total) => progress.update(done, total, 'documents'),
    });
    checkVerified(verified, keyFile.keyCount);

    progress.start('head');
    signal?.throwIfAborted();
    const { epochKeyId: keyId } = page;
    const edition = { collection: options.collection, manifestSha256, asOf, epochKeyId: keyId };
    const head = await publishEdition(
      store,
      headSigner,
      { ...edition, manifestLength: manifestBytes.length },
      { since },
    );
    progress.finish();
    return {
      ...{ edition: toHex(manifestSha256), sequence: head.sequence, issuedAt: head.issuedAt },
      ...summarize(options, imported, built),
      ...{ asOf, verified, times: progress.times },
    };
  } finally {
    threads.close();
    temp.remove();
  }
}

interface Imported {
  files: FileSummary[];
  counts: ImportCounts;
  rejects: RejectLog;
  keyFile: KeyFile;
  withdrawn: number;
}

type ImportOptions = Pick<BuildOptions, 'profile' | 'files' | 'rejectsPath' | 'signal'>;

interface ImportPlace {
  /** Folder for the key file. */
  tempDir: string;
  progress: Progress;
  threads: Threads;
  /** Bytes of CSV that a thread reads at a time; only tests have a reason to tell. */
  blockBytes?: number;
}

/** The export as a canonical key file in the folder. */
export async function importRows(
  options: ImportOptions,
  { tempDir, progress, threads, blockBytes }: ImportPlace,
): Promise<Imported> {
  const { profile, files, signal } = options;
  const source = sourceOf(profile);
  // A profile that nobody can make again elsewhere is read by this thread.
  const readers = source === undefined ? new Threads(1) : threads;
  const rejects = new RejectLog(options.rejectsPath);
  const counts = newCounts();
  const removed = new RemovedKeys();
  const encoder = new KeyEncoder(removed.byKey);
  const writer = new KeyFileWriter(join(tempDir, 'keys'));
  const now = Date.now();
  const totalBytes = bytesOf(files);
  let isOpen = false;
  try {
    const summaries = await readRows({
      ...{ profile, files, signal, rejects, counts, tempDir, now },
      listed: (index) => encoder.startFile(index),
      removed: (index) => removed.startFile(index),
      scanCsv: async (text) => {
        // Not before, because what difference files take away is known only then.
        if (!isOpen) {
          const input = { profile: source ?? profile, removedBy: removed.byKey, now };
          await Promise.all(readers.all.map((thread) => thread.run('openImport', input)));
          isOpen = true;
        }
        await importCsv(text, {
          ...{ threads: readers, writer, counts, rejects },
          blockBytes,
          signal,
        });
      },
      onProgress: (doneBytes) => {
        writer.append(encoder.take());
        // Rows to come are not known: bytes done stand for them.
        const share = doneBytes > 0 ? totalBytes / doneBytes : 1;
        progress.update(counts.rows, Math.max(counts.rows, counts.rows * share), 'rows');
      },
    });
    writer.append(encoder.take());
    const keyFile = writer.close();
    return { files: summaries, counts, rejects, keyFile, withdrawn: writer.withdrawnCount };
  } finally {
    writer.abandon();
    rejects.close();
  }
}

function summarize(options: BuildOptions, imported: Imported, built: BuiltPages) {
  const { counts, rejects, files, keyFile, withdrawn } = imported;
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
  const shards = built.states.flatMap((state) => state.shards);
  return {
    collection: options.collection,
    profile: options.profile.name,
    ...{ files, keys: keyFile.keyCount, withdrawn },
    ...{ rows: counts.rows, accepted: counts.accepted, notes: counts.notes },
    ...{ rejected: rejects.total, rejects: rejects.counts },
    records: sum(built.states.map(({ recordCount }) => recordCount)),
    states: built.states
      .filter(({ recordCount }) => recordCount > 0)
      .map(({ state, recordCount, shards }) => ({
        ...{ state, records: recordCount, shards: shards.length },
        bytes: sum(shards.map(({ filter, match }) => filter.length + match.length)),
      })),
    filterBytes: sum(shards.map(({ filter }) => filter.length)),
    matchBytes: sum(shards.map(({ match }) => match.length)),
    ...{ reseeds: built.reseeds, reseededShards: built.reseededShards },
    ...{ evictions: built.evictions, slowestShardMs: built.slowestShardMs },
    bitsPerKey: options.bitsPerKey,
    keysPerShard: options.keysPerShard,
    probes: options.probes,
  };
}

/** Bytes of all files together; those that are not there count nothing. */
export function bytesOf(files: readonly string[]): number {
  const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return files.reduce((sum, path) => sum + sizeOf(path), 0);
}
