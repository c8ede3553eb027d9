/**
 * Brings a feed's files into the job's own folder, and knows each by its SHA-256.
 *
 * The build reads a file several times; the copy is what makes them the same each time, and what the next
 * night falls back on. With `checksum`, a file counts only if `NAME.sha256` beside it says the same: that
 * alone tells a transfer that broke off within what the gates let through.
 */

import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { SltdError } from '../../src/errors.ts';
import type { Feed } from './config.ts';
import { type FeedSource, openFeedSource } from './feed-source.ts';

const CHECKSUM_SUFFIX = '.sha256';
/** `sha256sum` writes the digest and the name. */
const CHECKSUM_BYTES_MAX = 4096;

/** A file that was brought. */
export interface FetchedFile {
  /** Where the copy lies. */
  path: string;
  /** As it was delivered, without its folder. */
  name: string;
  sha256: Uint8Array;
  /** When it was written at its source, in milliseconds since 1970. */
  modifiedAt: number;
}

/** Copies what the feed has into `folder`, in the order of their names; 'input-unreadable' if it cannot. */
export async function fetchFeed(
  feed: Feed,
  folder: string,
  signal: AbortSignal,
): Promise<FetchedFile[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const source = openFeedSource(feed.from);
  const files: FetchedFile[] = [];
  for (const name of choose(feed, await source.list())) {
    const file = await copy(source, { name, path: join(folder, name), signal });
    if (feed.checksum) await compare(source, file);
    files.push(file);
  }
  return files;
}

/** Names that match, the last alone if so told: names carry dates, times of files get lost on the way. */
function choose({ match, take }: Feed, names: readonly string[]): string[] {
  const pattern = globPattern(match);
  const found = names
    .filter((name) => pattern.test(name) && !name.startsWith('.'))
    .filter((name) => !name.endsWith(CHECKSUM_SUFFIX))
    .sort();
  if (found.length === 0) unreadable('no file of the feed is there');
  return take === 'newest' ? found.slice(-1) : found;
}

function globPattern(match: string): RegExp {
  const escaped = match.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
}

async function copy(
  source: FeedSource,
  { name, path, signal }: { name: string; path: string; signal: AbortSignal },
): Promise<FetchedFile> {
  const hash = createHash('sha256');
  const file = await open(path, 'wx', 0o600);
  try {
    const bytes = source.read(name);
    for (;;) {
      signal.throwIfAborted();
      const next = await bytes.next();
      if (next.done) {
        await file.sync();
        return { path, name, sha256: new Uint8Array(hash.digest()), modifiedAt: next.value };
      }
      hash.update(next.value);
      await file.writeFile(next.value);
    }
  } finally {
    await file.close();
  }
}

async function compare(source: FeedSource, { name, sha256 }: FetchedFile): Promise<void> {
  let text = '';
  for await (const chunk of source.read(name + CHECKSUM_SUFFIX)) {
    text += Buffer.from(chunk).toString('latin1');
    if (text.length > CHECKSUM_BYTES_MAX) unreadable('its checksum is none');
  }
  const told = /^[0-9a-f]{64}(?=\s|$)/i.exec(text)?.[0];
  if (told?.toLowerCase() !== Buffer.from(sha256).toString('hex')) {
    unreadable('it is not what its checksum says');
  }
}

function unreadable(detail: string): never {
  throw new SltdError('input-unreadable', { detail });
}
