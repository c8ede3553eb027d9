/**
 * Every job that a thread of a build may be given. A step opens its state in each thread, gives it
 * work in pieces, and closes it.
 */

import xxhash from 'xxhash-wasm';
import { assert } from '../../src/errors.ts';
import { PageBuilder } from '../../src/matcher/page-builder.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import { markByWasm } from '../import/csv-marks.ts';
import {
  BlockImporter,
  type ImportBlockInput,
  type ImportedBlock,
  type OpenImportInput,
} from '../import/import-block.ts';
import { type EncodedKeys, KeyEncoder } from '../key-file/key-encoder.ts';
import type { KeyBlock } from '../key-file/key-file.ts';
import { KeyReader } from '../key-file/key-file.ts';
import { readMatcherModule } from '../matcher-module.ts';
import { type BuildGroupInput, type BuiltGroup, buildGroup } from '../pages/build-group.ts';
import {
  type PartitionInput,
  PartitionWriter,
  type SpilledChunks,
} from '../pages/partition-writer.ts';
import {
  type AskedOthers,
  type AskedPages,
  type PageBytes,
  type PortionInput,
  type PortionResult,
  VerifyPortion,
} from '../verify/verify-portion.ts';
import type { Answer } from './threads.ts';

/** Part of a key file. */
export interface KeysInput {
  path: string;
  blocks: readonly KeyBlock[];
}

export class BuildJobs {
  readonly #module = readMatcherModule();
  readonly #xxh64: (bytes: Uint8Array) => bigint;
  #importer: BlockImporter<EncodedKeys> | undefined;
  #partition: { writer: PartitionWriter; matcher: WasmMatcher } | undefined;
  #builder: PageBuilder | undefined;
  #portion: VerifyPortion | undefined;

  private constructor(xxh64: (bytes: Uint8Array) => bigint) {
    this.#xxh64 = xxh64;
  }

  static async start(): Promise<BuildJobs> {
    const { h64Raw } = await xxhash();
    return new BuildJobs(h64Raw);
  }

  /** Begins to read an export. */
  openImport(input: OpenImportInput): Answer<void> {
    this.#importer = new BlockImporter(
      input,
      new KeyEncoder(input.removedBy),
      markByWasm(this.#module),
    );
    return { value: undefined };
  }

  /** Reads a block of a CSV text. */
  importBlock(input: ImportBlockInput): Answer<ImportedBlock<EncodedKeys>> {
    assert(this.#importer !== undefined, 'an import is open');
    const value = this.#importer.run(input);
    const buffers = [value.bytes.buffer, value.taken.entries.buffer, value.taken.keyCounts.buffer];
    return { value, transfer: buffers as ArrayBuffer[] };
  }

  /** Begins to sort keys into groups of shards. */
  openPartition(input: PartitionInput): Answer<void> {
    const matcher = new WasmMatcher(this.#module);
    this.#partition = { writer: new PartitionWriter(input, matcher), matcher };
    return { value: undefined };
  }

  /** Sorts the keys of these blocks; answers how many they were. */
  partitionKeys({ path, blocks }: KeysInput): Answer<number> {
    assert(this.#partition !== undefined, 'a partition is open');
    const reader = new KeyReader(path, blocks);
    try {
      let keyCount = 0;
      while (reader.next()) {
        this.#partition.writer.add(reader.batch);
        keyCount += reader.batch.count;
      }
      return { value: keyCount };
    } finally {
      reader.close();
    }
  }

  /** Writes what is left in memory; answers where everything lies. */
  closePartition(_: null): Answer<SpilledChunks> {
    assert(this.#partition !== undefined, 'a partition is open');
    const value = this.#partition.writer.close();
    this.#partition = undefined;
    return { value };
  }

  /** The pages of the shards of one group. */
  buildGroup(input: BuildGroupInput): Answer<BuiltGroup> {
    this.#builder ??= new PageBuilder(this.#module);
    const value = buildGroup(input, { builder: this.#builder, xxh64: this.#xxh64 });
    const pages = value.shards.flatMap(({ filter, match }) => [filter, match]);
    return { value, transfer: pages.map(({ bytes }) => bytes.buffer as ArrayBuffer) };
  }

  /** Makes room for a portion of the pages. */
  openPortion(input: PortionInput): Answer<void> {
    this.#portion = new VerifyPortion(input, { module: this.#module, xxh64: this.#xxh64 });
    return { value: undefined };
  }

  /** Takes pages of the portion as they were read; answers how many records they have. */
  addPages(pages: readonly PageBytes[]): Answer<number> {
    return { value: pages.reduce((sum, page) => sum + this.#open.add(page), 0) };
  }

  /** Asks the portion for so many documents that are not listed. */
  askOthers(count: number): Answer<AskedOthers> {
    return { value: this.#open.askOthers(count) };
  }

  /** Asks the portion for the keys of these blocks that belong to it. */
  askKeys(input: KeysInput): Answer<AskedPages> {
    return { value: this.#open.askKeys(input) };
  }

  /** What only shows when every key was asked. */
  closePortion(_: null): Answer<PortionResult> {
    const value = this.#open.close();
    this.#portion = undefined;
    return { value };
  }

  get #open(): VerifyPortion {
    assert(this.#portion !== undefined, 'a portion is open');
    return this.#portion;
  }
}
