/**
 * Synthetic rows of an SLTD export: nobody's documents, in the shape that real ones have.
 *
 * A few states have most records, serials come in clusters, blanks are stolen by the box, some records
 * come twice, some are spelled in lower case, with separators or in the issuer's own script. Weights
 * are a guess at the skew, not statistics of any state. Letters Q and Z never occur in a number, so
 * that a question with them is surely not listed.
 */

import {
  ISSUING_STATES,
  importStateCode,
  type StateCode,
} from '../../src/document/issuing-state.ts';
import { Random } from './random.ts';

/** Columns in file order; docs/export-profiles.md says what they hold. */
export const COLUMNS = [
  'issuing_state',
  'document_type',
  'number',
  'number_from',
  'number_to',
  'category',
  'date_of_theft',
  'place_of_theft',
  'country_of_theft',
  'date_of_issue',
  'date_of_expiry',
  'national_reference',
  'owner_ncb',
  'reported_at',
] as const;

export type SyntheticRow = Record<(typeof COLUMNS)[number], string>;

/** States that the skew starts with, the most records first; any order would do. */
const LARGE = [
  ...['ITA', 'FRA', 'DEU', 'GBR', 'ESP', 'USA', 'POL', 'RUS', 'UKR', 'BRA', 'ROU', 'NLD', 'BEL'],
  ...['TUR', 'CZE', 'GRC', 'CAN', 'MEX', 'ARG', 'IND', 'CHN', 'ZAF', 'NGA', 'EGY', 'MAR', 'DZA'],
  ...['IRN', 'PAK', 'BGD', 'PHL', 'IDN', 'THA', 'VNM', 'JPN', 'KOR', 'AUS', 'SRB', 'BGR', 'HUN'],
];
const LETTERS = 'ABCDEFGHIJKLMNOPRSTUVWXY';
const CYRILLIC = 'АВЕКМНОРСТУХ';
const TYPES = [
  ...Array.from({ length: 11 }, () => 'PAS'),
  ...['IDC', 'IDC', 'IDC', 'IDC', 'IDC', 'IDC', 'VSA', 'RES', 'DIP', 'SEP', 'RFP', 'EMP', 'TLP'],
];
const CATEGORIES = [
  'lost',
  'lost',
  'lost',
  'lost',
  'stolen',
  'stolen',
  'stolen',
  'invalid',
  'revoked',
];
const PLACES = [
  'railway station',
  'hotel, 2nd floor',
  'airport',
  'public transport',
  'bar "Old Town"',
];
const SCRIPT_STATES = new Set(['RUS', 'UKR', 'BGR', 'SRB', 'BLR', 'KAZ', 'MKD']);
const ARABIC_DIGIT_STATES = new Set(['EGY', 'IRN', 'MAR', 'DZA', 'SAU', 'IRQ', 'PAK']);
/** No report is newer, so that an edition of generated rows never claims to be from the future. */
const NEWEST_DAY = Date.UTC(2025, 5, 30) / 86_400_000;
const DAYS = 365 * 22;

/** A state whose documents the synthetic list has. */
interface ListedState {
  /** Three letters, as exporters write it. */
  code: string;
  /** As the edition names it. */
  state: StateCode;
  name: string;
  alpha2: string;
  /** Its share of the list, up to a factor that all have in common. */
  weight: number;
}

/** By their share of the list, the most first. */
export const ISSUERS: readonly ListedState[] = listStates();

function listStates(): ListedState[] {
  const rank = new Map(LARGE.map((code, index) => [code, index]));
  const states = ISSUING_STATES.flatMap(({ code: state, name, alpha2, alpha3 }) => {
    if (!alpha2 || !alpha3) return [];
    // Some names mean two states, and then none: exporters of sense give their code.
    const isClear = importStateCode(name) === state;
    return [{ code: alpha3, state, alpha2, name: isClear ? name : alpha3 }];
  });
  const rankOf = (code: string): number => rank.get(code) ?? LARGE.length;
  states.sort((a, b) => rankOf(a.code) - rankOf(b.code) || (a.code < b.code ? -1 : 1));
  return states.map((state, index) => ({ ...state, weight: 1 / (index + 2) ** 1.3 }));
}

interface Issuer extends ListedState {
  letterCount: number;
  digitCount: number;
  /** Where the last cluster of serials stands. */
  letters: string;
  serial: number;
}

/** The specimen state's documents; the first is the passport of ICAO Doc 9303-4, appendix A. */
export const SPECIMENS: readonly SyntheticRow[] = [
  specimen('PAS', 'L898902C3', 'stolen', 'SPECIMEN-1'),
  specimen('IDC', 'D23145890', 'lost', 'SPECIMEN-2'),
  specimen('VSA', 'L8988901C', 'revoked', 'SPECIMEN-3'),
  {
    ...specimen('PAS', '', 'stolen-blank', 'SPECIMEN-4'),
    number_from: 'U7000001',
    number_to: 'U7000025',
  },
];

function specimen(type: string, number: string, category: string, reference: string): SyntheticRow {
  return {
    issuing_state: 'UTO',
    document_type: type,
    number,
    number_from: '',
    number_to: '',
    category,
    date_of_theft: '2024-03-01',
    place_of_theft: 'Zenith',
    country_of_theft: 'UTO',
    date_of_issue: '2019-04-16',
    date_of_expiry: '2029-04-15',
    national_reference: reference,
    owner_ncb: 'NCB-UTO',
    reported_at: '2024-03-02T08:00:00Z',
  };
}

