/**
 * The nightly path: export > canonical keys > digests by state > pages > manifest > verified > gates
 * > head.
 *
 * The steps in order; each is one file. Everything before the head only adds objects under new names,
 * so a build that ends anywhere, by error, Ctrl-C or kill -9, leaves the old edition in force, whole.
 * The same export under the same keys gives the same bytes (promise 3): times of the build stand in the
 * head alone.
 */

import { rmSync } from 'node:fs';
import { awaitCollectors } from '../publish/collectors.ts';
import { DirectoryStore } from '../publish/directory-store.ts';
import { publishEdition, readHead } from '../publish/head.ts';
import { permittingBy } from '../publish/permit.ts';
import { readObject } from '../publish/read-object.ts';
import { epochKeyId } from '../src/document/digest.ts';
import type { StateCode } from '../src/document/issuing-state.ts';
import { assert, SltdError } from '../src/errors.ts';
import { FORMAT_VERSION } from '../src/format/layout.ts';
import { encodeManifest, openManifest } from '../src/format/manifest.ts';
import { toHex } from '../src/format/names.ts';
import type { Restriction } from '../src/format/restrictions.ts';
import { signingKey, signObject, verifyKeys, verifyObject } from '../src/format/signature.ts';
import { readColumns } from './gates/columns.ts';
import { DEFAULT_LIMITS, type GateLimits } from './gates/limits.ts';
import { type GateReport, passGates } from './gates/pass-gates.ts';
import { inputsSha256Of } from './import/inputs-digest.ts';
import type { Profile } from './import/profile.ts';
import type { FileSummary } from './import/read-rows.ts';
import { checkRejects, type NoteCode, type RejectCode } from './import/rejects.ts';
import { bytesOf } from './import/read-export.ts';
import { type Imported, importRows } from './key-file/import-rows.ts';
import { digestsOf } from './key-file/input-digests.ts';
import { headSignerOf } from './keys/head-signer.ts';
import { epochKeyOf, type KeysOf, publicKeysText } from './keys/keys.ts';
import { type BuiltPages, buildPages } from './pages/build-pages.ts';
import type { PageSizes } from './pages/page-sizes.ts';
import { partitionKeys } from './pages/partition.ts';
import { Progress, type StepTime } from './progress.ts';
import type { OperationLog } from './replay/replay-gate.ts';
import { openSteps, passingSteps } from './steps.ts';
import { openTempDir } from './temp-dir.ts';
import { buildThreads } from './threads/build-threads.ts';
import { threadCountFor } from './threads/threads.ts';
import { checkVerified, type VerifyResult, verifyEdition } from './verify/verify-edition.ts';

const NON_MEMBERS = 1_000_000;

export interface BuildOptions extends PageSizes {
  profile: Profile;
  files: readonly string[];
  keys: KeysOf<'epochKey' | 'edition' | 'head'>;
  /** The edition directory; made if absent. */
  outDir: string;
  collection: string;
  /** Up to when the export is complete, in milliseconds; if absent, the newest report in it. */
  asOf?: number | undefined;
  /** How long the edition may stay in force, in days; 7 by default. */
  permitDays?: number | undefined;
  rejectsPath?: string | undefined;
  rejectsMaxPercent?: number | undefined;
  tempRoot?: string | undefined;
  /** Folder in which finished steps outlast a kill; nothing is kept if absent. */
  workDir?: string | undefined;
  /** States whose lists have a time of their own; all others are as of the edition. */
  stateTimes?: ReadonlyMap<StateCode, StateTime> | undefined;
  /** Who sees nothing of whose records, in order; nobody is restricted if absent. */
  restrictions?: readonly Restriction[] | undefined;
  /** How unlike the edition in force the new one may be; the defaults if not told. */
  limits?: GateLimits | undefined;
  /** Central's log since the edition in force: it and they must make the new one. */
  log?: OperationLog | undefined;
  /** Documents not listed that are asked at the end, to measure the filter; a million by default. */
  nonMemberCount?: number;
  /** Threads that build; one a core if not told, and one for a small export. */
  threadCount?: number | undefined;
  progress?: Progress;
  signal?: AbortSignal | undefined;
}

/** Up to when a state's list is complete. */
export interface StateTime {
  /** In milliseconds since 1970. */
  asOf: number;
  /** Whether only older data could be had. */
  isPartial: boolean;
}

