/**
 * Export files to staged lines, by all threads: the rows, profiles and refusals of the build, because both
 * must hold the same list. A document in the edition that central does not know would be a candidate
 * that nobody confirms.
 */

import type { Profile } from '../../data-build/import/profile.ts';
import { bytesOf, type ReadExport, readExport } from '../../data-build/import/read-export.ts';
import { checkRejects, RejectLog } from '../../data-build/import/rejects.ts';
import { openTempDir } from '../../data-build/temp-dir.ts';
import { blockReaders } from '../../data-build/threads/block-readers.ts';
import { Threads, threadCountFor } from '../../data-build/threads/threads.ts';
import { LOAD } from './load-jobs.ts';
import { linesOf, type StagedPart, TextCollector, type TextSettings } from './text-collector.ts';

/** Puts whole lines of so many records into the staging. */
export type Stage = (lines: Uint8Array, recordCount: number) => Promise<void>;

export interface ExportStaging {
  profile: Profile;
  files: readonly string[];
  /** Secret of record ids. */
  identityKey: string;
  stage: Stage;
  /** Rejected rows allowed, in percent of all; 0.01 if not told. */
  rejectsMaxPercent?: number | undefined;
  /** Where to write the places of rejected rows. */
  rejectsPath?: string | undefined;
  /** For temporary files; the machine's temporary folder if not told. */
  tempRoot?: string | undefined;
  /** By default one thread for little, else one a core. */
  threadCount?: number | undefined;
  /** Bytes of CSV that a thread reads at a time; only tests have a reason to tell. */
  blockBytes?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Stage every record, in file order. Throws an input-* error where the build does: for too many rejected
 * rows after the last record, so nothing may be taken over before this is through.
 */
export async function stageExport(staging: ExportStaging): Promise<ReadExport> {
  const { profile, files, identityKey, stage, signal, blockBytes } = staging;
  const temp = openTempDir(staging.tempRoot);
  const rejects = new RejectLog(staging.rejectsPath);
  const threads = new Threads(staging.threadCount ?? threadCountFor(bytesOf(files)), LOAD);
  let settings: TextSettings = { identityKey, removedBy: new Map() };
  try {
    const read = await readExport<StagedPart[]>({
      ...{ profile, files, rejects, tempDir: temp.path, blockBytes, signal },
      collectorOf: (removedBy) => {
        settings = { identityKey, removedBy };
        return new TextCollector(settings);
      },
      openReaders: (input) => blockReaders(threads, { ...input, identityKey }),
      take: async (parts) => {
        for (const part of parts) {
          for (const { lines, recordCount } of linesOf(part, settings)) {
            await stage(lines, recordCount);
            signal?.throwIfAborted();
          }
        }
      },
    });
    checkRejects(rejects, read.counts.rows, staging.rejectsMaxPercent);
    return read;
  } finally {
    threads.close();
    rejects.close();
    temp.remove();
  }
}
