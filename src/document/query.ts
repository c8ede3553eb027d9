/**
 * Query: from what a post sends to the canonical keys that are probed.
 *
 * The record's side has one key a class; all doubt is carried by the question: classes that the
 * document may be recorded under, other readings of its number, other issuers of one family, and
 * spellings that are easily misread. Each can only add a candidate (promise 1), and only the number
 * as read, of the state as read, can become a hit. At most 64 probes; readings are never cut.
 */

import { assert, type ErrorCode } from '../errors.ts';
import {
  type CanonicalKey,
  canonicalKey,
  canonicalNumber,
  type NumberResult,
} from './canonical-key.ts';
import { closesSum, weightedSum } from './check-digit.ts';
import { classesOfMrz, classesOfQuery, type DocumentClass } from './document-class.ts';
import { parseStateCode, relatedStates, type StateCode } from './issuing-state.ts';
import { type Change, lookAlikes, respell } from './look-alike.ts';
import { type Mrz, parseMrz } from './mrz.ts';
import { numberReadings } from './number-reading.ts';

export interface DocumentQuery {
  /** Every class that is asked; at least one. */
  classes: readonly DocumentClass[];
  state: StateCode;
  /** Issuers under whose code the record may stand instead; at most five. */
  alsoStates?: readonly StateCode[];
  /**
   * Canonical, the likeliest first; usually one, more where print or zone allows other readings.
   */
  numbers: readonly string[];
  /** Whether the check digit of numbers[0] was there and fits. */
  checkDigit: 'verified' | 'none';
}

export type QueryResult =
  | { ok: true; query: DocumentQuery; mrz?: Mrz }
  | { ok: false; code: ErrorCode };

/** Most probes of one question: they go through the matcher in one call. */
const PROBES_MAX = 64;

const refusal = (code: ErrorCode): QueryResult => ({ ok: false, code });

/**
 * The question of typed fields. Refuses with state-unknown, class-unknown or a number-* code; an
 * issuing state must be a code, not a name.
 */
export function queryFromFields(fields: {
  number: string;
  issuingState: string;
  documentClass?: string;
}): QueryResult {
  const state = parseStateCode(fields.issuingState);
  if (state === undefined) return refusal('state-unknown');
  const classes = classesOfQuery(fields.documentClass);
  if (classes === undefined) return refusal('class-unknown');
  const number = canonicalNumber(fields.number, state);
  if (!number.ok) return refusal(number.code);
  const numbers = numberReadings(fields.number, number.value, state).slice();
  // Beside other readings it would not fit the budget of probes.
  if (numbers.length === 1) numbers.push(...withoutCheckDigit(number.value));
  return { ok: true, query: queryOf(classes, state, numbers, 'none') };
}

/**
 * The question of a machine readable zone. A class given beside it adds to what the zone says.
 * Refuses with mrz-unreadable, number-check-digit, number-missing, number-too-long, state-unknown
 * or class-unknown.
 */
export function queryFromMrz(text: string, documentClass?: string): QueryResult {
  const mrz = parseMrz(text);
  if (!mrz.ok) return refusal(mrz.code);
  const state = parseStateCode(mrz.issuingState);
  if (state === undefined) return refusal('state-unknown');
  const ofMrz = classesOfMrz(mrz.documentCode, mrz.format);
  const given = documentClass === undefined ? ofMrz : classesOfQuery(documentClass);
  if (given === undefined) return refusal('class-unknown');
  if (mrz.numberCheck === 'invalid') return refusal('number-check-digit');
  const number = canonicalNumber(mrz.documentNumber, state);
  if (!number.ok) return refusal(number.code);
  const numbers = numberReadings(mrz.documentNumber, number.value, state).slice();
  if (mrz.fullNumber !== undefined) numbers.unshift(mrz.fullNumber);
  for (const text of mrz.otherNumbers) addNumber(numbers, canonicalNumber(text, state));
  // A filler inside the number moves the weights of what follows it: not verified as spelled here.
  const isVerified = mrz.numberCheck === 'valid' && numbers[0] === mrz.documentNumber;
  const query = queryOf(union(ofMrz, given), state, numbers, isVerified ? 'verified' : 'none');
  return { ok: true, query, mrz };
}

const ZONE_NUMBER_WIDTH = 9;

/** The nine characters of a number that may have been typed from a zone with its check digit. */
function withoutCheckDigit(number: string): string[] {
  const isWithDigit =
    number.length === ZONE_NUMBER_WIDTH + 1 &&
    closesSum(weightedSum(number, 0, ZONE_NUMBER_WIDTH), number.charCodeAt(ZONE_NUMBER_WIDTH));
  return isWithDigit ? [number.slice(0, ZONE_NUMBER_WIDTH)] : [];
}

