/**
 * Document class: the first part of the canonical key, and the coarsest thing known of a document.
 *
 * A record names one of some sixty type codes; an MRZ or an officer knows only "passport", "card",
 * "visa". The two must meet in at least one class, or a listed document would be answered clear
 * (promise 1). So a record whose type says little about what its MRZ starts with is indexed under
 * several classes, and a question in doubt asks several. Doubt adds classes, it never removes one.
 * MRZ document codes: ICAO Doc 9303-4 to -7 (P, I/A/C, V). Classes as key bytes: docs/format.md.
 */

import type { MrzFormat } from './mrz-lines.ts';

export type DocumentClass = 'passport' | 'identity' | 'visa' | 'other';

/** All classes, in key order: P I V O. */
export const DOCUMENT_CLASSES: readonly DocumentClass[] = ['passport', 'identity', 'visa', 'other'];

/** The first character of a canonical key. */
export const CLASS_LETTER: Record<DocumentClass, 'P' | 'I' | 'V' | 'O'> = {
  passport: 'P',
  identity: 'I',
  visa: 'V',
  other: 'O',
};

/** Several classes as one number: bit 0 is the first of DOCUMENT_CLASSES. */
export const classBits = (classes: readonly DocumentClass[]): number =>
  classes.reduce((bits, each) => bits | (1 << DOCUMENT_CLASSES.indexOf(each)), 0);

interface DocumentType {
  code: string;
  description: string;
  /** The class by which the type is reported and counted. */
  class: DocumentClass;
  /** True for P, I, V: in a query they stand for a whole family. */
  family: boolean;
}

/** Classes of a type, best guess first; every class under which its MRZ or an officer may ask. */
const PASSPORT = ['passport'] as const;
const IDENTITY = ['identity'] as const;
const VISA = ['visa'] as const;
const OTHER = ['other'] as const;
/** Travel documents that states print as a booklet (P), as a card (I, A, C) or without an MRZ. */
const TRAVEL = ['passport', 'identity', 'other'] as const;
/** Permits come as cards (I, A, C) and, older ones, as stickers laid out like visas. */
const PERMIT = ['identity', 'visa'] as const;
/** Cards that also go by "other" because they are no identity card proper. */
const CARD = ['identity', 'other'] as const;
/** A laissez-passer is a booklet, a sheet or an entry permit, as the issuer likes. */
const ENTRY = ['passport', 'visa', 'identity', 'other'] as const;
/** A type that says nothing: the document may carry any MRZ. */
const ANY = ['other', 'passport', 'identity', 'visa'] as const;

type Row = readonly [code: string, description: string, classes: readonly DocumentClass[]];

/**
 * The 63 SLTD type codes and wildcards. Source: the code table of one national police client of the
 * query service, seen in public source; second-hand, not an INTERPOL publication. The classes are
 * our own reading of the descriptions.
 */
const ROWS: readonly Row[] = [
  ['ALP', 'Aliens Travel Document', TRAVEL],
  ['ARN', 'Alien Registration Number', CARD],
  ['BTC', 'Birth Certificate', OTHER],
  ['BUP', 'Business Passport', PASSPORT],
  ['CLP', 'Collective Passport', PASSPORT],
  ['CMC', 'Crew Member Certificate', CARD],
  ['COI', 'Certificate of identity', TRAVEL],
  ['COP', 'Consular Passport', PASSPORT],
  ['CTD', 'Collective Transit Visa', VISA],
  ['CVS', 'Collective Visa', VISA],
  ['CZP', "Citizen's Passport", PASSPORT],
  ['DCP', 'Diplomatic Courier Passport', PASSPORT],
  ['DIP', 'Diplomatic Passport', PASSPORT],
  ['DIV', 'Document of identity for Visa', TRAVEL],
  ['DRV', 'Driving licence', ['other', 'identity']],
  ['EAP', "Emergency Alien's Passport", PASSPORT],
  ['ECC', 'Vehicle EARPCCO Clearance Certificate', OTHER],
  ['EMC', 'Emergency Certificate', TRAVEL],
  ['EMD', 'Emergency Document', TRAVEL],
  ['EMP', 'Emergency Passport', PASSPORT],
  ['GLP', 'Local Passport-Travel Document', TRAVEL],
  ['HUP', 'Hunting permit', OTHER],
  ['I', 'All Identity document', IDENTITY],
  ['IDC', 'Identity card', IDENTITY],
  ['LAP', 'Special Entry', ENTRY],
  ['MDP', 'Ministerial Service Passport', PASSPORT],
  ['MIP', 'Military Passport', PASSPORT],
  ['MPP', 'Member of Parliament Passport', PASSPORT],
  ['MSP', 'Ministerial Passport', PASSPORT],
  ['NAP', 'National Passport', PASSPORT],
  ['NID', 'National Identification Number', CARD],
  ['OCP', 'Official Collective Passport', PASSPORT],
  ['OFP', 'Official Passport', PASSPORT],
  ['OT1', 'Other 1', ANY],
  ['OT2', 'Other 2', ANY],
  ['OT3', 'Other 3', ANY],
  ['OTH', 'Other', ANY],
  ['OTX', 'Other x', ANY],
  ['P', 'All passport types', PASSPORT],
  ['PAS', 'Passport', PASSPORT],
  ['PRP', 'Permanent Residence Permit', PERMIT],
  ['PTR', 'Permit to re-enter', TRAVEL],
  ['RES', 'Residence permit', PERMIT],
  ['RFP', 'Travel Document for Refugees', TRAVEL],
  ['SCC', 'Vehicle SARPCCO Clearance Certificate', OTHER],
  ['SEP', 'Service Passport', PASSPORT],
  ['SIB', "Seaman's Book", TRAVEL],
  ['SOC', 'Social Security Number', OTHER],
  ['SPE', 'Special Document', ANY],
  ['SPP', 'Special Passport', PASSPORT],
  ['STP', 'Student Passport', PASSPORT],
  ['TCA', 'Document for citizens Abroad', TRAVEL],
  ['TDS', 'Transit Visa', VISA],
  ['TLP', 'Travel Document in Lieu of National Passport', TRAVEL],
  ['TRC', 'Travel Certificate', TRAVEL],
  ['TRP', 'Temporary Residence Permit', PERMIT],
  ['TTD', 'Temporary Travel Document', TRAVEL],
  ['V', 'All Visa types', VISA],
  ['VOC', 'Vehicle Owner Certificate', OTHER],
  ['VRB', 'Navigation License', OTHER],
  ['VRD', 'Vehicle Registration Document', OTHER],
  ['VSA', 'Visa', VISA],
  ['YOP', 'Youth-Child Passport', PASSPORT],
];

