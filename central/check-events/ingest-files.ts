/**
 * `central ingest`: takes the check events of log files, for what the post of the edge has lost.
 *
 * A file may hold anything else besides, may be given twice, and may overlap with others: each
 * request is taken once. Plain or gzip, by the first bytes; in the memory of some lines, however long one is.
 */

import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { SltdError } from '../../src/errors.ts';
import { boundedLines } from '../../src/format/bounded-lines.ts';
import type { CheckEvent } from '../../src/format/check-event.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { ownCollection } from '../training/database.ts';
import type { TakeCounts } from './ingest-queue.ts';
import { eventsOfLines, LINE_BYTES_MAX, type LineCounts } from './read-lines.ts';
import { type BatchLimits, takeEvents } from './take-events.ts';

const LINES_PER_READ = 500;
/** Beside a service on the same SQLite file, which waits as long for its own writes. */
const FILE_BATCH: BatchLimits = { eventsMax: 500, documentsMax: 5_000 };

/** Take the events of files, in order; 'input-unreadable' if one cannot be read. */
export async function ingestFiles(
  db: CentralDatabase,
  files: readonly string[],
  { clock = Date.now }: { clock?: () => number } = {},
): Promise<TakeCounts & LineCounts> {
  const counts = { taken: 0, repeated: 0, passedOver: 0, malformed: 0 };
  const collection = await ownCollection(db);
  for (const file of files) {
    for await (const lines of batches(file)) {
      const events: CheckEvent[] = eventsOfLines(lines, collection, counts);
      const fresh = await takeEvents(db, events, { nowMs: clock(), limits: FILE_BATCH });
      counts.taken += fresh.size;
      counts.repeated += events.length - fresh.size;
    }
  }
  return counts;
}

async function* batches(file: string): AsyncGenerator<(string | undefined)[]> {
  try {
    const raw = createReadStream(file);
    const input = (await isGzip(file)) ? raw.pipe(createGunzip()) : raw;
    let lines: (string | undefined)[] = [];
    for await (const line of boundedLines(input, LINE_BYTES_MAX)) {
      lines.push(line);
      if (lines.length < LINES_PER_READ) continue;
      yield lines;
      lines = [];
    }
    yield lines;
  } catch (cause) {
    if (cause instanceof SltdError) throw cause;
    throw new SltdError('input-unreadable', { cause });
  }
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}
