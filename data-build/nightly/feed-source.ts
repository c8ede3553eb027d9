/**
 * Where a feed's files lie: a folder, or a prefix of a bucket. What is read is one version of a file, or an
 * error: one that is written meanwhile must not be half yesterday's.
 */

import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { bucketOf } from '../../publish/open-store.ts';
import type { S3Client } from '../../publish/s3-client.ts';
import { listObjects } from '../../publish/s3-listing.ts';
import { SltdError } from '../../src/errors.ts';

const CHUNK_BYTES = 1024 * 1024;
/** Of a bucket, at a time: an export of gigabytes is never in memory as a whole. */
const RANGE_BYTES = 8 * 1024 * 1024;

/**
 * What the names in the environment begin with where feeds lie with another owner than the editions. If
 * any is set, all of them count: half of one owner's and half of another's open nothing.
 */
const FEED_OWNER = 'SLTD_FEED_';

export interface FeedSource {
  /** Names of the files, without folder, in no order. */
  list(): Promise<string[]>;
  /** The file's bytes; its return value says when it was written, in milliseconds since 1970. */
  read(name: string): AsyncGenerator<Uint8Array, number>;
}

/** The source at a path or `s3://bucket/prefix`; 'config-invalid' if the environment lacks what opens it. */
export function openFeedSource(location: string): FeedSource {
  return location.startsWith('s3://') ? bucketSource(location) : folderSource(location);
}

function folderSource(folder: string): FeedSource {
  return {
    list: async () => {
      try {
        const entries = await readdir(folder, { withFileTypes: true });
        return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
      } catch (cause) {
        return unreadable('the folder of the feed cannot be read', cause);
      }
    },
    async *read(name) {
      const path = join(folder, name);
      try {
        const before = await stat(path);
        yield* createReadStream(path, { highWaterMark: CHUNK_BYTES });
        const after = await stat(path);
        if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) changed();
        return Math.floor(before.mtimeMs);
      } catch (cause) {
        if (cause instanceof SltdError) throw cause;
        const { code = 'failed' } = cause as NodeJS.ErrnoException;
        return unreadable(`a file of the feed cannot be read: ${code}`, cause);
      }
    },
  };
}

function bucketSource(location: string): FeedSource {
  const isOwn = Object.keys(process.env).some((name) => name.startsWith(`${FEED_OWNER}AWS_`));
  const { client, prefix } = bucketOf(location, process.env, isOwn ? FEED_OWNER : '');
  return {
    list: async () => {
      const entries = await orUnreadable(listObjects(client, prefix));
      return entries
        .map(({ name }) => name.slice(prefix.length))
        .filter((name) => name !== '' && !name.includes('/'));
    },
    read: (name) => readObject(client, prefix + name),
  };
}

/** Range by range, each of the version that the first one was of. */
async function* readObject(client: S3Client, key: string): AsyncGenerator<Uint8Array, number> {
  const headers: Record<string, string> = {};
  let modifiedAt = Number.NaN;
  for (let start = 0, end = 1; start < end; ) {
    headers.range = `bytes=${start}-${start + RANGE_BYTES - 1}`;
    // 416: an empty file has no range.
    const request = { method: 'GET', key, headers, lengthMax: RANGE_BYTES } as const;
    const answer = await orUnreadable(client.send(request, [404, 412, 416]));
    if (answer.status === 412 || (answer.status === 404 && start > 0)) changed();
    if (answer.status === 404) unreadable('a file of the feed is not there');
    if (answer.status === 416) return Number.isNaN(modifiedAt) ? 0 : modifiedAt;
    const etag = answer.headers.get('etag');
    const total = /^bytes \d+-\d+\/(\d+)$/.exec(answer.headers.get('content-range') ?? '')?.[1];
    if (answer.status !== 206 || !etag || !total) unreadable('the bucket does not answer ranges');
    if (start > 0 && headers['if-match'] !== etag) changed();
    headers['if-match'] = etag;
    modifiedAt = Date.parse(answer.headers.get('last-modified') ?? '');
    if (Number.isNaN(modifiedAt)) unreadable('the bucket does not say when a file was written');
    yield answer.bytes;
    start += answer.bytes.length;
    end = Number(total);
    if (answer.bytes.length === 0) unreadable('the bucket answers nothing');
  }
  return modifiedAt;
}

async function orUnreadable<T>(answered: Promise<T>): Promise<T> {
  try {
    return await answered;
  } catch (cause) {
    const detail = cause instanceof SltdError ? (cause.detail ?? cause.code) : 'no answer';
    return unreadable(`the bucket of the feed: ${detail}`, cause);
  }
}

const changed = (): never =>
  unreadable('the file changed while it was read: is it still being written?');

function unreadable(detail: string, cause?: unknown): never {
  throw new SltdError('input-unreadable', { detail, cause });
}
