/**
 * The first step of the nightly path: an export becomes a canonical key file.
 *
 * CSV is read by all threads, JSON by this one; the key file holds the same entries either way.
 */

import { join } from 'node:path';
import type { Profile } from '../import/profile.ts';
import { bytesOf, readExport } from '../import/read-export.ts';
import type { FileSummary } from '../import/read-rows.ts';
import { type RejectCounts, RejectLog } from '../import/rejects.ts';
import type { ImportCounts } from '../import/row-reader.ts';
import type { Progress } from '../progress.ts';
import { blockReaders } from '../threads/block-readers.ts';
import type { Threads } from '../threads/threads.ts';
import { KeyEncoder } from './key-encoder.ts';
import { type KeyFile, KeyFileWriter } from './key-file.ts';

/** What an import read, and where it left the keys. */
export interface Imported {
  files: FileSummary[];
  counts: ImportCounts;
  rejects: RejectCounts;
  keyFile: KeyFile;
  withdrawn: number;
}

interface ImportOptions {
  profile: Profile;
  files: readonly string[];
  /** Where to write the places of rejected rows. */
  rejectsPath?: string | undefined;
  signal?: AbortSignal | undefined;
}

interface ImportPlace {
  /** Folder for the key file. */
  tempDir: string;
  progress: Progress;
  threads: Threads;
  /** Bytes of CSV that a thread reads at a time; only tests have a reason to tell. */
  blockBytes?: number;
}

/** The export as a canonical key file in the folder. */
export async function importRows(
  options: ImportOptions,
  { tempDir, progress, threads, blockBytes }: ImportPlace,
): Promise<Imported> {
  const { profile, files, signal } = options;
  const rejects = new RejectLog(options.rejectsPath);
  const writer = new KeyFileWriter(join(tempDir, 'keys'));
  const totalBytes = bytesOf(files);
  try {
    const { counts, files: summaries } = await readExport({
      ...{ profile, files, rejects, tempDir, blockBytes, signal },
      collectorOf: (removedBy) => new KeyEncoder(removedBy),
      openReaders: (input) => blockReaders(threads, input),
      take: (keys) => writer.append(keys),
      onProgress: (rows, doneBytes) => {
        // Rows to come are not known: bytes done stand for them.
        const share = doneBytes > 0 ? totalBytes / doneBytes : 1;
        progress.update(rows, Math.max(rows, rows * share), 'rows');
      },
    });
    const { total, counts: byCode } = rejects;
    return {
      ...{ files: summaries, counts, rejects: { total, counts: byCode } },
      ...{ keyFile: writer.close(), withdrawn: writer.withdrawnCount },
    };
  } finally {
    writer.abandon();
    rejects.close();
  }
}
