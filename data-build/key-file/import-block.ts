/**
 * One thread's part of the import: blocks of a CSV text to entries of the key file.
 *
 * A block is scanned from the state that it is given and hands back the state in which it ends, so
 * that whoever gives out the blocks can tell whether they fit together.
 */

import { assert } from '../../src/errors.ts';
import type { MarkCsv } from '../import/csv-marks.ts';
import { CsvScanner, type CsvState } from '../import/csv-scanner.ts';
import { type ProfileSource, profileFrom } from '../import/find-profile.ts';
import { HeaderSink } from '../import/header-sink.ts';
import type { Profile } from '../import/profile.ts';
import type { NoteCode, RejectCode, RejectSink } from '../import/rejects.ts';
import { newCounts, RowReader } from '../import/row-reader.ts';
import { type EncodedKeys, KeyEncoder } from './key-encoder.ts';

export interface OpenImportInput {
  /** A profile itself only within one thread. */
  profile: ProfileSource | Profile;
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

export interface ImportedBlock {
  keys: EncodedKeys;
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

export class BlockImporter {
  readonly #profile: Profile;
  readonly #now: number;
  readonly #markCsv: MarkCsv;
  readonly #encoder: KeyEncoder;
  readonly #counts = newCounts();
  #rejects = new BlockRejects();
  /** The reader of the last block: what it knows of texts serves the next one. */
  #reader: RowReader | undefined;
  #readerKey = '';

  constructor({ profile, removedBy, now }: OpenImportInput, markCsv: MarkCsv) {
    this.#markCsv = markCsv;
    this.#profile = 'classesOf' in profile ? profile : profileFrom(profile);
    this.#now = now;
    this.#encoder = new KeyEncoder(removedBy);
  }

  run(input: ImportBlockInput): ImportedBlock {
    const { bytes, separator, state } = input;
    const counts = this.#counts;
    Object.assign(counts, newCounts());
    this.#rejects = new BlockRejects();
    this.#encoder.startFile(input.fileIndex);
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
      keys: this.#encoder.take(),
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
        ...{ counts: this.#counts, consumer: this.#encoder },
        rejects: { add: (file, line, column, code) => this.#rejects.add(file, line, column, code) },
      });
    }
    this.#reader.restart();
    return this.#reader;
  }
}
