/** Threads as readers of the blocks of a CSV text. */

import type { ImportBlockInput, ImportedBlock } from '../import/import-block.ts';
import type { ReadBlock } from '../import/import-csv.ts';
import type { Answer, Threads } from './threads.ts';

interface ImportJobs<Input, Taken> {
  openImport(input: Input): Answer<void>;
  importBlock(input: ImportBlockInput): Answer<ImportedBlock<Taken>>;
}

/** Has every thread open its import; how each then reads a block. */
export async function blockReaders<Input, Taken>(
  threads: Threads<ImportJobs<Input, Taken>>,
  input: Input,
): Promise<readonly ReadBlock<Taken>[]> {
  await Promise.all(threads.all.map((thread) => thread.run('openImport', input)));
  return threads.all.map(
    (thread) => (block) => thread.run('importBlock', block, [block.bytes.buffer as ArrayBuffer]),
  );
}
