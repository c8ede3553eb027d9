/**
 * What is kept of a feed: the delivery in force, its shape, and since when it is the same.
 *
 * `feeds/<name>/` is what central loads, and what a later night may fall back on.
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

const recordSchema = v.object({
  /** When these very bytes first came in force, in milliseconds since 1970. */
  acceptedAt: v.number(),
  /** The last night in which they were delivered, and not for too long: as a good delivery they age from here. */
  deliveredAt: v.number(),
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

/** A delivery that may stand in for one that fails. */
export interface LastGood {
  shape: ListShape;
  files: FetchedFile[];
}

const folderOf = ({ stateDir }: NightlyConfig, { name }: Feed): string =>
  join(stateDir, 'feeds', name);

const asideOf = (folder: string): string => `${folder}.old`;

/** Where a delivery is fetched to. */
export const inboxOf = ({ stateDir }: NightlyConfig, { name }: Feed): string =>
  join(stateDir, 'inbox', name);

/** A run that was killed between two renames left the delivery beside its place. */
export function mendFolder(config: NightlyConfig, feed: Feed): void {
  const folder = folderOf(config, feed);
  if (!existsSync(folder) && existsSync(asideOf(folder))) renameSync(asideOf(folder), folder);
}

/** What is known of the delivery in force; undefined if there is none, or its record is not one. */
export function readRecord(config: NightlyConfig, feed: Feed): FeedRecord | undefined {
  try {
    const text = readFileSync(join(folderOf(config, feed), RECORD), 'utf8');
    const parsed = v.safeParse(recordSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Since when a feed has been delivering these very bytes, in milliseconds since 1970; undefined if they are new. */
export function sameSince(
  record: FeedRecord | undefined,
  files: readonly FetchedFile[],
): number | undefined {
  const isSame =
    record?.files.length === files.length &&
    files.every(({ sha256 }, index) => toHex(sha256) === record.files[index]!.sha256);
  return isSame ? record.acceptedAt : undefined;
}

/** The delivery kept, proved by its hashes; undefined if there is none, or it is too old or damaged. */
export async function readLastGood(
  config: NightlyConfig,
  feed: Feed,
): Promise<LastGood | undefined> {
  const record = readRecord(config, feed);
  if (!record?.shape || Date.now() - record.deliveredAt > config.lastGoodDays * DAY_MS) {
    return undefined;
  }
  const files: FetchedFile[] = [];
  for (const { name, sha256, modifiedAt } of record.files) {
    const path = join(folderOf(config, feed), name);
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

/** Keeps a delivery in the place of the one before. */
export function keepDelivery(config: NightlyConfig, { feed, files, shape }: Delivered): void {
  const deliveredAt = Date.now();
  const record = {
    acceptedAt: sameSince(readRecord(config, feed), files) ?? deliveredAt,
    deliveredAt,
    files: files.map(({ name, sha256, modifiedAt }) => ({
      ...{ name, modifiedAt },
      sha256: toHex(sha256),
    })),
    shape,
  };
  const inbox = inboxOf(config, feed);
  writeJson(join(inbox, RECORD), record);
  mkdirSync(join(config.stateDir, 'feeds'), { recursive: true, mode: 0o700 });
  const folder = folderOf(config, feed);
  const aside = asideOf(folder);
  rmSync(aside, { recursive: true, force: true });
  if (existsSync(folder)) renameSync(folder, aside);
  renameSync(inbox, folder);
  rmSync(aside, { recursive: true, force: true });
}