/** What a build did, for the summary and the report. */
export interface BuildSummary extends PageSizes {
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
  /** Processor time of the slowest shard, in milliseconds. */
  slowestShardMs: number;
  /** Pairs of a state and another that sees nothing of its records. */
  restrictions: number;
  verified: VerifyResult;
  /** What it was compared with before the head moved. */
  gates: GateReport;
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
  const { workDir, profile, files } = options;
  const steps = workDir ? openSteps(workDir) : passingSteps(openTempDir(options.tempRoot));
  const tempDir = steps.path;
  const threads = buildThreads(options.threadCount ?? threadCountFor(bytesOf(files)));
  let isDone = false;
  try {
    const importKey = (digests: readonly string[]): string =>
      JSON.stringify([digests, profile, options.rejectsPath]);
    const imported = await steps.once(
      'import',
      {
        ofInputs: async () => importKey(await digestsOf(files, progress, signal)),
        ofResult: (value) => importKey(value.files.map(({ sha256 }) => toHex(sha256))),
      },
      () => {
        progress.start('import');
        return importRows(options, { tempDir, progress, threads });
      },
      ({ keyFile }) => [keyFile.path],
    );
    const { counts, rejects, keyFile } = imported;
    assert(counts.rows === counts.accepted + rejects.total, 'rows are accepted or rejected');
    checkRejects(rejects, counts.rows, options.rejectsMaxPercent);
    const asOf = options.asOf ?? counts.newestReport;
    if (asOf === 0) {
      throw new SltdError('config-invalid', { detail: 'no date in the export: give --as-of' });
    }

    progress.start('partition');
    const { keysPerShard, bitsPerKey, probes } = options;
    const page = { bitsPerKey, probes, epochKeyId: await epochKeyId(epochKey) };
    const onProgress = (done: number) => progress.update(done, keyFile.keyCount, 'keys');
    const shared = { threads, onProgress, signal };
    const partition = await steps.once(
      'partition',
      `${FORMAT_VERSION} ${toHex(page.epochKeyId)} ${keysPerShard}`,
      () => partitionKeys({ ...shared, keyFile, keysPerShard, epochKey, tempDir }),
      (value) => value.files,
    );

    progress.start('pages');
    await store.prepare();
    const built = await steps.once(
      'pages',
      JSON.stringify([store.location, bitsPerKey, probes]),
      () => buildPages({ ...shared, partition, store, page }),
      () => [],
    );
    // With a work directory they stay until all is done: pages that went away are made again of them.
    if (!steps.isKept) for (const path of partition.files) rmSync(path);

    progress.start('manifest');
    const inputsSha256 = await inputsSha256Of(options.profile, imported.files);
    const body = encodeManifest({
      epochKeyId: page.epochKeyId,
      asOf,
      collection: options.collection,
      inputsSha256,
      states: built.states.map(({ state, recordCount, shards }) => {
        const facts = { state, recordCount, shardCount: shards.length };
        const own = options.stateTimes?.get(state);
        const ofList = recordCount > 0 ? options.profile.coverage : 'does-not-report';
        const coverage = own?.isPartial ? 'partial' : ofList;
        return { ...facts, coverage, asOf: Math.min(asOf, own?.asOf ?? asOf) };
      }),
      shards: built.states.flatMap(({ shards }) => shards),
      restrictions: options.restrictions ?? [],
    });
    const manifestBytes = await signObject(body, editionKey);
    // Young from now on, and its pages with it: they may be those of a build that was killed days ago.
    const { sha256: manifestSha256 } = await store.put('manifests', manifestBytes, {
      overwrite: true,
    });
    await store.flush();
    await awaitCollectors(store, { signal });

    progress.start('verify');
    const written = { sha256: manifestSha256, length: manifestBytes.length };
    const reread = await readObject(store, 'manifests', written);
    await verifyObject(reread, await verifyKeys(publicKeysText(keys, 'edition')));
    const manifest = openManifest(reread);
    let verified: VerifyResult;
    try {
      verified = await verifyEdition({
        ...{ store, manifest, epochKey, keyFile, threads, signal },
        nonMemberCount: options.nonMemberCount ?? NON_MEMBERS,
        onProgress: (done, total) => progress.update(done, total, 'documents'),
      });
      checkVerified(verified, keyFile.keyCount);
    } catch (error) {
      // Pages that are gone or damaged are made again by the next build in the work directory; if they
      // are whole and wrong, whatever they were made of is in doubt.
      const isWrong = error instanceof SltdError && error.code === 'verify-failed';
      if (!signal?.aborted) steps.forget(isWrong ? 'import' : 'pages');
      throw error;
    }

    progress.start('gates');
    const { collection, log } = options;
    const gates = await passGates({
      ...{ directory: store, keys, collection, limits: options.limits ?? DEFAULT_LIMITS },
      ...{ edition: toHex(manifestSha256), manifestSha256, manifestLength: manifestBytes.length },
      ...{ manifest, epochKey, log, signal },
      shape: {
        ...{ asOf, inputsSha256: toHex(inputsSha256), restrictions: options.restrictions ?? [] },
        states: Object.fromEntries(
          built.states.flatMap(({ state, recordCount }) =>
            recordCount > 0 ? [[state, recordCount]] : [],
          ),
        ),
        input: {
          keys: keyFile.keyCount,
          fileBytes: imported.files.map(({ sizeBytes }) => sizeBytes),
          columns: await readColumns({ files, profile, tempDir }),
        },
      },
    });

    progress.start('head');
    signal?.throwIfAborted();
    const edition = {
      ...{ collection: options.collection, manifestSha256 },
      manifestLength: manifestBytes.length,
    };
    const permit = permittingBy(editionKey, edition, options.permitDays);
    const reference = { ...edition, manifest, permit };
    const head = await publishEdition(store, headSigner, reference, { since });
    progress.finish();
    isDone = true;
    return {
      ...{ edition: toHex(manifestSha256), sequence: head.sequence, issuedAt: head.issuedAt },
      ...summarize(options, imported, built),
      ...{ asOf, verified, gates, times: progress.times },
    };
  } finally {
    threads.close();
    steps.close(isDone);
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
    restrictions: options.restrictions?.length ?? 0,
  };
}
