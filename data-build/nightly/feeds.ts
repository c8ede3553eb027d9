/**
 * Each feed by itself: is it good, and if not, what was the last good one?
 *
 * Where several states deliver, one bad file must not keep the news of the others back, and must not empty
 * its own state either. So each feed passes the import and the gates alone, against its own last accepted
 * delivery, which is kept; where it fails, that delivery is taken once more and the state is `partial`, as
 * of then. For how many days is a setting; a feed that never was good stops the night. One that delivers the
 * same bytes for too long makes its state `partial` as well, for an exporter that hangs looks like a state
 * without news; but what it delivers is whole, so it stops nobody.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { type ErrorCode, SltdError } from '../../src/errors.ts';
import { toHex } from '../../src/format/names.ts';
import { readColumns } from '../gates/columns.ts';
import { checkGates, type Refusal } from '../gates/gates.ts';
import type { ListShape } from '../gates/list-shape.ts';
import { replayed } from '../gates/was-replaced.ts';
import { inputsSha256Of } from '../import/inputs-digest.ts';
import { checkRejects } from '../import/rejects.ts';
import { bytesOf } from '../import/read-export.ts';
import { importRows } from '../key-file/import-rows.ts';
import type { KeyFile } from '../key-file/key-file.ts';
import { STATE_ORDER } from '../key-file/state-order.ts';
import { Progress } from '../progress.ts';
import { openTempDir } from '../temp-dir.ts';
import { buildThreads } from '../threads/build-threads.ts';
import { threadCountFor } from '../threads/threads.ts';
import type { KeysOf } from '../keys/keys.ts';
import type { Feed, NightlyConfig } from './config.ts';
import {
  DAY_MS,
  inboxOf,
  isGoneBack,
  keepDelivery,
  mendFolder,
  readLastGood,
  readRecord,
  readTrusted,
  sameSince,
  wasDelivered,
  withKnownTimes,
} from './feed-record.ts';
import { endFeedRelease, passFeedGates } from './feed-release.ts';
import { type FetchedFile, fetchFeed } from './fetch.ts';
import { markGoneBack } from './gone-back.ts';

/** What stands for a feed in this night's edition. */
export interface ChosenFeed {
  feed: Feed;
  files: readonly FetchedFile[];
  /** Undefined for the only feed of a job, which the gates of the edition look at. */
  shape: ListShape | undefined;
  /** Since when its bytes are the same, in milliseconds since 1970; undefined if they are new. */
  sameSince?: number | undefined;
  /** Why its states are partial: the last good delivery stands for it, or what it delivers is that. */
  lastGood:
    | {
        code: ErrorCode;
        details: string[];
        states: readonly StateCode[];
        /** Whether it failed, and the files are those that were kept. */
        isKept: boolean;
      }
    | undefined;
}

/** Fetches every feed and decides what stands for it; throws what stops the night. */
export async function chooseFeeds(
  config: NightlyConfig,
  keys: KeysOf<'edition' | 'head'>,
  signal: AbortSignal,
): Promise<ChosenFeed[]> {
  rmSync(join(config.stateDir, 'inbox'), { recursive: true, force: true });
  for (const feed of config.feeds) mendFolder(config, feed);
  // Of one feed alone the gates of the edition know what was gone back from.
  if (config.feeds.length > 1) await markGoneBack(config, keys);
  const chosen: ChosenFeed[] = [];
  for (const feed of config.feeds) {
    chosen.push(await choose({ config, feed, signal }));
  }
  return chosen;
}

interface FeedNight {
  config: NightlyConfig;
  feed: Feed;
  signal: AbortSignal;
}

async function choose(night: FeedNight): Promise<ChosenFeed> {
  const { config, feed, signal } = night;
  const inbox = inboxOf(config, feed);
  const isAlone = config.feeds.length === 1;
  try {
    const record = readRecord(config, feed);
    const files = withKnownTimes(record, await fetchFeed(feed, inbox, signal));
    const since = sameSince(record, files);
    if (isAlone) return { feed, files, shape: undefined, sameSince: since, lastGood: undefined };
    const shape = await examine(night, files);
    const before = readTrusted(config, feed)?.record.shape;
    const unlike = before ? checkGates({ before, now: shape, limits: config.limits }).refusals : [];
    passFeedGates(placeOf(config, feed), {
      inputsSha256: shape.inputsSha256,
      comparedWith: before?.inputsSha256 ?? '',
      refusals: [...refuseReplayed(night, files), ...unlike],
    });
    const fault = unchanged(feed, since);
    const lastGood = fault && { ...fault, states: statesWith(feed, shape), isKept: false };
    return { feed, files, shape, sameSince: since, lastGood };
  } catch (error) {
    const mayStepIn = error instanceof SltdError && /^(input-|gate-)/.test(error.code);
    const kept = mayStepIn && !isAlone ? await readLastGood(config, feed) : undefined;
    if (!mayStepIn || !kept) throw ofFeed(error, feed, isAlone);
    const details = [error.detail ?? error.message];
    const states = statesWith(feed, kept.shape);
    return { feed, ...kept, lastGood: { code: error.code, details, states, isKept: true } };
  }
}

