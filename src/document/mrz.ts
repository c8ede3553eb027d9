/**
 * MRZ: the machine readable zone of a travel document, as ICAO Doc 9303-4 to -7 lay it out, and the
 * French identity card of 1988.
 *
 * What decides is the document number and its own check digit; all other checks are reported only,
 * for a zone with a dirty birth date still names its document. Nothing is repaired: a character
 * that stands in the wrong place stays there. The holder's name is never extracted, because no step
 * after this one needs it. Total: any text gives a zone or mrz-unreadable.
 */

import { closesSum, weightedSum } from './check-digit.ts';
import type { DocumentClass } from './document-class.ts';
import { type MrzFormat, type MrzLines, mrzLines } from './mrz-lines.ts';
import {
  FILLER,
  isPlausible,
  NO_NUMBERS,
  NUMBER_WIDTH,
  type NumberField,
  parseNumber,
  trimFillers,
} from './mrz-number.ts';

/** Which check digits fit; undefined where the format has none. */
interface MrzChecks {
  documentNumber: boolean;
  birthDate: boolean;
  expiryDate?: boolean;
  optionalData?: boolean;
  composite?: boolean;
}

/** A zone as written, trailing fillers dropped; dates as YYMMDD with whatever stands there. */
export interface Mrz {
  ok: true;
  format: MrzFormat;
  documentCode: string;
  documentClass: DocumentClass;
  issuingState: string;
  documentNumber: string;
  /** The number that lists print, where the number field of the zone holds only part of it. */
  fullNumber?: string;
  /** Other numbers that the same zone may mean; empty but for the cases that say so below. */
  otherNumbers: readonly string[];
  /** `absent` only where a composite check digit vouches for the number instead. */
  numberCheck: 'valid' | 'invalid' | 'absent';
  nationality?: string;
  birthDate: string;
  expiryDate?: string;
  sex: string;
  checks: MrzChecks;
}

export type MrzResult = Mrz | { ok: false; code: 'mrz-unreadable' };

const UNREADABLE: MrzResult = { ok: false, code: 'mrz-unreadable' };

/** Reads a zone of any of the six formats; text of over 256 characters is unreadable unseen. */
export function parseMrz(text: string): MrzResult {
  const zone = mrzLines(text);
  if (zone === undefined) return UNREADABLE;
  const mrz = parseLines(zone);
  const { checks } = mrz;
  // Blanks for fillers, no line ends: the length alone could be that of another, shortened zone.
  const isProven = !zone.isShapeUncertain || (checks.birthDate && checks.expiryDate !== false);
  return isProven ? mrz : UNREADABLE;
}

function parseLines({ width, lines }: MrzLines): Mrz {
  const first = lines[0]!;
  const second = lines[1]!;
  if (width === 30) return parseTd1(first, second);
  if (first.charCodeAt(0) === 0x56)
    return parseVisa(width === 44 ? 'MRV-A' : 'MRV-B', first, second);
  if (width === 44) return parseTd3(first, second);
  return first.startsWith('IDFRA') ? parseFrenchId(first, second) : parseTd2(first, second);
}

/**
 * struct TD1 {              // 9303-5: three lines of 30
 *   code[2] state[3] number[9] check[1] optional[15]
 *   birth[6] check[1] sex[1] expiry[6] check[1] nationality[3] optional[11] composite[1]
 *   name[30]
 * }
 */
function parseTd1(first: string, second: string): Mrz {
  const number = parseNumber(first, 5, 15, 30);
  const birthDate = checkAt(second, 0, 6);
  const expiryDate = checkAt(second, 8, 14);
  const sum =
    weightedSum(first, 5, 30, 0) +
    weightedSum(second, 0, 7, 25) +
    weightedSum(second, 8, 15, 32) +
    weightedSum(second, 18, 29, 39);
  const composite = closesSum(sum, second.charCodeAt(29));
  return zoneOf('TD1', first, number, {
    nationality: trimFillers(second, 15, 18),
    birthDate: second.slice(0, 6),
    expiryDate: second.slice(8, 14),
    sex: second.charAt(7),
    checks: { documentNumber: number.check === 'valid', birthDate, expiryDate, composite },
  });
}

/**
 * struct TD2 {              // 9303-6: two lines of 36
 *   code[2] state[3] name[31]
 *   number[9] check[1] nationality[3] birth[6] check[1] sex[1] expiry[6] check[1] optional[7]
 *   composite[1]
 * }
 */
function parseTd2(first: string, second: string): Mrz {
  const number = parseNumber(second, 0, 28, 35);
  const fields = commonFields(second, number);
  fields.checks.composite = closesSum(compositeSum(second, 35), second.charCodeAt(35));
  return zoneOf('TD2', first, number, fields);
}

/**
 * struct TD3 {              // 9303-4: two lines of 44
 *   code[2] state[3] name[39]
 *   number[9] check[1] nationality[3] birth[6] check[1] sex[1] expiry[6] check[1] optional[14]
 *   check[1] composite[1]
 * }
 */
