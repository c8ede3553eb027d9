/** What stands before the rows: the header line, or a profile's columns where a file has none. */

import { SltdError } from '../../src/errors.ts';
import type { Profile } from './profile.ts';
import type { RowReader } from './row-reader.ts';
import type { RowSink } from './row-sink.ts';

/** Takes the first row for the header, or finds the headerless columns by their number. */
export class HeaderSink implements RowSink {
  readonly #profile: Profile;
  readonly #newReader: (header: string[]) => RowReader;
  #reader: RowReader | undefined;
  #header: readonly string[] | undefined;

  constructor(profile: Profile, newReader: (header: readonly string[]) => RowReader) {
    this.#profile = profile;
    this.#newReader = newReader;
  }

  /** Names of the columns; undefined before the first row. */
  get header(): readonly string[] | undefined {
    return this.#header;
  }

  row(bytes: Uint8Array, starts: Int32Array, ends: Int32Array, line: number, count: number): void {
    if (this.#reader) {
      this.#reader.row(bytes, starts, ends, line);
      return;
    }
    const { headerless } = this.#profile;
    if (headerless) {
      const header = headerless.find((columns) => columns.length === count);
      if (!header) {
        const counts = headerless.map((columns) => columns.length).join(' or ');
        throw new SltdError('input-schema', { detail: `rows must have ${counts} columns` });
      }
      this.#header = header;
      this.#reader = this.#newReader([...header]);
      this.#reader.row(bytes, starts, ends, line);
      return;
    }
    const decoder = new TextDecoder();
    const header = Array.from({ length: count }, (_, field) =>
      decoder.decode(bytes.subarray(starts[field], ends[field])),
    );
    this.#header = header;
    this.#reader = this.#newReader(header);
  }

  bad(line: number, code: Parameters<RowSink['bad']>[1]): void {
    // Without a header nothing of the file can be told apart.
    if (!this.#reader) throw new SltdError('input-schema', { detail: 'the first line is broken' });
    this.#reader.bad(line, code);
  }
}
