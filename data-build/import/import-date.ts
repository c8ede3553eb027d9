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
  if (isPlainDay(text)) return text;
  const trimmed = text.trim();
  const [, year, month, day] = ISO.exec(trimmed) ?? COMPACT.exec(trimmed) ?? [];
  if (year && month && day) return existing(year, month, day);
  const [, pointedDay, pointedMonth, pointedYear] = POINTED.exec(trimmed) ?? [];
  if (!pointedDay || !pointedMonth || !pointedYear) return undefined;
  return existing(pointedYear, pointedMonth.padStart(2, '0'), pointedDay.padStart(2, '0'));
}

/** Whether a text is the date that it stands for, as most are. By its characters: to match and take apart takes five times as long. */
function isPlainDay(text: string): boolean {
  if (text.length !== 10 || text[4] !== '-' || text[7] !== '-') return false;
  const number = (start: number, end: number): number => {
    let value = 0;
    for (let i = start; i < end; i++) {
      const digit = text.charCodeAt(i) - 0x30;
      if (digit < 0 || digit > 9) return Number.NaN;
      value = 10 * value + digit;
    }
    return value;
  };
  const year = number(0, 4);
  const day = number(8, 10);
  return !Number.isNaN(year) && day >= 1 && day <= daysOf(year, number(5, 7));
}

/** By arithmetic: a date object for each of half a billion dates costs more than all else in a row. */
function existing(year: string, month: string, day: string): string | undefined {
  const isThere = Number(day) >= 1 && Number(day) <= daysOf(Number(year), Number(month));
  return isThere ? `${year}-${month}-${day}` : undefined;
}

/** Days of a month of the Gregorian calendar; 0 if there is no such month. */
function daysOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return DAYS[month] ?? 0;
}

const DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
