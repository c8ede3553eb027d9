/**
 * Verification: the written pages are read back and asked, through the matcher that ships.
 *
 * Nothing that the build knows is trusted here but the key file: pages come from the disk, checked
 * against the manifest as a reader checks them. Every document of the export must be a candidate with
 * its category (promise 1); every slot must be a document of the export; documents that are not in it
 * must not be candidates, and the filter must let through as many as theory says. The shards are taken
 * in portions, one a thread, so that memory has a bound and every page is loaded once.
 */

import { type ReadableStore, readObject } from '../../publish/read-object.ts';
import { SltdError } from '../../src/errors.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import type { PageKind } from '../../src/format/page.ts';
import type { KeyFile } from '../key-file/key-file.ts';
import { blockSlices } from '../pages/block-slices.ts';
import { inParallel } from '../pages/build-pages.ts';
import type { BuildJobs } from '../threads/build-jobs.ts';
import type { Thread, Threads } from '../threads/threads.ts';
import type { ReferenceResult } from './reference-check.ts';
import type { AskedPages, PageBytes } from './verify-portion.ts';

/** Pages in memory at a time, over all threads. */
const PORTIONS_BYTES = 1536 * 1024 ** 2;
const ALIGN_BYTES = 64;
const READS_MAX = 8;
/** Shards whose pages go to a thread in one message. */
const SHARDS_AT_A_TIME = 16;

export interface VerifyOptions {
  store: ReadableStore;
  manifest: Manifest;
  epochKey: Uint8Array;
  /** Canonical keys of the export. */
  keyFile: KeyFile;
  /** How many documents that are not listed are asked for as well. */
  nonMemberCount: number;
  threads: Threads;
  /** Pages of a portion; if not told, what 1.5 GiB leaves to each thread. */
  portionBytes?: number;
  onProgress(done: number, total: number): void;
  signal?: AbortSignal | undefined;
}

export interface VerifyResult {
  /** Keys asked; equal ones each time. */
  asked: number;
  /** Keys for which the pages said absent. Must be 0. */
  missing: number;
  /** Keys found with a category that no record of theirs has, or a lower one. Must be 0. */
  wrongCategory: number;
  /** Documents in the pages that no record of the export stands for. Must be 0. */
  strangers: number;
  nonMembers: number;
  /** Of these, how many the filter let through, and how many theory expects. */
  filterMaybe: number;
  filterExpected: number;
  /** Of these, how many the match page took for listed. 2^-32 each is expected. */
  falseCandidates: number;
  /** Pages read back and checked. */
  pages: number;
  pageBytes: number;
}

/** What the pages answer for the whole export; throws a format error for a page that is not right. */
export async function verifyEdition(options: VerifyOptions): Promise<VerifyResult> {
  const { manifest, threads, signal } = options;
  const result: VerifyResult = {
    ...{ asked: 0, missing: 0, wrongCategory: 0, strangers: 0, nonMembers: 0, filterMaybe: 0 },
    ...{ filterExpected: 0, falseCandidates: 0, pages: 0, pageBytes: 0 },
  };
  const portions = portionsOf(manifest, {
    threadCount: threads.all.length,
    portionBytes: options.portionBytes ?? PORTIONS_BYTES / threads.all.length,
  });
  // A portion's pages lie in one thread, which therefore takes one portion at a time.
  const rest = portions[Symbol.iterator]();
  await Promise.all(
    threads.all.map(async (thread) => {
      for (const portion of rest) {
        signal?.throwIfAborted();
        await verifyPortion(thread, portion, options, result);
      }
    }),
  );
  return result;
}

/** The result as an error, if it is one. */
export function checkVerified(
  result: VerifyResult,
  keyCount: number,
  reference?: ReferenceResult,
): void {
  const { asked, missing, wrongCategory, strangers, falseCandidates, nonMembers } = result;
  const problems = [];
  if (asked !== keyCount) problems.push(`${asked} of ${keyCount} keys asked`);
  if (missing > 0) problems.push(`${missing} listed documents absent`);
  if (wrongCategory > 0) problems.push(`${wrongCategory} with a wrong category`);
  if (strangers > 0) problems.push(`${strangers} documents that no record stands for`);
  // At 2^-32 a document, more than 3 in 100 million have a chance below one in a billion.
  if (falseCandidates > 3 + nonMembers / 2 ** 30)
    problems.push(`${falseCandidates} false candidates`);
  if (reference && reference.differs > 0) {
    problems.push(`${reference.differs} on which the matchers differ`);
  }
  if (problems.length > 0) throw new SltdError('verify-failed', { detail: problems.join(', ') });
}

