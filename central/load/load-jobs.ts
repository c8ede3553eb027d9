/** What a thread of a load may be given to do: it reads blocks of a CSV text to lines that are staged. */

import {
  BlockImporter,
  type ImportBlockInput,
  type ImportedBlock,
  type OpenImportInput,
} from '../../data-build/import/import-block.ts';
import type { Answer, ThreadKind } from '../../data-build/threads/threads.ts';
import { assert } from '../../src/errors.ts';
import { type StagedPart, TextCollector, type TextSettings } from './text-collector.ts';

export class LoadJobs {
  #importer: BlockImporter<StagedPart[]> | undefined;

  /** Begins to read an export. */
  openImport(input: OpenImportInput & TextSettings): Answer<void> {
    this.#importer = new BlockImporter(input, new TextCollector(input));
    return { value: undefined };
  }

  /** Reads a block of a CSV text. */
  importBlock(input: ImportBlockInput): Answer<ImportedBlock<StagedPart[]>> {
    assert(this.#importer !== undefined, 'an import is open');
    const value = this.#importer.run(input);
    const texts = value.taken.flatMap((part) => ('lines' in part ? [part.lines.buffer] : []));
    return { value, transfer: [value.bytes.buffer as ArrayBuffer, ...texts] };
  }
}

export const LOAD: ThreadKind<LoadJobs> = {
  worker: new URL('./load-worker.ts', import.meta.url),
  start: async () => new LoadJobs(),
};