/** The type codes with their class; P, I and V are family wildcards. */
export const DOCUMENT_TYPES: readonly DocumentType[] = ROWS.map(([code, description, classes]) => ({
  code,
  description,
  class: classes[0]!,
  family: code.length === 1,
}));

const CLASSES_BY_TYPE: ReadonlyMap<string, readonly DocumentClass[]> = new Map(
  ROWS.map(([code, , classes]) => [code, classes]),
);

/**
 * The answer to a class name. "Other" is what is left when an officer or a system does
 * not know, so it asks every class: as the name of one class it would be a way to a false clear.
 */
const CLASSES_BY_NAME: ReadonlyMap<string, readonly DocumentClass[]> = new Map([
  ['passport', PASSPORT],
  ['identity', IDENTITY],
  ['visa', VISA],
  ['other', DOCUMENT_CLASSES],
]);

/** No code or class name is longer; longer input is unknown before any work. */
const CLASS_TEXT_LENGTH_MAX = 16;

/**
 * The classes under which a record of this type code is indexed, best guess first; usually one.
 * Case and surrounding blanks do not matter. Undefined for a code that the table does not have.
 */
export function classesOfRecord(typeCode: string): readonly DocumentClass[] | undefined {
  const exact = CLASSES_BY_TYPE.get(typeCode);
  if (exact !== undefined || typeCode.length > CLASS_TEXT_LENGTH_MAX) return exact;
  return CLASSES_BY_TYPE.get(typeCode.trim().toUpperCase());
}

/**
 * The classes that a question asks: of a class name, a type code or a family wildcard, in any case.
 * No text asks every class, and so do "other" and the types that say nothing. Undefined for unknown
 * text (`class-unknown`).
 */
export function classesOfQuery(text: string | undefined): readonly DocumentClass[] | undefined {
  if (text === undefined) return DOCUMENT_CLASSES;
  const exact = CLASSES_BY_NAME.get(text) ?? CLASSES_BY_TYPE.get(text);
  if (exact !== undefined || text.length > CLASS_TEXT_LENGTH_MAX) return exact;
  const name = text.trim();
  return CLASSES_BY_NAME.get(name.toLowerCase()) ?? CLASSES_BY_TYPE.get(name.toUpperCase());
}

const PASSPORT_OR_IDENTITY: readonly DocumentClass[] = ['passport', 'identity'];
const IDENTITY_OR_OTHER: readonly DocumentClass[] = ['identity', 'other'];

/**
 * The classes that the document code of an MRZ asks (9303-4 to -7). P on a booklet is a passport, V
 * on a visa format a visa, I/A/C on a card an identity document. A passport card (IP), a P on a
 * card-sized zone and an internal passport (PN) are recorded as either; a crew member certificate
 * (AC) is also no identity card. Any other code, or a code that does not belong to the format, asks
 * every class.
 */
export function classesOfMrz(documentCode: string, format: MrzFormat): readonly DocumentClass[] {
  const isVisaFormat = format === 'MRV-A' || format === 'MRV-B';
  switch (documentCode.charCodeAt(0)) {
    case 0x50: // P
      if (format === 'TD3' && documentCode !== 'PN') return PASSPORT;
      return isVisaFormat ? DOCUMENT_CLASSES : PASSPORT_OR_IDENTITY;
    case 0x56: // V
      return isVisaFormat ? VISA : DOCUMENT_CLASSES;
    case 0x49: // I
    case 0x41: // A
    case 0x43: // C
      if (isVisaFormat || format === 'TD3') return DOCUMENT_CLASSES;
      if (documentCode === 'IP') return PASSPORT_OR_IDENTITY;
      return documentCode === 'AC' ? IDENTITY_OR_OTHER : IDENTITY;
    default:
      return DOCUMENT_CLASSES;
  }
}
