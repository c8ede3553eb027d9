/**
 * Rows of an export as text that is staged: one line a record in the text format of PostgreSQL's COPY
 * (tabs between, \N for null, backslashes before what is special).
 *
 * Made where the row is read, so that threads hand each other bytes and not objects.
 */

import type { ReportedRow } from '../records/record-row.ts';

/** Columns of a staged row, in order. */
export const STAGED_COLUMNS = [
  'id',
  'state',
  'type_code',
  'classes',
  'number',
  'number_as_reported',
  'category',
  'date_of_theft',
  'place_of_theft',
  'country_of_theft',
  'date_of_issue',
  'date_of_expiry',
  'national_reference',
  'notice_color',
  'owner_ncb',
  'reported_at',
  'blank_from',
  'blank_to',
] as const satisfies readonly (keyof ReportedRow)[];

const SPECIAL = /[\\\t\n\r]/;
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
const SIGNS: Record<string, string> = { '\\\\': '\\', '\\t': '\t', '\\n': '\n', '\\r': '\r' };
const NULL = '\\N';

/** The line of a row, with its line break. */
export function lineOf(row: ReportedRow): string {
  let line = '';
  for (const name of STAGED_COLUMNS) {
    const value = row[name];
    if (line !== '') line += '\t';
    if (value === null) line += NULL;
    else line += SPECIAL.test(value) ? escaped(value) : value;
  }
  return `${line}\n`;
}

/** The values of a line without its line break, in the order of the columns. */
export const valuesOf = (line: string): (string | null)[] =>
  line.split('\t').map((text) => {
    if (text === NULL) return null;
    return text.includes('\\') ? text.replace(/\\./g, (sign) => SIGNS[sign]!) : text;
  });

const escaped = (text: string): string => text.replace(/[\\\t\n\r]/g, (sign) => ESCAPES[sign]!);

/** Whole lines, in UTF-8, of so many records. */
export interface LinesPart {
  lines: Uint8Array<ArrayBuffer>;
  recordCount: number;
}

const LINES_BYTES = 256 * 1024;
/** A short range has few lines. */
const START_BYTES = 4 * 1024;
/** UTF-8 has no more bytes for a character of a text. */
const BYTES_A_CHARACTER = 3;

/** Lines as bytes: one long text would be put together from all its pieces first. */
export class LineBuffer {
  #bytes = Buffer.allocUnsafe(START_BYTES);
  #length = 0;
  #recordCount = 0;

  get isEmpty(): boolean {
    return this.#recordCount === 0;
  }

  /** True once there is enough to be taken. */
  add(line: string): boolean {
    const need = this.#length + BYTES_A_CHARACTER * line.length;
    if (need > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * need);
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#length += this.#bytes.write(line, this.#length);
    this.#recordCount++;
    return this.#length >= LINES_BYTES;
  }

  /** Hands over the lines and begins anew. */
  take(): LinesPart {
    const part = {
      lines: new Uint8Array(this.#bytes.subarray(0, this.#length)),
      recordCount: this.#recordCount,
    };
    this.#length = 0;
    this.#recordCount = 0;
    return part;
  }
}