function addNumber(numbers: string[], number: NumberResult): void {
  if (number.ok && !numbers.includes(number.value)) numbers.push(number.value);
}

function union(
  first: readonly DocumentClass[],
  second: readonly DocumentClass[],
): readonly DocumentClass[] {
  if (first === second) return first;
  const added = second.filter((cls) => !first.includes(cls));
  return added.length === 0 ? first : [...first, ...added];
}

function queryOf(
  classes: readonly DocumentClass[],
  state: StateCode,
  numbers: readonly string[],
  checkDigit: 'verified' | 'none',
): DocumentQuery {
  const alsoStates = relatedStates(state);
  const query: DocumentQuery = { classes, state, numbers, checkDigit };
  if (alsoStates.length > 0) query.alsoStates = alsoStates;
  return query;
}

/**
 * How a key is to what was read: the same; another reading of it, under which the record may have
 * been filed (the other script, a related issuer, a number that may be longer); or misread.
 */
export type Spelling = 'exact' | 'other-reading' | 'look-alike';

/** One key of a question, and the look-alike spellings that are asked with it. */
export interface Spellings {
  key: CanonicalKey;
  spelling: 'exact' | 'other-reading';
  /** The issuing state in the key: pages are kept by it. Mostly the query's own. */
  state: StateCode;
  number: string;
  documentClass: DocumentClass;
  /** Changes of the number. */
  lookAlikes: readonly Change[];
}

const NO_CHANGES: readonly Change[] = [];

/**
 * All that is probed for a query: every exact key, and look-alikes while there is room; at most 64
 * probes in all. What becomes of the exact keys does not depend on the look-alikes.
 */
export function spellingsOf(query: DocumentQuery): Spellings[] {
  const { classes, state, numbers, alsoStates } = query;
  const all: Spellings[] = [];
  const exactCount = classes.length * numbers.length * (1 + (alsoStates?.length ?? 0));
  assert(exactCount <= PROBES_MAX, 'exact probes fit the budget');
  let room = Math.floor((PROBES_MAX - exactCount) / classes.length);
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i]!;
    // The check digit closed the first reading only.
    let changes: readonly Change[] = lookAlikes(number, i === 0 ? query.checkDigit : 'none', room);
    if (numbers.length > 1) changes = changes.filter(isNewTo(all, numbers, number));
    room -= changes.length;
    addSpellings(all, query, {
      state,
      number,
      changes,
      spelling: i === 0 ? 'exact' : 'other-reading',
    });
  }
  for (const other of alsoStates ?? []) {
    for (const number of numbers) {
      const changes = NO_CHANGES;
      addSpellings(all, query, { state: other, number, changes, spelling: 'other-reading' });
    }
  }
  return all;
}

/** Whether a change makes a number that no reading is, and no change of a reading before it. */
function isNewTo(before: readonly Spellings[], numbers: readonly string[], number: string) {
  const taken = new Set(numbers);
  for (const other of before) {
    for (const change of other.lookAlikes) taken.add(respell(other.number, change));
  }
  return (change: Change) => !taken.has(respell(number, change));
}

function addSpellings(
  all: Spellings[],
  { classes }: DocumentQuery,
  reading: Pick<Spellings, 'state' | 'number' | 'spelling'> & { changes: readonly Change[] },
): void {
  const { state, number, spelling, changes } = reading;
  for (const documentClass of classes) {
    const key = canonicalKey(documentClass, state, number);
    all.push({ key, spelling, state, number, documentClass, lookAlikes: changes });
  }
}

export interface Probe {
  key: CanonicalKey;
  state: StateCode;
  spelling: Spelling;
  number: string;
  documentClass: DocumentClass;
}

/** The probes of a query written out, exact ones first. The request path writes out only matches. */
export function probesOf(query: DocumentQuery): Probe[] {
  const exact: Probe[] = [];
  const others: Probe[] = [];
  const readings: Probe[] = [];
  for (const spellings of spellingsOf(query)) {
    const { key, state, spelling, number, documentClass, lookAlikes: changes } = spellings;
    (spelling === 'exact' ? exact : readings).push({ key, state, spelling, number, documentClass });
    for (const change of changes) {
      const respelled = respell(number, change);
      const respelledKey = canonicalKey(documentClass, state, respelled);
      others.push({
        ...{ key: respelledKey, state, spelling: 'look-alike', number: respelled, documentClass },
      });
    }
  }
  return [...exact, ...readings, ...others];
}
