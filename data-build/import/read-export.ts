/**
 * All rows of an export, in their order, to whatever a collector makes of them: keys for the build,
 * records for central, which so hold the same list.
 *
 * CSV is read by threads, a block at a time; JSON, and a profile that other threads cannot make again,
 * by this one. The same comes of it either way.
 */

import { statSync } from 'node:fs';
import { sourceOf } from './find-profile.ts';
import type { BlockCollector, OpenImportInput } from './import-block.ts';
import { importCsv, type ReadBlock } from './import-csv.ts';
import type { Profile } from './profile.ts';
import { type FileSummary, readRows } from './read-rows.ts';
import type { RejectLog } from './rejects.ts';
import { RemovedKeys } from './removed-keys.ts';
import { type ImportCounts, newCounts } from './row-reader.ts';

export interface ExportReading<Taken> {
  profile: Profile;
  files: readonly string[];
  rejects: RejectLog;
  /** Folder for temporary files. */
  tempDir: string;
  /** A collector of this thread. `removedBy` gives for a key the index of the last file that takes it out of the list. */
  collectorOf(removedBy: ReadonlyMap<string, number>): BlockCollector<Taken>;
  /** Has every thread open its import; called once, before the first block. */
  openReaders(input: OpenImportInput): Promise<readonly ReadBlock<Taken>[]>;
  /** Takes what rows became, in the order of the files, and is waited for. */
  take(taken: Taken): void | Promise<void>;
  /** Told now and then how many rows were read, and how many bytes of the packed files. */
  onProgress?(rows: number, doneBytes: number): void;
  /** Bytes of CSV that a thread reads at a time; only tests have a reason to tell. */
  blockBytes?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** What was read. */
export interface ReadExport {
  counts: ImportCounts;
  /** One for each input file, in order. */
  files: FileSummary[];
}

/** Throws an input-* error for a file that cannot be taken as a whole, and whatever `take` throws. */
export async function readExport<Taken>(reading: ExportReading<Taken>): Promise<ReadExport> {
  const { profile, rejects, take, signal, blockBytes } = reading;
  const counts = newCounts();
  const removed = new RemovedKeys();
  const collector = reading.collectorOf(removed.byKey);
  const source = sourceOf(profile);
  const now = Date.now();
  let readers: readonly ReadBlock<Taken>[] | undefined;
  const files = await readRows({
    ...{ profile, files: reading.files, tempDir: reading.tempDir, rejects, counts, now, signal },
    listed: (index) => {
      collector.startFile(index);
      return collector;
    },
    removed: (index) => removed.startFile(index),
    pause: async () => take(collector.take()),
    onProgress: (doneBytes) => reading.onProgress?.(counts.rows, doneBytes),
    ...(source && {
      scanCsv: async (text) => {
        // Not before, because what difference files take away is known only then.
        readers ??= await reading.openReaders({ profile: source, removedBy: removed.byKey, now });
        await importCsv(text, { readers, take, counts, rejects, blockBytes, signal });
      },
    }),
  });
  await take(collector.take());
  return { counts, files };
}

/** Bytes of all files together; those that are not there count nothing. */
export function bytesOf(files: readonly string[]): number {
  const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return files.reduce((sum, path) => sum + sizeOf(path), 0);
}
