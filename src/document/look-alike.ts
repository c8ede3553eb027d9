/**
 * Look-alike spellings: what a document number may have been before it was misread or mistyped.
 *
 * The 7-3-1 check digit works modulo 10, so it never sees G read as 6, S as 8, L as 1, P as F, U as
 * 0 or Q as G: their values differ by a multiple of 10. Nor does it see two misreadings that cancel
 * out, such as O for 0 at a place of weight 7 and again at one of weight 3. A number whose check
 * digit fits can only be wrong in such ways, so exactly these spellings are listed for it. A typed
 * number has no check digit: there any single confusion is possible, and one is listed at a time,
 * for two typing errors that both pass the eye are rare and each spelling costs a probe.
 *
 * Only pairs of a letter and a digit, or of two letters, are listed. Two digits in place of each
 * other make another real number, and with it a false hit on an innocent traveller.
 * A spelling can add a candidate, which central confirms; it can never take one away.
 */

import { NUMBER_LENGTH_MAX } from './canonical-key.ts';
import { characterValue, weightAt } from './check-digit.ts';

/** At most so many spellings, so that with the number itself at most 64 keys are probed. */
const LOOK_ALIKES_MAX = 63;

/** Pairs that no check digit tells apart, then pairs that look alike in OCR-B, print or by hand. */
const PAIRS = 'G6 S8 L1 PF U0 QG ' + 'O0 I1 B8 S5 Z2 Q0 D0 OQ OD IL';

interface Alternative {
  letter: string;
  /** Change of the character's value, before weighting. */
  change: number;
}

const NONE: readonly Alternative[] = [];

/** Alternatives by character code, in the order of PAIRS. */
const ALTERNATIVES: readonly (readonly Alternative[])[] = (() => {
  const table: Alternative[][] = Array.from({ length: 128 }, () => []);
  const add = (from: string, to: string): void => {
    const change = characterValue(to.charCodeAt(0)) - characterValue(from.charCodeAt(0));
    table[from.charCodeAt(0)]!.push({ letter: to, change });
  };
  for (const pair of PAIRS.split(' ')) {
    add(pair.charAt(0), pair.charAt(1));
    add(pair.charAt(1), pair.charAt(0));
  }
  return table;
})();

/**
 * One or two characters put in the place of others: place, character code, place, character code,
 * from the lowest byte up; the second pair is 0 for a change of one. A number, because a check asks
 * for a dozen spellings and needs the text of none unless it matches.
 */
export type Change = number;

const oneChange = (place: number, letter: string): Change => place | (letter.charCodeAt(0) << 8);
const twoChanges = (first: Change, second: Change): Change => first | (second << 16);

/** The number after a change. */
export function respell(number: string, change: Change): string {
  let spelling = number;
  for (let rest = change; rest !== 0; rest >>>= 16) {
    const place = rest & 0xff;
    const letter = String.fromCharCode((rest >> 8) & 0xff);
    spelling = spelling.slice(0, place) + letter + spelling.slice(place + 1);
  }
  return spelling;
}

/**
 * The changes that make other spellings of a canonical number, never the number itself, each once,
 * in a fixed order, at most `countMax`. `verified`: its check digit fits; up to two characters
 * changed, the sum kept. `none`: no check digit; one character changed.
 */
export function lookAlikes(
  number: string,
  checkDigit: 'verified' | 'none',
  countMax = LOOK_ALIKES_MAX,
): Change[] {
  const changes: Change[] = [];
  const isVerified = checkDigit === 'verified';
  for (let i = 0; i < number.length; i++) {
    for (const { letter, change } of alternativesAt(number, i)) {
      if (isVerified && change % 10 !== 0) continue;
      if (changes.length >= countMax) return changes;
      changes.push(oneChange(i, letter));
    }
  }
  if (isVerified) addPairs(number, changes, countMax);
  return changes;
}

const alternativesAt = (number: string, index: number): readonly Alternative[] =>
  ALTERNATIVES[number.charCodeAt(index)] ?? NONE;

/** Room for the alternatives of all places of a number: at most six each. */
const ROOM = 6 * NUMBER_LENGTH_MAX;
const PLACES = new Uint8Array(ROOM);
const SINGLES = new Int32Array(ROOM);
const VALUE_CHANGES = new Int32Array(ROOM);
const WEIGHTED_CHANGES = new Int32Array(ROOM);

/** Two changes that leave the sum modulo 10 as it is. Flat, because every zone comes through here. */
function addPairs(number: string, changes: Change[], countMax: number): void {
  let count = 0;
  for (let i = 0; i < number.length; i++) {
    for (const { letter, change } of alternativesAt(number, i)) {
      PLACES[count] = i;
      SINGLES[count] = oneChange(i, letter);
      VALUE_CHANGES[count] = change;
      WEIGHTED_CHANGES[count] = change * weightAt(i);
      count++;
    }
  }
  for (let first = 0; first < count; first++) {
    for (let second = first + 1; second < count; second++) {
      if (PLACES[second] === PLACES[first]) continue;
      const sum = WEIGHTED_CHANGES[first]! + WEIGHTED_CHANGES[second]!;
      if (sum % 10 !== 0 && !cancelsWithFiller(first, second)) continue;
      if (changes.length >= countMax) return;
      changes.push(twoChanges(SINGLES[first]!, SINGLES[second]!));
    }
  }
}

/** A long TD1 or TD2 number has a filler after nine characters that some issuers count. */
const CHARACTERS_BEFORE_FILLER = 9;

/** Whether two changes cancel out under the habit of counting that filler. */
function cancelsWithFiller(first: number, second: number): boolean {
  if (PLACES[second]! < CHARACTERS_BEFORE_FILLER) return false;
  const weighted = (index: number): number => {
    const place = PLACES[index]!;
    const isBehind = place >= CHARACTERS_BEFORE_FILLER;
    return VALUE_CHANGES[index]! * weightAt(isBehind ? place + 1 : place);
  };
  return (weighted(first) + weighted(second)) % 10 === 0;
}