/** Neighboring shard rows of the manifest. */
interface Portion {
  firstRow: number;
  endRow: number;
  filterBytes: number;
  matchBytes: number;
}

const paddedBytes = (length: number): number => Math.ceil(length / ALIGN_BYTES) * ALIGN_BYTES;

/** All rows in portions of about equal size: as many as fit, or as there are threads. */
function portionsOf(
  manifest: Manifest,
  { threadCount, portionBytes }: { threadCount: number; portionBytes: number },
): Portion[] {
  const rows = Array.from({ length: manifest.shardCount }, (_, row) => ({
    filterBytes: paddedBytes(manifest.page('filter', row).length),
    matchBytes: paddedBytes(manifest.page('match', row).length),
  }));
  const totalBytes = rows.reduce((sum, row) => sum + row.filterBytes + row.matchBytes, 0);
  const limit = Math.min(portionBytes, totalBytes / threadCount);
  const portions: Portion[] = [];
  for (const [row, { filterBytes, matchBytes }] of rows.entries()) {
    let portion = portions.at(-1);
    if (!portion || portion.filterBytes + portion.matchBytes >= limit) {
      portion = { firstRow: row, endRow: row, filterBytes: ALIGN_BYTES, matchBytes: ALIGN_BYTES };
      portions.push(portion);
    }
    portion.endRow = row + 1;
    portion.filterBytes += filterBytes;
    portion.matchBytes += matchBytes;
  }
  return portions;
}

async function verifyPortion(
  thread: Thread<BuildJobs>,
  portion: Portion,
  options: VerifyOptions,
  result: VerifyResult,
): Promise<void> {
  const { manifest, keyFile, signal } = options;
  const progress = (): void =>
    options.onProgress(result.asked + result.nonMembers, keyFile.keyCount + options.nonMemberCount);
  const states = [...manifest.states()];
  const { epochKey } = options;
  const { epochKeyId } = manifest;
  await thread.run('openPortion', { ...portion, states, epochKey, epochKeyId });
  const recordCount = await sendPages(thread, portion, options, result);

  const share = recordCount / Math.max(1, manifest.recordCount);
  const others = await thread.run('askOthers', Math.round(options.nonMemberCount * share));
  result.nonMembers += others.asked;
  result.filterMaybe += others.filterMaybe;
  result.filterExpected += others.filterExpected;
  progress();

  const count = (listed: AskedPages): void => {
    result.asked += listed.asked;
    result.missing += listed.missing;
    result.wrongCategory += listed.lowerCategory;
    progress();
  };
  for (const blocks of blockSlices(keyFile.blocks)) {
    signal?.throwIfAborted();
    count(await thread.run('askKeys', { path: keyFile.path, blocks }));
  }

  const closed = await thread.run('closePortion', null);
  count(closed);
  result.wrongCategory += closed.unprovedCategories;
  result.strangers += closed.strangers;
  result.falseCandidates += closed.falseCandidates;
  result.nonMembers -= closed.listedOthers;
  result.filterMaybe -= closed.listedOthers;
}

/** Reads the pages of the portion and hands them to its thread; how many records they have. */
async function sendPages(
  thread: Thread<BuildJobs>,
  { firstRow, endRow }: Portion,
  { store, manifest, signal }: VerifyOptions,
  result: VerifyResult,
): Promise<number> {
  const read = async (kind: PageKind, row: number): Promise<PageBytes> => {
    const reference = manifest.page(kind, row);
    const bytes = ownBytes(await readObject(store, 'pages', reference));
    result.pages++;
    result.pageBytes += bytes.length;
    return { kind, row, bytes, xxh64: reference.xxh64 };
  };
  let recordCount = 0;
  for (let row = firstRow; row < endRow; row += SHARDS_AT_A_TIME) {
    signal?.throwIfAborted();
    const rows = Array.from(
      { length: Math.min(SHARDS_AT_A_TIME, endRow - row) },
      (_, i) => row + i,
    );
    const pages: PageBytes[] = [];
    await inParallel(READS_MAX, rows, async (at) => {
      pages.push(await read('filter', at), await read('match', at));
    });
    const buffers = pages.map(({ bytes }) => bytes.buffer as ArrayBuffer);
    recordCount += await thread.run('addPages', pages, buffers);
  }
  return recordCount;
}

/** Bytes whose buffer holds nothing else, so that it can move to another thread. */
const ownBytes = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
