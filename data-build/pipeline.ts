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
import { ISSUING_STATES, type StateCode } from '../src/document/issuing-state.ts';
import { assert, SltdError } from '../src/errors.ts';
import { encodeManifest, openManifest } from '../src/format/manifest.ts';
import { toHex } from '../src/format/names.ts';
import { signingKey, signObject, verifyKeys, verifyObject } from '../src/format/signature.ts';
import { PageBuilder } from '../src/matcher/page-builder.ts';
import { WasmMatcher } from '../src/matcher/wasm-matcher.ts';
import { type BuiltPages, buildPages } from './build-pages.ts';
import { headSignerOf } from './head-signer.ts';
import { inputsSha256Of } from './import/inputs-digest.ts';
import type { Profile } from './import/profile.ts';
import { type FileSummary, readRows } from './import/read-rows.ts';
import { checkRejects, type NoteCode, type RejectCode, RejectLog } from './import/rejects.ts';
import { RemovedKeys } from './import/removed-keys.ts';
import { type ImportCounts, newCounts } from './import/row-reader.ts';
import { KeyFileWriter } from './key-file.ts';
import { epochKeyOf, type KeysFile, publicKeyText } from './keys.ts';
import { readMatcherModule } from './matcher-module.ts';
import { Partition } from './partition.ts';
import { Progress, type StepTime } from './progress.ts';
import { openTempDir } from './temp-dir.ts';
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
  evictions: number;
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
  const module = readMatcherModule();
  const editionKey = await signingKey({ ...keys.edition });
  const headSigner = await headSignerOf(keys);
  const store = new DirectoryStore(options.outDir);
  // An unreadable head is found out now, not after all the work.
  const since = await readHead(store, headSigner.trusted);
  const temp = openTempDir(options.tempRoot);
  try {
    progress.start('import');
    const keyFile = join(temp.path, 'keys');
    const imported = await importRows(options, { keyFile, tempDir: temp.path, progress });
    const { counts, rejects } = imported;
    assert(counts.rows === counts.accepted + rejects.total, 'rows are accepted or rejected');
    checkRejects(rejects, counts.rows, options.rejectsMaxPercent);
    const asOf = options.asOf ?? counts.newestReport;
    if (asOf === 0) {
      throw new SltdError('config-invalid', { detail: 'no date in the export: give --as-of' });
    }

    progress.start('partition');
    const partition = new Partition({
      path: join(temp.path, 'digests'),
      keyCounts: keyCountsOfAllStates(imported.keyCounts),
      keysPerShard: options.keysPerShard,
    });
    await partition.fill({
      ...{ keyFile, epochKey, signal, matcher: new WasmMatcher(module) },
      onProgress: (done) => progress.update(done, imported.keys, 'keys'),
    });

    progress.start('pages');
    await store.prepare();
    const { bitsPerKey, probes } = options;
    const page = { bitsPerKey, probes, epochKeyId: await epochKeyId(epochKey) };
    const built = await buildPages({
      ...{ partition, store, page, signal, builder: new PageBuilder(module) },
      onProgress: (done) => progress.update(done, imported.keys, 'keys'),
    });

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
      ...{ store, module, epochKey, keyFile, keyCount: imported.keys, signal },
      manifest: openManifest(reread),
      nonMemberCount: options.nonMemberCount ?? NON_MEMBERS,
      onProgress: (done, total) => progress.update(done, total, 'documents'),
    });
    checkVerified(verified, imported.keys);

    progress.start('head');
    signal?.throwIfAborted();
    const edition = { collection: options.collection, manifestSha256, asOf };
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
    temp.remove();
  }
}

interface Imported {
  files: FileSummary[];
  counts: ImportCounts;
  rejects: RejectLog;
  /** Keys in the key file. */
  keys: number;
  withdrawn: number;
  keyCounts: ReadonlyMap<StateCode, number>;
}

type ImportOptions = Pick<BuildOptions, 'profile' | 'files' | 'rejectsPath' | 'signal'>;

/** The export as a canonical key file. */
export async function importRows(
  options: ImportOptions,
  { keyFile, tempDir, progress }: { keyFile: string; tempDir: string; progress: Progress },
): Promise<Imported> {
  const rejects = new RejectLog(options.rejectsPath);
  const counts = newCounts();
  const removed = new RemovedKeys();
  const writer = new KeyFileWriter(keyFile, removed.byKey);
  const totalBytes = options.files.reduce((sum, path) => sum + sizeOf(path), 0);
  try {
    const files = await readRows({
      ...{ profile: options.profile, files: options.files, signal: options.signal },
      ...{ rejects, counts, tempDir, now: Date.now() },
      listed: (index) => writer.startFile(index),
      removed: (index) => removed.startFile(index),
      onProgress: (doneBytes) => {
        // Rows to come are not known: bytes done stand for them.
        const share = doneBytes > 0 ? totalBytes / doneBytes : 1;
        progress.update(counts.rows, Math.max(counts.rows, counts.rows * share), 'rows');
      },
    });
    const keyCounts = writer.close();
    const { keyCount, withdrawnCount } = writer;
    return { files, counts, rejects, keyCounts, keys: keyCount, withdrawn: withdrawnCount };
  } finally {
    writer.abandon();
    rejects.close();
  }
}

/** A row for every state of Doc 9303-3, with or without keys, ascending by code. */
function keyCountsOfAllStates(
  counts: ReadonlyMap<StateCode, number>,
): (readonly [StateCode, number])[] {
  const codes = [...new Set(ISSUING_STATES.map(({ code }) => code))];
  return codes.sort(byCode).map((code) => [code, counts.get(code) ?? 0] as const);
}

const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function summarize(options: BuildOptions, imported: Imported, built: BuiltPages) {
  const { counts, rejects, files, keys, withdrawn } = imported;
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
  const shards = built.states.flatMap((state) => state.shards);
  return {
    collection: options.collection,
    profile: options.profile.name,
    ...{ files, keys, withdrawn },
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
    ...{ reseeds: built.reseeds, evictions: built.evictions },
    bitsPerKey: options.bitsPerKey,
    keysPerShard: options.keysPerShard,
    probes: options.probes,
  };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
