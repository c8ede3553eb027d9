/**
 * CSV texts read by all threads: cut at line breaks, read at once, put together in order.
 *
 * A line break may lie in a quoted field, so that a block begins in the middle of a row. Nobody can
 * tell from the block itself; but the one before tells where it ends. If it does not end between two
 * rows, what was read of the next block counts for nothing, and that block is read once more from
 * where its first row begins. So any cut gives the rows that one reader gives, line numbers included.
 */

import { assert } from '../../src/errors.ts';
import type { CsvState } from './csv-scanner.ts';
import type { CsvText } from './read-rows.ts';
import type { RejectLog } from './rejects.ts';
import type { ImportCounts } from './row-reader.ts';
import type { ImportBlockInput, ImportedBlock } from './import-block.ts';

const BLOCK_BYTES = 4 * 1024 * 1024;
/** Blocks that wait for each thread, so that none is idle while blocks are put together. */
const BLOCKS_AHEAD = 2;
const LF = 0x0a;

/** One thread's way to read a block, whose bytes move to it and come back. */
export type ReadBlock<Taken> = (input: ImportBlockInput) => Promise<ImportedBlock<Taken>>;

export interface CsvImportOptions<Taken> {
  /** One for each thread; they have their import open. */
  readers: readonly ReadBlock<Taken>[];
  /** Takes what the rows became, in their order, and is waited for. */
  take(taken: Taken): void | Promise<void>;
  counts: ImportCounts;
  rejects: RejectLog;
  /** Size of the blocks; 4 MiB if not told. */
  blockBytes?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Reads the whole text. */
export async function importCsv<Taken>(
  text: CsvText,
  options: CsvImportOptions<Taken>,
): Promise<void> {
  const { readers, signal, blockBytes = BLOCK_BYTES } = options;
  const order = new BlockOrder(text, options, new BlockBuffers(blockBytes));
  const flying: Promise<ImportedBlock<Taken>>[] = [];
  for await (const bytes of cutAtLines(text.chunks, order.buffers)) {
    signal?.throwIfAborted();
    // The first row says what the others are, so nothing is read before it.
    if (!order.isBegun) {
      await order.readNext(bytes);
      continue;
    }
    const block = order.start(bytes);
    // It is waited for in its turn; until then its error must not count as unheard.
    block.catch(() => {});
    flying.push(block);
    if (flying.length >= readers.length * BLOCKS_AHEAD) await order.put(await flying.shift()!);
  }
  for (const block of flying) await order.put(await block);
  await order.end();
}

/** Buffers of one size, used again: a new one for each block costs as much as hashing its bytes. */
class BlockBuffers {
  readonly blockBytes: number;
  readonly #free: Uint8Array[] = [];

  constructor(blockBytes: number) {
    this.blockBytes = blockBytes;
  }

  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(this.blockBytes);
  }

  /** Takes back what lies below a block that nobody reads any more. */
  giveBack({ buffer }: Uint8Array): void {
    if (buffer.byteLength === this.blockBytes) this.#free.push(new Uint8Array(buffer));
  }
}

/** The blocks of one text in their order. */
class BlockOrder<Taken> {
  readonly buffers: BlockBuffers;
  readonly #text: CsvText;
  readonly #options: CsvImportOptions<Taken>;
  #nextReader = 0;
  #state: CsvState = { columnCount: 0, isInSkippedLine: false };
  #header: readonly string[] | undefined;
  /** Bytes of a row that goes on in the next block. */
  #rest: Uint8Array = new Uint8Array(0);
  /** Lines, or rows, of the blocks before. */
  #linesBefore = 0;

  constructor(text: CsvText, options: CsvImportOptions<Taken>, buffers: BlockBuffers) {
    this.buffers = buffers;
    this.#text = text;
    this.#options = options;
  }

  /** Whether the columns are known. */
  get isBegun(): boolean {
    return this.#header !== undefined;
  }

  /** Has a block read as if it began with a row. */
  start(bytes: Uint8Array): Promise<ImportedBlock<Taken>> {
    return this.#run(bytes, { ...this.#state, isInSkippedLine: false });
  }

  /** Takes what a block became, or has it read once more if it did not begin with a row. */
  async put(block: ImportedBlock<Taken>): Promise<void> {
    if (this.#rest.length === 0 && !this.#state.isInSkippedLine) await this.#take(block);
    else await this.readNext(block.bytes);
  }

  /** Reads the bytes that follow, from where the last row ended. */
  async readNext(bytes: Uint8Array): Promise<void> {
    const all = concatenate(this.#rest, bytes);
    this.buffers.giveBack(bytes);
    await this.#take(await this.#run(all, this.#state));
  }

  /** Reads what is left behind the last line break. */
  async end(): Promise<void> {
    if (this.#rest.length === 0) return;
    await this.#take(await this.#run(this.#rest, this.#state, true));
    assert(this.#rest.length === 0, 'the text is read to its end');
  }

  #run(bytes: Uint8Array, state: CsvState, isLast = false): Promise<ImportedBlock<Taken>> {
    const { readers } = this.#options;
    const { separator, fileIndex, countRows } = this.#text;
    const input: ImportBlockInput = {
      ...{ bytes, state, header: this.#header, separator, fileIndex, countRows, isLast },
    };
    return readers[this.#nextReader++ % readers.length]!(input);
  }

  async #take(block: ImportedBlock<Taken>): Promise<void> {
    const { counts, rejects } = this.#options;
    const { fileName, countRows, onProgress } = this.#text;
    await this.#options.take(block.taken);
    for (const { line, column, code } of block.rejects) {
      rejects.add(fileName, this.#linesBefore + line, column, code);
    }
    counts.rows += block.rows;
    counts.accepted += block.accepted;
    counts.newestReport = Math.max(counts.newestReport, block.newestReport);
    for (const [code, count] of block.notes) {
      counts.notes.set(code, (counts.notes.get(code) ?? 0) + count);
    }
    this.#linesBefore += countRows ? block.rows : block.lineCount;
    this.#header = block.header;
    this.#state = block.state;
    this.#rest = block.bytes.slice(block.bytes.length - block.restLength);
    this.buffers.giveBack(block.bytes);
    onProgress();
  }
}

/** Blocks of about the size of a buffer that end with a line break, where there is one to be found. */
async function* cutAtLines(
  chunks: AsyncIterable<Uint8Array>,
  buffers: BlockBuffers,
): AsyncGenerator<Uint8Array> {
  let block = buffers.take();
  let length = 0;
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + buffers.blockBytes - length);
      block.set(part, length);
      from += part.length;
      length += part.length;
      if (length < buffers.blockBytes) break;
      const cut = block.lastIndexOf(LF) + 1;
      const end = cut === 0 ? length : cut;
      const next = buffers.take();
      next.set(block.subarray(end));
      yield block.subarray(0, end);
      block = next;
      length -= end;
    }
  }
  if (length > 0) yield block.subarray(0, length);
}

/** One array with a buffer of its own. */
function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
