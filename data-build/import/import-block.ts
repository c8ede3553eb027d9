/**
 * One thread's part of an import: blocks of a CSV text to whatever becomes of its rows.
 *
 * A block is scanned from the state that it is given and hands back the state in which it ends, so
 * that whoever gives out the blocks can tell whether they fit together.
 */

import { assert } from '../../src/errors.ts';
import { type MarkCsv, markPlainly } from './csv-marks.ts';
import { CsvScanner, type CsvState } from './csv-scanner.ts';
import { type ProfileSource, profileFrom } from './find-profile.ts';
import { HeaderSink } from './header-sink.ts';
import type { Profile } from './profile.ts';
import type { NoteCode, RejectCode, RejectSink } from './rejects.ts';
import { newCounts, type RecordConsumer, RowReader } from './row-reader.ts';

export interface OpenImportInput {
  profile: ProfileSource;
  /** For a key the index of the last input file that takes it out of the list. */
  removedBy: ReadonlyMap<string, number>;
  /** Reports dated later are mistakes, in milliseconds since 1970. */
  now: number;
}

export interface ImportBlockInput {
  bytes: Uint8Array;
  state: CsvState;
  /** Columns of the file; undefined for its first block, which has them. */
  header: readonly string[] | undefined;
  separator: string;
  fileIndex: number;
  countRows: boolean;
  /** Nothing comes behind it. */
  isLast: boolean;
}

/** A rejected row; its line counts from the first of the block. */
export interface BlockReject {
  line: number;
  column: string;
  code: RejectCode;
}

/** Collects what the rows of a block become. */
export interface BlockCollector<Taken> extends RecordConsumer {
  /** From which input file, counted from 0, the next rows come. */
  startFile(index: number): unknown;
  /** Hands over what was collected and begins anew. */
  take(): Taken;
}

export interface ImportedBlock<Taken> {
  taken: Taken;
  rows: number;
  accepted: number;
  notes: ReadonlyMap<NoteCode, number>;
  newestReport: number;
  rejects: BlockReject[];
  lineCount: number;
  header: readonly string[] | undefined;
  /** Where the block ends: in this state, with so many bytes of a row whose end is not in it. */
  state: CsvState;
  restLength: number;
  /** The block's bytes, given back. */
  bytes: Uint8Array;
}

class BlockRejects implements RejectSink {
  readonly taken: BlockReject[] = [];

  add(_file: string, line: number, column: string, code: RejectCode): void {
    this.taken.push({ line, column, code });
  }
}

export class BlockImporter<Taken> {
  readonly #profile: Profile;
  readonly #now: number;
  readonly #markCsv: MarkCsv;
  readonly #collector: BlockCollector<Taken>;
  readonly #counts = newCounts();
  #rejects = new BlockRejects();
  /** The reader of the last block: what it knows of texts serves the next one. */
  #reader: RowReader | undefined;
  #readerKey = '';

  constructor(
    { profile, now }: OpenImportInput,
    collector: BlockCollector<Taken>,
    markCsv: MarkCsv = markPlainly,
  ) {
    this.#markCsv = markCsv;
    this.#profile = profileFrom(profile);
    this.#now = now;
    this.#collector = collector;
  }

  run(input: ImportBlockInput): ImportedBlock<Taken> {
    const { bytes, separator, state } = input;
    const counts = this.#counts;
    Object.assign(counts, newCounts());
    this.#rejects = new BlockRejects();
    this.#collector.startFile(input.fileIndex);
    const headerSink = new HeaderSink(this.#profile, (header) => this.#readerOf(header, input));
    const sink = input.header ? this.#readerOf(input.header, input) : headerSink;
    const scanner = new CsvScanner({ sink, separator, markCsv: this.#markCsv, ...state });
    scanner.push(bytes);
    if (input.isLast) scanner.end();
    assert(
      counts.rows === counts.accepted + this.#rejects.taken.length,
      'each row is counted once',
    );
    return {
      taken: this.#collector.take(),
      ...{ rows: counts.rows, accepted: counts.accepted, notes: counts.notes },
      ...{ newestReport: counts.newestReport, rejects: this.#rejects.taken },
      ...{ lineCount: scanner.lineCount, header: input.header ?? headerSink.header },
      ...{ state: scanner.state, restLength: scanner.rest.length, bytes },
    };
  }

  #readerOf(header: readonly string[], { fileIndex, countRows }: ImportBlockInput): RowReader {
    const key = JSON.stringify([fileIndex, countRows, header]);
    if (this.#reader === undefined || key !== this.#readerKey) {
      this.#readerKey = key;
      this.#reader = new RowReader({
        ...{ profile: this.#profile, header, fileName: '', countRows, now: this.#now },
        ...{ counts: this.#counts, consumer: this.#collector },
        rejects: { add: (file, line, column, code) => this.#rejects.add(file, line, column, code) },
      });
    }
    this.#reader.restart();
    return this.#reader;
  }
}
