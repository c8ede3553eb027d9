/**
 * Each feed by itself: is it good, and if not, what was the last good one?
 *
 * Where several states deliver, one bad file must not keep the news of the others back, and must not empty
 * its own state either. So each feed passes the import and the gates alone, against its own last accepted
 * delivery, which is kept; where it fails, that delivery is taken once more and the state is `partial`, as
 * of then. For how many days is a setting; a feed that never was good stops the night.
 */

import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as v from 'valibot';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { SltdError } from '../../src/errors.ts';
import { toHex } from '../../src/format/names.ts';
import { inputSchema } from '../gates/build-record.ts';
import { readColumns } from '../gates/columns.ts';
import { checkGates, refusalText } from '../gates/gates.ts';
import type { ListShape } from '../gates/list-shape.ts';
import { writeJson } from '../gates/write-json.ts';
import { inputsSha256Of } from '../import/inputs-digest.ts';
import { checkRejects } from '../import/rejects.ts';
import { bytesOf, importRows } from '../key-file/import-rows.ts';
import type { KeyFile } from '../key-file/key-file.ts';
import { STATE_ORDER } from '../key-file/state-order.ts';
import { Progress } from '../progress.ts';
import { openTempDir } from '../temp-dir.ts';
import { Threads, threadCountFor } from '../threads/threads.ts';
import type { Feed, NightlyConfig } from './config.ts';
import { type FetchedFile, fetchFeed } from './fetch.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Hidden, so that no delivered file bears its name. */
const RECORD = '.feed.json';

const recordSchema = v.object({
  /** When it came in force, in milliseconds since 1970. */
  acceptedAt: v.number(),
  files: v.array(v.object({ name: v.string(), sha256: v.string(), modifiedAt: v.number() })),
  shape: v.object({
    asOf: v.number(),
    inputsSha256: v.string(),
    states: v.record(v.string(), v.number()),
    input: inputSchema,
  }),
});

type FeedRecord = v.InferOutput<typeof recordSchema>;

/** What stands for a feed in this night's edition. */
export interface ChosenFeed {
  feed: Feed;
  files: readonly FetchedFile[];
  /** Undefined for the only feed of a job, which the gates of the edition look at. */
  shape: ListShape | undefined;
  /** Why the last good delivery is taken in the place of the new one. */
  instead:
    | { code: string; details: string[]; asOf: number; states: readonly StateCode[] }
    | undefined;
}

/** Fetches every feed and decides what stands for it; throws what stops the night. */
export async function chooseFeeds(
  config: NightlyConfig,
  signal: AbortSignal,
): Promise<ChosenFeed[]> {
  rmSync(join(config.stateDir, 'inbox'), { recursive: true, force: true });
  for (const feed of config.feeds) mendFolder(folderOf(config, feed));
  const chosen: ChosenFeed[] = [];
  for (const feed of config.feeds) chosen.push(await choose(config, feed, signal));
  return chosen;
}

async function choose(config: NightlyConfig, feed: Feed, signal: AbortSignal): Promise<ChosenFeed> {
  const inbox = join(config.stateDir, 'inbox', feed.name);
  const isAlone = config.feeds.length === 1;
  try {
    const files = await fetchFeed(feed, inbox, signal);
    const shape = isAlone ? undefined : await examine(config, feed, files, signal);
    return { feed, files, shape, instead: undefined };
  } catch (error) {
    const mayStepIn = error instanceof SltdError && /^(input-|gate-)/.test(error.code);
    const lastGood = mayStepIn && !isAlone ? await readLastGood(config, feed) : undefined;
    if (!mayStepIn || !lastGood) throw ofFeed(error, feed, isAlone);
    const { record, files } = lastGood;
    // Of those without a record too: their first reports may be in the delivery that failed.
    const delivered = Object.keys(record.shape.states) as StateCode[];
    const states = [...(feed.states ?? []), ...delivered];
    const details = [error.detail ?? error.message];
    const instead = { code: error.code, details, asOf: record.shape.asOf, states };
    return { feed, files, shape: record.shape, instead };
  }
}

