/**
 * What is kept of a feed: the delivery in force and the one before it, with their shapes and since when they
 * are the same.
 *
 * `feeds/<name>/` is what central loads, and what a later night may fall back on; `feeds/<name>.before/` is
 * fallen back on if somebody went back from the edition that brought the first.
 */

import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as v from 'valibot';
import { toHex } from '../../src/format/names.ts';
import { inputSchema } from '../gates/build-record.ts';
import type { ListShape } from '../gates/list-shape.ts';
import { writeJson } from '../gates/write-json.ts';
import type { Feed, NightlyConfig } from './config.ts';
import type { FetchedFile } from './fetch.ts';

export const DAY_MS = 24 * 60 * 60 * 1000;
/** Hidden, so that no delivered file bears its name. */
const RECORD = '.feed.json';
/** A month of nights. */
const PAST_MAX = 31;

/** Records of the first form have no `deliveredAt`, `edition` and `past`: those were accepted anew each night. */
const recordSchema = v.object({
  /** When these very bytes first came in force, in milliseconds since 1970. */
  acceptedAt: v.number(),
  /** The last night in which they were delivered: as a good delivery they age from here. */
  deliveredAt: v.optional(v.number()),
  /** Id of the edition with which these very bytes came in force: first, or again by a person's word. */
  edition: v.optional(v.string(), ''),
  /** When somebody went back from that edition, in milliseconds since 1970; absent if it stands. */
  goneBackAt: v.optional(v.number()),
  /** What came in force before, newest first: its SHA-256s, one file after the other. */
  past: v.optional(v.array(v.string()), []),
  files: v.array(v.object({ name: v.string(), sha256: v.string(), modifiedAt: v.number() })),
  /** Absent for the only feed of a job, which the gates of the edition look at. */
  shape: v.optional(
    v.object({
      asOf: v.number(),
      inputsSha256: v.string(),
      states: v.record(v.string(), v.number()),
      input: inputSchema,
    }),
  ),
});

export type FeedRecord = v.InferOutput<typeof recordSchema>;

/** What was last said of an edition: that somebody went back from it, or that it is in force again. */
export interface Word {
  /** Time of the permit that said so, in milliseconds since 1970. */
  at: number;
  isGoneBack: boolean;
}

/** A delivery that may stand in for one that fails. */
export interface LastGood {
  shape: ListShape;
  files: FetchedFile[];
}

const folderOf = ({ stateDir }: NightlyConfig, { name }: Feed): string =>
  join(stateDir, 'feeds', name);

const beforeOf = (folder: string): string => `${folder}.before`;
const asideOf = (folder: string): string => `${folder}.old`;

/** Where a delivery is fetched to. */
export const inboxOf = ({ stateDir }: NightlyConfig, { name }: Feed): string =>
  join(stateDir, 'inbox', name);

/** A run that was killed between two renames left the delivery beside its place. */
export function mendFolder(config: NightlyConfig, feed: Feed): void {
  const folder = folderOf(config, feed);
  if (existsSync(folder)) settle(folder);
  else if (existsSync(asideOf(folder))) renameSync(asideOf(folder), folder);
}

/** The delivery that was put aside is the one before. */
function settle(folder: string): void {
  if (!existsSync(asideOf(folder))) return;
  rmSync(beforeOf(folder), { recursive: true, force: true });
  renameSync(asideOf(folder), beforeOf(folder));
}

/** What is known of the delivery in force; undefined if there is none, or its record is not one. */
export const readRecord = (config: NightlyConfig, feed: Feed): FeedRecord | undefined =>
  recordIn(folderOf(config, feed));

