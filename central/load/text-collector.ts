/**
 * Text collector: rows of an export to lines that are staged, in the thread that reads them.
 *
 * A range of blanks is handed over as one part, since a block of them would be lines without a bound;
 * whoever stages the lines writes them out, number by number.
 */

import type { BlockCollector } from '../../data-build/import/import-block.ts';
import { importedRecord } from '../../data-build/import/imported-record.ts';
import { incrementNumber } from '../../data-build/import/number-range.ts';
import type { ImportedRecord } from '../../data-build/import/record.ts';
import type { RowReader } from '../../data-build/import/row-reader.ts';
import { CLASS_LETTER } from '../../src/document/document-class.ts';
import { reportedRow } from '../records/record-row.ts';
import { LineBuffer, type LinesPart, lineOf } from './row-text.ts';

/** Lines of so many records, or a range that begins with this record. */
export type StagedPart = LinesPart | { first: ImportedRecord; count: number; fileIndex: number };

/** What lines are made with. */
export interface TextSettings {
  /** Secret of record ids, as in data_state. */
  identityKey: string;
  /** For a key the index of the last input file that takes it out of the list. */
  removedBy: ReadonlyMap<string, number>;
}

export class TextCollector implements BlockCollector<StagedPart[]> {
  readonly #settings: TextSettings;
  #parts: StagedPart[] = [];
  readonly #lines = new LineBuffer();
  #fileIndex = 0;

  constructor(settings: TextSettings) {
    this.#settings = settings;
  }

  startFile(index: number): void {
    this.#fileIndex = index;
  }

  accept(row: RowReader): void {
    const line = listedLine(importedRecord(row), this.#fileIndex, this.#settings);
    if (line !== undefined && this.#lines.add(line)) this.#flush();
  }

  acceptRange(row: RowReader, count: number): void {
    this.#flush();
    this.#parts.push({ first: importedRecord(row), count, fileIndex: this.#fileIndex });
  }

  take(): StagedPart[] {
    this.#flush();
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }

  #flush(): void {
    if (!this.#lines.isEmpty) this.#parts.push(this.#lines.take());
  }
}

/** All lines of a part, some at a time. */
export function* linesOf(part: StagedPart, settings: TextSettings): Generator<LinesPart> {
  if ('lines' in part) {
    yield part;
    return;
  }
  const { first, count, fileIndex } = part;
  const number = new TextEncoder().encode(first.number);
  const lines = new LineBuffer();
  for (let done = 0; done < count; done++) {
    if (done > 0) incrementNumber(number, number.length);
    const own = Buffer.from(number).toString('latin1');
    const record = { ...first, number: own, numberAsReported: own };
    const line = listedLine(record, fileIndex, settings);
    if (line !== undefined && lines.add(line)) yield lines.take();
  }
  if (!lines.isEmpty) yield lines.take();
}

/** The line of a record under the classes that no later file takes it out of; undefined if there is none. */
function listedLine(
  record: ImportedRecord,
  fileIndex: number,
  { removedBy, identityKey }: TextSettings,
): string | undefined {
  if (removedBy.size === 0) return lineOf(reportedRow(record, identityKey));
  const { state, number } = record;
  const classes = record.classes.filter((documentClass) => {
    const key = CLASS_LETTER[documentClass] + state.padEnd(3, '<') + number;
    return (removedBy.get(key) ?? -1) <= fileIndex;
  });
  return classes.length === 0
    ? undefined
    : lineOf(reportedRow({ ...record, classes }, identityKey));
}