function parseTd3(first: string, second: string): Mrz {
  const number = parseNumber(second, 0, 0, 0);
  const fields = commonFields(second, number);
  fields.checks.optionalData = checkAt(second, 28, 42);
  fields.checks.composite = closesSum(compositeSum(second, 43), second.charCodeAt(43));
  const zone = zoneOf('TD3', first, number, fields);
  return isRussianInternal(zone) ? withSeries(zone, second) : zone;
}

/** struct MRV { as TD3 or TD2, but optional[16] or optional[8] and no composite }   // 9303-7 */
function parseVisa(format: 'MRV-A' | 'MRV-B', first: string, second: string): Mrz {
  const number = parseNumber(second, 0, 0, 0);
  return zoneOf(format, first, number, commonFields(second, number));
}

/**
 * struct FrenchId {         // national identity card of 1988 to 2021, decree 87-178; two lines of
 * 36
 *   'ID' 'FRA' name[25] office[6]
 *   number[12] check[1] givenNames[14] birth[6] check[1] sex[1] composite[1]
 * }
 */
function parseFrenchId(first: string, second: string): Mrz {
  const isFitting = closesSum(weightedSum(second, 0, 12), second.charCodeAt(12));
  const number: NumberField = {
    value: trimFillers(second, 0, 12),
    others: NO_NUMBERS,
    check: isFitting ? 'valid' : 'invalid',
  };
  if (second.charCodeAt(12) === FILLER) number.check = 'absent';
  if (!isPlausible(second, 0, 12)) number.check = 'invalid';
  const sum = weightedSum(first, 0, 36, 0) + weightedSum(second, 0, 35, 36);
  return zoneOf('FRA-ID', first, number, {
    birthDate: second.slice(27, 33),
    sex: second.charAt(34),
    checks: {
      documentNumber: number.check === 'valid',
      birthDate: checkAt(second, 27, 33),
      composite: closesSum(sum, second.charCodeAt(35)),
    },
  });
}

type Fields = Pick<Mrz, 'nationality' | 'birthDate' | 'expiryDate' | 'sex' | 'checks'>;

/** The fields that stand in the same place in the second line of TD2, TD3 and both visas. */
function commonFields(second: string, number: NumberField): Fields {
  return {
    nationality: trimFillers(second, 10, 13),
    birthDate: second.slice(13, 19),
    expiryDate: second.slice(21, 27),
    sex: second.charAt(20),
    checks: {
      documentNumber: number.check === 'valid',
      birthDate: checkAt(second, 13, 19),
      expiryDate: checkAt(second, 21, 27),
    },
  };
}

/** Composite of TD2 and TD3: number, birth date, expiry date with their digits, then the rest. */
function compositeSum(second: string, end: number): number {
  return (
    weightedSum(second, 0, 10, 0) +
    weightedSum(second, 13, 20, 10) +
    weightedSum(second, 21, end, 17)
  );
}

function zoneOf(format: MrzFormat, first: string, number: NumberField, fields: Fields): Mrz {
  const documentCode = trimFillers(first, 0, 2);
  // One misread character must not switch the check off: something has to vouch for the number.
  const isUnproved = number.check === 'absent' && fields.checks.composite !== true;
  return {
    ok: true,
    format,
    documentCode,
    documentClass: classOfCode(documentCode),
    issuingState: trimFillers(first, 2, 5),
    documentNumber: number.value,
    otherNumbers: number.others,
    numberCheck: isUnproved ? 'invalid' : number.check,
    nationality: fields.nationality,
    birthDate: fields.birthDate,
    expiryDate: fields.expiryDate,
    sex: fields.sex,
    checks: fields.checks,
  };
}

/**
 * The class that the first letter of the document code says; what to ask is decided in query.ts.
 */
function classOfCode(documentCode: string): DocumentClass {
  const letter = documentCode.charAt(0);
  if (letter === 'P') return 'passport';
  if (letter === 'V') return 'visa';
  return letter === 'I' || letter === 'A' || letter === 'C' ? 'identity' : 'other';
}

/** True if the digit at `to` fits the field before it; an empty field may have a filler there. */
function checkAt(line: string, from: number, to: number): boolean {
  const checkCode = line.charCodeAt(to);
  if (checkCode !== FILLER) return closesSum(weightedSum(line, from, to), checkCode);
  return trimFillers(line, from, to) === '';
}

const isRussianInternal = ({ issuingState, documentCode, documentNumber }: Mrz): boolean =>
  issuingState === 'RUS' && documentCode === 'PN' && documentNumber.length === NUMBER_WIDTH;

/**
 * A Russian internal passport (PN). Its zone holds the first three digits of the series and the
 * number, and moves the fourth digit of the series to the start of the optional data (order 851 of
 * the Ministry of Internal Affairs, 2017); lists print all ten. Without that digit, or with one
 * whose own check digit does not fit, the number is not known.
 */
function withSeries(zone: Mrz, second: string): Mrz {
  const fourth = second.charAt(28);
  const isKnown = fourth >= '0' && fourth <= '9' && zone.checks.optionalData === true;
  if (!isKnown) return { ...zone, numberCheck: 'invalid' };
  const number = zone.documentNumber;
  return { ...zone, fullNumber: number.slice(0, 3) + fourth + number.slice(3) };
}