function recordIn(folder: string): FeedRecord | undefined {
  try {
    const parsed = v.safeParse(
      recordSchema,
      JSON.parse(readFileSync(join(folder, RECORD), 'utf8')),
    );
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** The delivery kept that nobody went back from, and where it lies: the one in force, or the one before. */
export function readTrusted(
  config: NightlyConfig,
  feed: Feed,
): { record: FeedRecord; folder: string } | undefined {
  const folder = folderOf(config, feed);
  for (const place of [folder, beforeOf(folder)]) {
    const record = recordIn(place);
    if (record && record.goneBackAt === undefined) return { record, folder: place };
  }
  return undefined;
}

/** Notes with what is kept of a feed what was last said of the editions that brought it. */
export function markRecords(
  config: NightlyConfig,
  feed: Feed,
  words: ReadonlyMap<string, Word>,
): void {
  const folder = folderOf(config, feed);
  for (const place of [folder, beforeOf(folder)]) {
    const record = recordIn(place);
    const word = record && words.get(record.edition);
    if (!word || word.at <= (record.goneBackAt ?? 0)) continue;
    const goneBackAt = word.isGoneBack ? word.at : undefined;
    if (goneBackAt !== record.goneBackAt) writeJson(join(place, RECORD), { ...record, goneBackAt });
  }
}

/** What tells two deliveries apart. */
const bytesOf = (files: readonly { sha256: string }[]): string =>
  files.map(({ sha256 }) => sha256).join(' ');

const delivered = (files: readonly FetchedFile[]) =>
  files.map(({ name, sha256, modifiedAt }) => ({ name, modifiedAt, sha256: toHex(sha256) }));

/** Whether these very bytes came in force before others that are in force since. */
export const wasDelivered = (record: FeedRecord, files: readonly FetchedFile[]): boolean =>
  record.past.includes(bytesOf(delivered(files)));

const isSame = (record: FeedRecord, files: readonly FetchedFile[]): boolean =>
  bytesOf(record.files) === bytesOf(delivered(files));

/** The same bytes under a new time are no news: they are as old as they were when they came in force. */
export function withKnownTimes(
  record: FeedRecord | undefined,
  files: readonly FetchedFile[],
): readonly FetchedFile[] {
  if (!record || !isSame(record, files)) return files;
  return files.map((file, index) => ({ ...file, modifiedAt: record.files[index]!.modifiedAt }));
}

/** Whether these very bytes came in force last, and somebody went back from them. */
export const isGoneBack = (record: FeedRecord, files: readonly FetchedFile[]): boolean =>
  record.goneBackAt !== undefined && isSame(record, files);

/**
 * Since when a feed has been delivering these very bytes, in milliseconds since 1970; undefined if they are
 * new, or were gone back from: who lets those in again says that they are news.
 */
export const sameSince = (
  record: FeedRecord | undefined,
  files: readonly FetchedFile[],
): number | undefined =>
  record && isSame(record, files) && !isGoneBack(record, files) ? record.acceptedAt : undefined;

/** The delivery kept, proved by its hashes; undefined if there is none, or it is too old or damaged. */
export async function readLastGood(
  config: NightlyConfig,
  feed: Feed,
): Promise<LastGood | undefined> {
  const { record, folder } = readTrusted(config, feed) ?? {};
  if (!record?.shape || !folder) return undefined;
  const { deliveredAt = record.acceptedAt } = record;
  if (Date.now() - deliveredAt > config.lastGoodDays * DAY_MS) return undefined;
  const files: FetchedFile[] = [];
  for (const { name, sha256, modifiedAt } of record.files) {
    const path = join(folder, name);
    const found = await hashOf(path);
    if (found === undefined || toHex(found) !== sha256) return undefined;
    files.push({ path, name, sha256: found, modifiedAt });
  }
  return { shape: record.shape, files };
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

/** A delivery that came in force. */
interface Delivered {
  feed: Feed;
  files: readonly FetchedFile[];
  shape: ListShape | undefined;
}

/** Keeps a delivery that came in force with `edition`, and of another one before it that nobody went back from the last. */
export function keepDelivery(
  config: NightlyConfig,
  { feed, files, shape }: Delivered,
  edition: string,
): void {
  const deliveredAt = Date.now();
  const before = readRecord(config, feed);
  const isOther = before !== undefined && !isSame(before, files);
  const since = sameSince(before, files);
  const past = before?.past ?? [];
  const record = {
    ...(before && since !== undefined
      ? { acceptedAt: since, edition: before.edition }
      : { acceptedAt: deliveredAt, edition }),
    past: isOther ? [bytesOf(before.files), ...past].slice(0, PAST_MAX) : past,
    ...{ deliveredAt, files: delivered(files) },
    ...(shape ? { shape } : {}),
  };
  const inbox = inboxOf(config, feed);
  writeJson(join(inbox, RECORD), record);
  mkdirSync(join(config.stateDir, 'feeds'), { recursive: true, mode: 0o700 });
  const folder = folderOf(config, feed);
  const aside = asideOf(folder);
  rmSync(aside, { recursive: true, force: true });
  if (existsSync(folder)) renameSync(folder, aside);
  renameSync(inbox, folder);
  if (isOther && before.goneBackAt === undefined) settle(folder);
  else rmSync(aside, { recursive: true, force: true });
}
