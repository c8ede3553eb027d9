/**
 * The first step of the nightly path: an export becomes a canonical key file.
 *
 * CSV is read by all threads, JSON by this one; the key file holds the same entries either way.
 */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { sourceOf } from '../import/find-profile.ts';
import type { Profile } from '../import/profile.ts';
import { type FileSummary, readRows } from '../import/read-rows.ts';
import { type RejectCounts, RejectLog } from '../import/rejects.ts';
import { RemovedKeys } from '../import/removed-keys.ts';
import { type ImportCounts, newCounts } from '../import/row-reader.ts';
import type { Progress } from '../progress.ts';
import { Threads } from '../threads/threads.ts';
import { importCsv } from './import-csv.ts';
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
  const source = sourceOf(profile);
  // A profile that nobody can make again elsewhere is read by this thread.
  const readers = source === undefined ? new Threads(1) : threads;
  const rejects = new RejectLog(options.rejectsPath);
  const counts = newCounts();
  const removed = new RemovedKeys();
  const encoder = new KeyEncoder(removed.byKey);
  const writer = new KeyFileWriter(join(tempDir, 'keys'));
  const now = Date.now();
  const totalBytes = bytesOf(files);
  let isOpen = false;
  try {
    const summaries = await readRows({
      ...{ profile, files, signal, rejects, counts, tempDir, now },
      listed: (index) => encoder.startFile(index),
      removed: (index) => removed.startFile(index),
      scanCsv: async (text) => {
        // Not before, because what difference files take away is known only then.
        if (!isOpen) {
          const input = { profile: source ?? profile, removedBy: removed.byKey, now };
          await Promise.all(readers.all.map((thread) => thread.run('openImport', input)));
          isOpen = true;
        }
        await importCsv(text, {
          ...{ threads: readers, writer, counts, rejects },
          blockBytes,
          signal,
        });
      },
      onProgress: (doneBytes) => {
        writer.append(encoder.take());
        // Rows to come are not known: bytes done stand for them.
        const share = doneBytes > 0 ? totalBytes / doneBytes : 1;
        progress.update(counts.rows, Math.max(counts.rows, counts.rows * share), 'rows');
      },
    });
    writer.append(encoder.take());
    const keyFile = writer.close();
    const { total, counts: byCode } = rejects;
    const rejected = { total, counts: byCode };
    return {
      files: summaries,
      counts,
      rejects: rejected,
      keyFile,
      withdrawn: writer.withdrawnCount,
    };
  } finally {
    writer.abandon();
    rejects.close();
  }
}

/** Bytes of all files together; those that are not there count nothing. */
export function bytesOf(files: readonly string[]): number {
  const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return files.reduce((sum, path) => sum + sizeOf(path), 0);
}
