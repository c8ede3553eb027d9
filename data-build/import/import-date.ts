/**
 * Dates of an export: YYYY-MM-DD (with or without a time), YYYYMMDD, d.M.yyyy.
 *
 * What is written otherwise is left out: 03/04/2020 is two days. A date never costs a record its place.
 */

const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:$|[T ])/;
const COMPACT = /^(\d{4})(\d{2})(\d{2})$/;
const POINTED = /^(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})(?:$| )/;

/** YYYY-MM-DD of a date that exists; else undefined. */
export function importDate(text: string): string | undefined {
  const trimmed = text.trim();
  const [, year, month, day] = ISO.exec(trimmed) ?? COMPACT.exec(trimmed) ?? [];
  if (year && month && day) return existing(year, month, day);
  const [, pointedDay, pointedMonth, pointedYear] = POINTED.exec(trimmed) ?? [];
  if (!pointedDay || !pointedMonth || !pointedYear) return undefined;
  return existing(pointedYear, pointedMonth.padStart(2, '0'), pointedDay.padStart(2, '0'));
}

function existing(year: string, month: string, day: string): string | undefined {
  const date = `${year}-${month}-${day}`;
  const time = Date.parse(date);
  // Date.parse refuses a 13th month, but not in every engine a 31st of June.
  return new Date(time || 0).toISOString().startsWith(date) ? date : undefined;
}
