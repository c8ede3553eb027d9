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

import { assert } from '../errors.ts';
import { type DocumentName, NUMBER_LENGTH_MAX } from './canonical-key.ts';
import { characterValue, weightAt } from './check-digit.ts';

/** At most so many spellings, so that with the number itself at most 64 keys are probed. */
const LOOK_ALIKES_MAX = 63;

/** Pairs that no check digit tells apart, then pairs that look alike in OCR-B, print or by hand. */
const PAIRS = 'G6 S8 L1 PF U0 QG ' + 'O0 I1 B8 S5 Z2 Q0 D0 OQ OD IL';

/**
 * Characters of one group are joined by pairs; the first stands for all. Part of the edition format
 * (docs/format.md section 3): what is listed is kept by group, so that all spellings of a document
 * are asked of one page. A pair across two groups would be looked for in the wrong page.
 */
const GROUPS = ['06DGOQU', '1IL', '2Z', '8BS5', 'FP'];

/** What stands for a character. */
const STANDS_FOR: ReadonlyMap<string, string> = new Map(
  GROUPS.flatMap((group) => [...group].map((letter) => [letter, group[0]!] as const)),
);

/** The text with each character replaced by the one that stands for its group. */
export function lookAlikeGroup(name: DocumentName): string {
  return Array.from(name, (letter) => STANDS_FOR.get(letter) ?? letter).join('');
}

for (const pair of PAIRS.split(' ')) {
  const isInOne = GROUPS.some((group) => [...pair].every((letter) => group.includes(letter)));
  assert(isInOne, 'a pair lies in one look-alike group');
}

/** Alternatives of all characters, flat: those of code c are ALTERNATIVE_STARTS[c] to [c + 1]. */
const ALTERNATIVE_STARTS = new Uint8Array(129);
/** Character codes. */
const ALTERNATIVE_LETTERS: number[] = [];
/** What each adds to the value of the character, before weighting, modulo 10. */
const ALTERNATIVE_CHANGES: number[] = [];

for (let code = 0; code < 128; code++) {
  const letter = String.fromCharCode(code);
  for (const pair of PAIRS.split(' ')) {
    const other = pair.indexOf(letter) < 0 ? undefined : pair.charCodeAt(1 - pair.indexOf(letter));
    if (other === undefined) continue;
    ALTERNATIVE_LETTERS.push(other);
    ALTERNATIVE_CHANGES.push((characterValue(other) - characterValue(code) + 40) % 10);
  }
  ALTERNATIVE_STARTS[code + 1] = ALTERNATIVE_LETTERS.length;
}

/**
 * One or two characters put in the place of others: place, character code, place, character code,
 * from the lowest byte up; the second pair is 0 for a change of one. A number, because a check asks
 * for a dozen spellings and needs the text of none unless it matches.
 */
export type Change = number;

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
  if (checkDigit === 'none') return singleChanges(number, countMax);
  const changes: Change[] = [];
  const count = listSingles(number);
  for (let i = 0; i < count && changes.length < countMax; i++) {
    if (CHANGES[i] === 0) changes.push(SINGLES[i]!);
  }
  addPairs(count, changes, countMax);
  return changes;
}

function singleChanges(number: string, countMax: number): Change[] {
  const changes: Change[] = [];
  for (let place = 0; place < number.length; place++) {
    const code = number.charCodeAt(place);
    const end = ALTERNATIVE_STARTS[code + 1]!;
    for (let alternative = ALTERNATIVE_STARTS[code]!; alternative < end; alternative++) {
      if (changes.length >= countMax) return changes;
      changes.push(place | (ALTERNATIVE_LETTERS[alternative]! << 8));
    }
  }
  return changes;
}

/** Room for the alternatives of all places of a number: at most six each. */
const ROOM = 6 * NUMBER_LENGTH_MAX;
const PLACES = new Uint8Array(ROOM);
const SINGLES = new Int32Array(ROOM);
/** What a change adds to the character's value, modulo 10. */
const CHANGES = new Uint8Array(ROOM);
/** What it adds to the weighted sum, modulo 10. */
const SHIFTS = new Uint8Array(ROOM);
/** The same under the habit of counting the filler behind nine characters (mrz-number.ts). */
const FILLED_SHIFTS = new Uint8Array(ROOM);

/** A long TD1 or TD2 number has a filler after nine characters that some issuers count. */
const CHARACTERS_BEFORE_FILLER = 9;

/** Fills the five with all changes of one character; their number. Flat: every verified zone comes here. */
function listSingles(number: string): number {
  let count = 0;
  for (let i = 0; i < number.length; i++) {
    const code = number.charCodeAt(i);
    const end = ALTERNATIVE_STARTS[code + 1]!;
    for (let alternative = ALTERNATIVE_STARTS[code]!; alternative < end; alternative++) {
      const change = ALTERNATIVE_CHANGES[alternative]!;
      PLACES[count] = i;
      SINGLES[count] = i | (ALTERNATIVE_LETTERS[alternative]! << 8);
      CHANGES[count] = change;
      SHIFTS[count] = (change * weightAt(i)) % 10;
      FILLED_SHIFTS[count] =
        i < CHARACTERS_BEFORE_FILLER ? SHIFTS[count]! : (change * weightAt(i + 1)) % 10;
      count++;
    }
  }
  return count;
}

/** Two changes that leave the sum modulo 10 as it is. */
function addPairs(count: number, changes: Change[], countMax: number): void {
  for (let first = 0; first < count; first++) {
    const needed = (10 - SHIFTS[first]!) % 10;
    const filledNeeded = (10 - FILLED_SHIFTS[first]!) % 10;
    for (let second = first + 1; second < count; second++) {
      if (SHIFTS[second] !== needed && FILLED_SHIFTS[second] !== filledNeeded) continue;
      if (PLACES[second] === PLACES[first]) continue;
      if (changes.length >= countMax) return;
      changes.push(twoChanges(SINGLES[first]!, SINGLES[second]!));
    }
  }
}