export class SyntheticRows {
  readonly #random: Random;
  readonly #issuers: Issuer[];
  /** Sums of the weights, to find a state by one random number. */
  readonly #bounds: Float64Array;
  #before: SyntheticRow | undefined;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#issuers = ISSUERS.map((issuer) => ({ ...issuer, ...this.#newForm() }));
    this.#bounds = new Float64Array(ISSUERS.length);
    let sum = 0;
    ISSUERS.forEach(({ weight }, i) => {
      sum += weight;
      this.#bounds[i] = sum;
    });
  }

  /** The next row; the same rows for the same seed. */
  next(): SyntheticRow {
    const random = this.#random;
    if (this.#before && random.perMille(5)) return { ...this.#before, ...this.#history() };
    const issuer = this.#pickIssuer();
    const number = this.#nextNumber(issuer);
    const isRange = random.perMille(2);
    const row: SyntheticRow = {
      issuing_state: this.#spellState(issuer),
      document_type: random.pick(TYPES),
      number: isRange ? '' : this.#spellNumber(issuer, number),
      number_from: isRange ? number : '',
      number_to: isRange ? this.#skip(issuer, random.below(60)) : '',
      category: isRange ? 'stolen-blank' : random.pick(CATEGORIES),
      ...this.#history(),
      country_of_theft: random.perMille(700) ? issuer.code : this.#pickIssuer().code,
      place_of_theft: random.perMille(300) ? random.pick(PLACES) : '',
      national_reference: `${issuer.alpha2}-${random.next().toString(36).toUpperCase()}`,
      owner_ncb: `NCB-${issuer.code}`,
    };
    this.#before = row;
    return row;
  }

  #newForm(): { letterCount: number; digitCount: number; letters: string; serial: number } {
    const letterCount = this.#random.below(3);
    const digitCount = 7 + this.#random.below(3 - (letterCount >> 1));
    return { letterCount, digitCount, letters: this.#newLetters(letterCount), serial: 0 };
  }

  #newLetters(count: number): string {
    let letters = '';
    while (letters.length < count) letters += LETTERS[this.#random.below(LETTERS.length)];
    return letters;
  }

  #pickIssuer(): Issuer {
    const bounds = this.#bounds;
    const value = (this.#random.next() / 2 ** 32) * bounds[bounds.length - 1]!;
    let low = 0;
    let high = bounds.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (bounds[middle]! > value) high = middle;
      else low = middle + 1;
    }
    return this.#issuers[low]!;
  }

  /** Mostly near the last one of the state: documents are issued, and stolen, in runs. */
  #nextNumber(issuer: Issuer): string {
    const random = this.#random;
    if (random.perMille(300)) {
      issuer.letters = this.#newLetters(issuer.letterCount);
      issuer.serial = random.below(10 ** issuer.digitCount);
    }
    return this.#skip(issuer, 1 + random.below(40));
  }

  #skip(issuer: Issuer, count: number): string {
    issuer.serial = Math.min(issuer.serial + count, 10 ** issuer.digitCount - 1);
    return issuer.letters + String(issuer.serial).padStart(issuer.digitCount, '0');
  }

  #spellState({ code, name, alpha2 }: Issuer): string {
    if (this.#random.perMille(985)) return code;
    return this.#random.pick([code.toLowerCase(), alpha2, name]);
  }

  #spellNumber({ code }: Issuer, number: string): string {
    const random = this.#random;
    if (random.perMille(975)) return number;
    if (SCRIPT_STATES.has(code)) {
      return random.pick([...CYRILLIC]) + random.pick([...CYRILLIC]) + number.slice(-6);
    }
    if (ARABIC_DIGIT_STATES.has(code)) {
      return number.replace(/\d/g, (digit) => String.fromCharCode(0x660 + Number(digit)));
    }
    return random.pick([
      number.toLowerCase(),
      `${number.slice(0, 2)} ${number.slice(2)}`,
      `${number.slice(0, -3)}-${number.slice(-3)}`,
      ` ${number}`,
      `É${number.slice(1)}`,
    ]);
  }

  /** Dates in an order that can be: issue, theft, report, expiry. */
  #history(): Pick<
    SyntheticRow,
    'date_of_theft' | 'date_of_issue' | 'date_of_expiry' | 'reported_at'
  > {
    const random = this.#random;
    // More reports in later years.
    const age = Math.floor((random.next() / 2 ** 32) ** 2 * DAYS);
    const reported = NEWEST_DAY - age;
    const issued = reported - 1 - random.below(3600);
    const seconds = random.below(86_400);
    return {
      date_of_theft: dateOf(reported - random.below(20)),
      date_of_issue: dateOf(issued),
      date_of_expiry: dateOf(issued + 3652),
      reported_at: `${dateOf(reported)}T${timeOf(seconds)}Z`,
    };
  }
}

/** Days as dates; remembered, because there are few thousand of them. */
const dates = new Map<number, string>();

function dateOf(day: number): string {
  let date = dates.get(day);
  if (date === undefined) {
    date = new Date(day * 86_400_000).toISOString().slice(0, 10);
    dates.set(day, date);
  }
  return date;
}

const two = (value: number): string => (value < 10 ? `0${value}` : String(value));

const timeOf = (seconds: number): string =>
  `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