/** The same error, with the feed's name. */
function ofFeed(error: unknown, { name }: Feed, isAlone: boolean): unknown {
  if (isAlone || !(error instanceof SltdError)) return error;
  const detail = `feed ${name}${error.detail === undefined ? '' : `: ${error.detail}`}`;
  return new SltdError(error.code, { detail, cause: error });
}

/** Imports a delivery and asks the gates; throws the code that refuses it. */
async function examine(
  config: NightlyConfig,
  feed: Feed,
  files: readonly FetchedFile[],
  signal: AbortSignal,
): Promise<ListShape> {
  const { profile } = config;
  const paths = files.map(({ path }) => path);
  const temp = openTempDir(config.build.temp);
  const threads = new Threads(threadCountFor(bytesOf(paths)));
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
    const shape = {
      asOf: config.asOf === 'modified' ? oldest(files) : counts.newestReport,
      inputsSha256: toHex(await inputsSha256Of(profile, files)),
      states,
      input: {
        ...{ keys: keyFile.keyCount, fileBytes: imported.files.map(({ sizeBytes }) => sizeBytes) },
        columns: await readColumns({ files: paths, profile, tempDir: temp.path }),
      },
    };
    const before = readRecord(config, feed)?.shape;
    if (before) refuseUnlike(before, shape, config);
    return shape;
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

function refuseUnlike(before: ListShape, now: ListShape, { limits }: NightlyConfig): void {
  const { refusals } = checkGates({ before, now, limits });
  if (refusals.length === 0) return;
  throw new SltdError('gate-refused', { detail: refusalText(refusals) });
}

/** Up to when all of a delivery's files are complete at least. */
export const oldest = (files: readonly FetchedFile[]): number =>
  Math.min(...files.map(({ modifiedAt }) => modifiedAt));

const folderOf = ({ stateDir }: NightlyConfig, { name }: Feed): string =>
  join(stateDir, 'feeds', name);

const asideOf = (folder: string): string => `${folder}.old`;

/** A run that was killed between two renames left the delivery beside its place. */
function mendFolder(folder: string): void {
  if (!existsSync(folder) && existsSync(asideOf(folder))) renameSync(asideOf(folder), folder);
}

function readRecord(config: NightlyConfig, feed: Feed): FeedRecord | undefined {
  try {
    const text = readFileSync(join(folderOf(config, feed), RECORD), 'utf8');
    const parsed = v.safeParse(recordSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** The delivery kept, proved by its hashes; undefined if there is none, or it is too old or damaged. */
async function readLastGood(
  config: NightlyConfig,
  feed: Feed,
): Promise<{ record: FeedRecord; files: FetchedFile[] } | undefined> {
  const record = readRecord(config, feed);
  if (!record || Date.now() - record.acceptedAt > config.lastGoodDays * DAY_MS) return undefined;
  const files: FetchedFile[] = [];
  for (const { name, sha256, modifiedAt } of record.files) {
    const path = join(folderOf(config, feed), name);
    const found = await hashOf(path);
    if (found === undefined || toHex(found) !== sha256) return undefined;
    files.push({ path, name, sha256: found, modifiedAt });
  }
  return { record, files };
}

async function hashOf(path: string): Promise<Uint8Array | undefined> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
    return new Uint8Array(hash.digest());
  } catch {
    return undefined;
  }
}

/**
 * Keeps what the edition in force was built from: `feeds/<name>/` is what central loads, and what the next
 * night may fall back on. One delivery a feed is kept.
 */
export function keepDelivered(config: NightlyConfig, chosen: readonly ChosenFeed[]): void {
  for (const { feed, files, shape, instead } of chosen) {
    if (instead) continue;
    const folder = folderOf(config, feed);
    const record = {
      acceptedAt: Date.now(),
      files: files.map(({ name, sha256, modifiedAt }) => ({
        name,
        modifiedAt,
        sha256: toHex(sha256),
      })),
      shape,
    };
    const inbox = join(config.stateDir, 'inbox', feed.name);
    if (shape) writeJson(join(inbox, RECORD), record);
    mkdirSync(join(config.stateDir, 'feeds'), { recursive: true, mode: 0o700 });
    const aside = asideOf(folder);
    rmSync(aside, { recursive: true, force: true });
    if (existsSync(folder)) renameSync(folder, aside);
    renameSync(inbox, folder);
    rmSync(aside, { recursive: true, force: true });
  }
}
