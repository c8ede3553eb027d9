/**
 * Number readings: the canonical numbers that one written number may stand for.
 *
 * In Cyrillic and Latin, В and B are one shape and two letters. A clerk who registered the series
 * ВС may have typed it in either script, and so may the officer: the Cyrillic one becomes VS, the
 * Latin one BC. A record has one spelling, so the question brings both. (For a state that writes no
 * Cyrillic there is no doubt: canonicalNumber takes the Latin letter.) The same holds for a letter
 * with diacritics that ICAO spells with two (Ä is AE) and that others write without the mark (A).
 */

import { canonicalNumber } from './canonical-key.ts';
import type { StateCode } from './issuing-state.ts';
import { cyrillicTwin, latinTwin, usesCyrillic } from './transliteration.ts';

/** Series have two letters; up to so many, each may be of either script on its own. */
const MIXED_LETTERS_MAX = 2;

/**
 * The readings of a number, the given canonical one first; at most five, at most two for a state
 * without Cyrillic series. `text` is the number as written.
 */
export function numberReadings(
  text: string,
  canonical: string,
  state: StateCode,
): readonly string[] {
  const isAscii = isAsciiText(text);
  if (isAscii && !usesCyrillic(state)) return [canonical];
  const readings = [canonical];
  const written = isAscii ? canonical : text.normalize('NFKC').toUpperCase().normalize('NFKC');
  if (!isAscii) addReading(readings, written.normalize('NFD').replace(MARKS, ''), state);
  if (usesCyrillic(state)) addTwins(readings, Array.from(written), state);
  return readings;
}

const MARKS = /[\u0300-\u036f]/g;

function isAsciiText(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

function addReading(readings: string[], text: string, state: StateCode): void {
  const number = canonicalNumber(text, state);
  if (number.ok && !readings.includes(number.value)) readings.push(number.value);
}

/**
 * Adds the text with its look-alike letters in either script: every mix where there are one or two,
 * all Latin and all Cyrillic where there are more.
 */
function addTwins(readings: string[], letters: readonly string[], state: StateCode): void {
  const places: number[] = [];
  for (let i = 0; i < letters.length; i++) if (isTwofold(letters[i]!, state)) places.push(i);
  if (places.length > MIXED_LETTERS_MAX) {
    for (const twinOf of [latinTwin, cyrillicTwin]) {
      addReading(readings, letters.map((letter) => twinOf(letter) ?? letter).join(''), state);
    }
    return;
  }
  for (let mix = 1; mix < 1 << places.length; mix++) {
    const swapped = letters.slice();
    for (let i = 0; i < places.length; i++) {
      const place = places[i]!;
      if (mix & (1 << i)) swapped[place] = twinOf(letters[place]!)!;
    }
    addReading(readings, swapped.join(''), state);
  }
}

const twinOf = (letter: string): string | undefined => cyrillicTwin(letter) ?? latinTwin(letter);

/**
 * True if the letter has a twin that becomes another letter; A and А are the same and do not count.
 */
function isTwofold(letter: string, state: StateCode): boolean {
  const twin = twinOf(letter);
  if (twin === undefined) return false;
  const first = canonicalNumber(letter, state);
  const second = canonicalNumber(twin, state);
  return first.ok && second.ok && first.value !== second.value;
}