/** Of those without a record too: their first reports may be in what is missing. */
const statesWith = ({ states = [] }: Feed, shape: ListShape): StateCode[] => [
  ...states,
  ...(Object.keys(shape.states) as StateCode[]),
];

/** The same error, with the feed's name. */
function ofFeed(error: unknown, { name }: Feed, isAlone: boolean): unknown {
  if (isAlone || !(error instanceof SltdError)) return error;
  const detail = `feed ${name}${error.detail === undefined ? '' : `: ${error.detail}`}`;
  return new SltdError(error.code, { detail, cause: error });
}

/** Imports a delivery; throws the code that refuses it. */
async function examine(
  { config, feed, signal }: FeedNight,
  files: readonly FetchedFile[],
): Promise<ListShape> {
  const { profile } = config;
  const paths = files.map(({ path }) => path);
  const temp = openTempDir(config.build.temp);
  const threads = buildThreads(threadCountFor(bytesOf(paths)));
  try {
    const options = { profile, files: paths, rejectsPath: undefined, signal };
    const imported = await importRows(options, {
      ...{ tempDir: temp.path, threads, progress: new Progress(undefined) },
    });
    const { counts, rejects, keyFile } = imported;
    checkRejects(rejects, counts.rows, config.build['rejects-max-percent']);
    const states = statesOf(keyFile);
    const foreign = Object.keys(states).filter((code) => !feed.states?.includes(code as StateCode));
    if (foreign.length > 0) {
      const detail = `records of states that are not the feed's: ${foreign.join(', ')}`;
      throw new SltdError('input-schema', { detail });
    }
    return {
      // Without a date in it, it is as old as its files: what another feed has says nothing of it.
      asOf: (config.asOf === 'modified' ? 0 : counts.newestReport) || oldest(files),
      inputsSha256: toHex(await inputsSha256Of(profile, files)),
      states,
      input: {
        ...{ keys: keyFile.keyCount, fileBytes: imported.files.map(({ sizeBytes }) => sizeBytes) },
        columns: await readColumns({ files: paths, profile, tempDir: temp.path }),
      },
    };
  } finally {
    threads.close();
    temp.remove();
  }
}

/** Keys of each state that has any. */
function statesOf({ keyCounts }: KeyFile): Record<string, number> {
  const counts = STATE_ORDER.map((code, index) => [code, keyCounts[index]!] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** Up to when all of a delivery's files are complete at least. */
export const oldest = (files: readonly FetchedFile[]): number =>
  Math.min(...files.map(({ modifiedAt }) => modifiedAt));

/** What is wrong with a feed that has been delivering the same bytes for longer than it may. */
export function unchanged(
  { unchangedDays }: Feed,
  since: number | undefined,
): { code: ErrorCode; details: string[] } | undefined {
  if (since === undefined || Date.now() - since <= unchangedDays * DAY_MS) return undefined;
  return { code: 'input-unchanged', details: [`the same since ${new Date(since).toISOString()}`] };
}

/** What was in force and was replaced, or gone back from, is no news: not even under a fresh time. */
function refuseReplayed({ config, feed }: FeedNight, files: readonly FetchedFile[]): Refusal[] {
  const record = readRecord(config, feed);
  // The very bytes in force may have been in force before as well, if a person let them in again.
  if (!record || sameSince(record, files) !== undefined) return [];
  const isBack = isGoneBack(record, files);
  if (!isBack && !wasDelivered(record, files)) return [];
  const what = isBack ? 'somebody went back from them' : 'others took their place';
  return replayed(`these very files were in force before, and ${what}`);
}

/** Keeps what `edition`, now in force, was built from; of a feed that failed, the delivery that is kept stays. */
export function keepDelivered(
  config: NightlyConfig,
  chosen: readonly ChosenFeed[],
  edition: string,
): void {
  for (const each of chosen) {
    const { feed, shape, lastGood } = each;
    if (lastGood?.isKept) continue;
    if (shape) endFeedRelease(placeOf(config, feed), shape.inputsSha256, inboxOf(config, feed));
    keepDelivery(config, each, edition);
  }
}

const placeOf = ({ stateDir }: NightlyConfig, { name }: Feed) => ({ stateDir, name });
