/**
 * Canonical key: the one spelling of a document, from which its digest is made.
 *
 * Build and edge call the same functions, and a record that is spelled otherwise than the question
 * would be missed (promise 1). So everything that a clerk, a reader or a database may add or change
 * without meaning another document is undone here: case, separators, fillers, scripts. Leading
 * zeros are kept: they are part of the number. Form: docs/format.md; scripts: transliteration.ts.
 */

import { assert, type ErrorCode } from '../errors.ts';
import { CLASS_LETTER, type DocumentClass } from './document-class.ts';
import type { StateCode } from './issuing-state.ts';
import { transliterate } from './transliteration.ts';

/**
 * ASCII: class letter, issuing state padded with '<' to three, number. 'PD<<C01X00T47'; 5 to 36
 * characters.
 */
export type CanonicalKey = string & { readonly __brand: 'CanonicalKey' };

/** Issuing state and number of a key: one document, whatever class it was asked under. */
export type DocumentName = string & { readonly __brand: 'DocumentName' };

/** The key without its class letter. */
export const documentName = (key: CanonicalKey): DocumentName => key.slice(1) as DocumentName;

/**
 * Longest canonical number. MRZ numbers have at most 23 characters (TD1), national ones some more.
 */
export const NUMBER_LENGTH_MAX = 32;

/** Longer text is refused before any work, so that no input is costly. */
const NUMBER_TEXT_LENGTH_MAX = 128;

/** A document number in its one spelling, or why the text cannot be one. */
export type NumberResult = { ok: true; value: string } | { ok: false; code: ErrorCode };

const MISSING: NumberResult = { ok: false, code: 'number-missing' };
const TOO_LONG: NumberResult = { ok: false, code: 'number-too-long' };
const BAD_CHARACTER: NumberResult = { ok: false, code: 'number-bad-character' };

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isUpper = (code: number): boolean => code >= 0x41 && code <= 0x5a;
const isCanonical = (code: number): boolean => isDigit(code) || isUpper(code);

/**
 * The canonical number of any text: A-Z and 0-9, 1 to 32 characters. Total and idempotent. Refuses
 * with number-missing, number-too-long or number-bad-character; the text is never repeated.
 */
export function canonicalNumber(text: string, state: StateCode): NumberResult {
  const length = text.length;
  if (length > NUMBER_TEXT_LENGTH_MAX) return TOO_LONG;
  let clean = 0;
  while (clean < length && isCanonical(text.charCodeAt(clean))) clean++;
  if (clean < length) return canonicalSlow(text, state, clean);
  if (length === 0) return MISSING;
  return length > NUMBER_LENGTH_MAX ? TOO_LONG : { ok: true, value: text };
}

/** ASCII text with something to raise or to drop; `clean` characters are known to be fine. */
function canonicalSlow(text: string, state: StateCode, clean: number): NumberResult {
  let value = text.slice(0, clean);
  for (let i = clean; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return canonicalNational(text, state);
    if (isCanonical(code)) value += text[i];
    else if (code >= 0x61 && code <= 0x7a) value += String.fromCharCode(code - 0x20);
    else if (!isAsciiSeparator(code)) return BAD_CHARACTER;
  }
  return sized(value);
}

const sized = (value: string): NumberResult => {
  if (value === '') return MISSING;
  return value.length > NUMBER_LENGTH_MAX ? TOO_LONG : { ok: true, value };
};

/** Tab, line breaks, blank, hyphen, dot, slash, filler, backslash. */
function isAsciiSeparator(code: number): boolean {
  return (
    code === 0x20 ||
    (code >= 0x09 && code <= 0x0d) ||
    (code >= 0x2d && code <= 0x2f) ||
    code === 0x3c ||
    code === 0x5c
  );
}

/** Blanks, dashes, the slashes and dots of other keyboards, and marks that print nothing. */
const SEPARATOR = /^[\p{Z}\p{Pd}\u2212\u2044\u2215\u00b7\u2022\u2024\u2027\u30fb\p{Cf}]$/u;
/** Marks that combine with the letter before them; what is left of them after NFKC is ornament. */
const DIACRITIC = /^[\u0300-\u036f]$/;
const DECIMAL = /^\p{Nd}$/u;
/**
 * Characters that NFKC would turn into letters or digits of the number: the numero sign is dropped,
 * ordinals, fractions and superscripts are no part of a number and cannot be judged.
 */
const NUMERO = /\u2116/g;
const MISLEADING = /[\u00aa\u00ba\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u209f\u2150-\u215f\u2189]/;

/**
 * Text with characters beyond ASCII.
 */
function canonicalNational(text: string, state: StateCode): NumberResult {
  if (MISLEADING.test(text)) return BAD_CHARACTER;
  // Upper case can compose anew or fall apart, so normalize on both sides of it.
  const upper = text.replace(NUMERO, '').normalize('NFKC').toUpperCase().normalize('NFKC');
  // One character of these can become eighteen.
  if (upper.length > NUMBER_TEXT_LENGTH_MAX) return TOO_LONG;
  const letters = Array.from(upper).filter((letter) => !isDropped(letter));
  const place = { isInitial: true, isFinal: false, previous: '' };
  let value = '';
  for (let i = 0; i < letters.length; i++) {
    const letter = letters[i]!;
    const digit = decimalValue(letter);
    place.isFinal = i === letters.length - 1;
    const plain = letter.length === 1 && isCanonical(letter.charCodeAt(0)) ? letter : digit;
    const written = plain ?? transliterate(letter, state, place);
    if (written === undefined) return BAD_CHARACTER;
    // A sign that writes nothing stands for nothing: shadda still doubles the letter before it.
    if (written === '') continue;
    value += written;
    place.isInitial = digit !== undefined;
    place.previous = digit === undefined ? written : '';
  }
  return sized(value);
}

function isDropped(letter: string): boolean {
  const code = letter.charCodeAt(0);
  if (code <= 0x7f) return isAsciiSeparator(code);
  return SEPARATOR.test(letter) || DIACRITIC.test(letter);
}

/**
 * The ASCII digit of a decimal digit in any script. Unicode assigns the ten digits of a script in a
 * row, 0 first (Unicode Standard, section 4.6), so the place in the row is the value; rows may
 * touch.
 */
function decimalValue(letter: string): string | undefined {
  if (!DECIMAL.test(letter)) return undefined;
  const code = letter.codePointAt(0)!;
  let zero = code;
  while (DECIMAL.test(String.fromCodePoint(zero - 1))) zero--;
  return String((code - zero) % 10);
}

/**
 * The key of a document. The number must be canonical: anything else is our own mistake and throws,
 * because a key that no record can have would be answered clear.
 */
export function canonicalKey(cls: DocumentClass, state: StateCode, number: string): CanonicalKey {
  const length = number.length;
  assert(length > 0 && length <= NUMBER_LENGTH_MAX, 'a canonical number has 1 to 32 characters');
  for (let i = 0; i < length; i++) {
    assert(isCanonical(number.charCodeAt(i)), 'a canonical number is A-Z and 0-9');
  }
  const padded = state.length === 3 ? state : state.padEnd(3, '<');
  return (CLASS_LETTER[cls] + padded + number) as CanonicalKey;
}
