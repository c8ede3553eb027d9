/**
 * The record of an accepted row, with all its fields: what central loads.
 *
 * What could not be read is left out and not guessed; dates and times are made plain.
 */

import { parseNoticeColor } from '../../src/format/notice.ts';
import { importDate } from './import-date.ts';
import type { ImportedRecord } from './record.ts';
import type { RowReader } from './row-reader.ts';

/** The record of the row at hand, or of the number at hand of its range. */
export function importedRecord(row: RowReader): ImportedRecord {
  const number = Buffer.from(row.number.buffer, 0, row.numberLength).toString('latin1');
  const record: ImportedRecord = {
    state: row.state,
    classes: row.classes,
    number,
    numberAsReported: row.range ? number : row.reportedNumber(),
    category: row.category,
    line: row.line,
  };
  const typeCode = row.text('type');
  if (typeCode !== undefined) record.typeCode = typeCode;
  for (const field of ['dateOfTheft', 'dateOfIssue', 'dateOfExpiry'] as const) {
    const date = importDate(row.text(field) ?? '');
    if (date !== undefined) record[field] = date;
  }
  for (const field of ['placeOfTheft', 'countryOfTheft', 'nationalReference', 'ncb'] as const) {
    const text = row.text(field);
    if (text !== undefined) record[field] = text;
  }
  const noticeColor = parseNoticeColor(row.text('noticeColor') ?? '');
  if (noticeColor !== undefined) record.noticeColor = noticeColor;
  const reportedAt = row.text('reportedAt') ?? '';
  const reportedTime = importDateTime(reportedAt) ?? importDate(reportedAt);
  if (reportedTime !== undefined) record.reportedAt = reportedTime;
  if (row.range) record.blankRange = { from: row.range.from, to: row.range.to };
  return record;
}

const DATE_LENGTH = 10;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/;
const UTC_SECONDS = /^\d{4}-\d{2}-\d{2}T([01]\d|2[0-3])(:[0-5]\d){2}Z$/;

/** A date with time and zone, in UTC; without a zone nobody can say when it was. */
function importDateTime(text: string): string | undefined {
  // Most are dates alone.
  if (text.length <= DATE_LENGTH) return undefined;
  // Or the form that we write ourselves, which a date object has nothing to add to.
  if (UTC_SECONDS.test(text) && importDate(text.slice(0, DATE_LENGTH)) !== undefined) {
    return `${text.slice(0, -1)}.000Z`;
  }
  const time = DATE_TIME.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}
