/**
 * Document number of an MRZ: the one field that decides, with its own check digit.
 *
 * ICAO Doc 9303-4 to -7. A number that may have lost a character is invalid, so that the zone is
 * read again; a number that may go on in the optional data keeps both readings.
 */

import { closesSum, weightedSum } from './check-digit.ts';

/** The document number of a zone: as written, other readings of it, and its check digit. */
export interface NumberField {
  value: string;
  others: readonly string[];
  check: 'valid' | 'invalid' | 'absent';
}

/** Character code of '<'. */
export const FILLER = 0x3c;
/** No other reading. */
export const NO_NUMBERS: readonly string[] = [];
/** Characters of the number field in every ICAO format. */
export const NUMBER_WIDTH = 9;

/**
 * The number of nine characters at `from` with its check digit after it; `optionalFrom` to
 * `optionalTo` is where a longer one goes on (empty where the format does not allow it).
 *
 * Long numbers (9303-5 and -6, notes to the data structure): a filler for the check digit, the rest
 * of the number and its check digit at the start of the optional data, then a filler. Issuers count
 * the first filler into the check digit or do not; both fit. Where they fit by chance, the nine
 * characters are the number and the rest is optional data of a card without check digit, so that
 * reading is kept beside.
 */
export function parseNumber(
  line: string,
  from: number,
  optionalFrom: number,
  optionalTo: number,
): NumberField {
  const to = from + NUMBER_WIDTH;
  const value = trimFillers(line, from, to);
  const checkCode = line.charCodeAt(to);
  if (!isPlausible(line, from, to)) return { value, others: NO_NUMBERS, check: 'invalid' };
  if (checkCode !== FILLER) {
    const isFitting = closesSum(weightedSum(line, from, to), checkCode);
    return { value, others: NO_NUMBERS, check: isFitting ? 'valid' : 'invalid' };
  }
  let end = optionalFrom;
  while (end < optionalTo && line.charCodeAt(end) !== FILLER) end++;
  const isShort = value.length < NUMBER_WIDTH;
  if (isShort || end === optionalFrom) return { value, others: NO_NUMBERS, check: 'absent' };
  const last = end - 1;
  if (last === optionalFrom) return { value, others: NO_NUMBERS, check: 'invalid' };
  const head = weightedSum(line, from, to);
  const digit = line.charCodeAt(last);
  const isFitting =
    closesSum(head + weightedSum(line, optionalFrom, last, NUMBER_WIDTH), digit) ||
    closesSum(head + weightedSum(line, optionalFrom, last, NUMBER_WIDTH + 1), digit);
  const long = value + line.slice(optionalFrom, last);
  return { value: long, others: [value], check: isFitting ? 'valid' : 'invalid' };
}

/**
 * False if the field holds what no number has, or begins with a filler though it is not empty: a
 * reader that lost the first character would else go unseen where that counted 0 modulo 10.
 */
export function isPlausible(line: string, from: number, to: number): boolean {
  let isEmpty = true;
  for (let i = from; i < to; i++) {
    const code = line.charCodeAt(i);
    if (code === FILLER) continue;
    const isLetter = code >= 0x41 && code <= 0x5a;
    if (!isLetter && !(code >= 0x30 && code <= 0x39)) return false;
    isEmpty = false;
  }
  return isEmpty || line.charCodeAt(from) !== FILLER;
}

/** line[from, to) without the fillers at its end. */
export function trimFillers(line: string, from: number, to: number): string {
  let end = to;
  while (end > from && line.charCodeAt(end - 1) === FILLER) end--;
  return line.slice(from, end);
}
