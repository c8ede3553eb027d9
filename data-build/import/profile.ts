/**
 * Import profile: which column of an export means what, as a table.
 *
 * A profile never loosens what a document number is: that is src/document's. It says where the parts
 * of a number stand, what the file's words for category and type mean, and what the file covers.
 * docs/export-profiles.md lists the profiles; each is one file in profiles/.
 */

import type { DocumentClass } from '../../src/document/document-class.ts';
import { SltdError } from '../../src/errors.ts';
import type { Category } from '../../src/format/category.ts';

/** Fields of a record besides its number. */
export const TEXT_FIELDS = [
  'state',
  'type',
  'category',
  'numberFrom',
  'numberTo',
  'dateOfTheft',
  'placeOfTheft',
  'countryOfTheft',
  'dateOfIssue',
  'dateOfExpiry',
  'nationalReference',
  'noticeColor',
  'ncb',
  'reportedAt',
] as const;

export type TextField = (typeof TEXT_FIELDS)[number];

/** A column of which the number is made; the parts are joined in order. */
export interface NumberPart {
  column: string;
  /** Fewer digits than this have lost leading zeros (spreadsheets do that): they are put back. */
  padDigits?: number;
  /** True if the column may be missing or empty. */
  optional?: boolean;
}

/** Encodings that a profile may name; anything but UTF-8 is decoded on the way in. */
export const ENCODINGS = [
  'utf-8',
  'utf-16le',
  'windows-1250',
  'windows-1251',
  'windows-1252',
  'windows-1256',
  'iso-8859-1',
  'iso-8859-2',
  'koi8-r',
] as const;

export type Encoding = (typeof ENCODINGS)[number];

export const SEPARATORS = [',', ';', '\t', '|'] as const;

export type Separator = (typeof SEPARATORS)[number];

export interface Profile {
  name: string;
  /** One line for --help. */
  title: string;
  encoding: Encoding;
  /** Of CSV; if absent, the one of the four that the first line has most of. */
  separator?: Separator;
  /**
   * Column names of a file without a header line, one list for each number of columns it may have;
   * if absent, the first line is the header. Names are compared without case.
   */
  headerless?: readonly (readonly string[])[];
  number: readonly NumberPart[];
  /** For each field the names its column may have; the first that is there is read. */
  columns: Partial<Record<TextField, readonly string[]>>;
  /** What holds for every row. */
  constants: { state?: string; type?: string; category?: Category };
  /** Words of the file for the category, in lower case; a word that is not here is unspecified. */
  categories: Readonly<Record<string, Category>>;
  /** The same of a mapping file's words for the type; data, so that it counts in what the list was made from. */
  types?: Readonly<Record<string, readonly DocumentClass[]>>;
  /** Classes of a type as the file writes it; undefined means unknown, and then every class. */
  classesOf(type: string): readonly DocumentClass[] | undefined;
  /** What it means that a state has records in this export. */
  coverage: 'reports' | 'partial';
  /**
   * A zip of two files holds a difference: added rows, then removed rows. It is applied, or refused
   * with these words where the profile cannot tell what is removed.
   */
  differencePair?: 'apply' | { refuse: string };
}

/** A column's name as names are compared: without case and without blanks around it. */
export const foldName = (name: string): string => name.trim().toLowerCase();

/** Every column that the profile reads, its name folded. */
export function columnNames({ number, columns }: Profile): ReadonlySet<string> {
  const names = [...number.map(({ column }) => column), ...Object.values(columns).flat()];
  return new Set(names.map(foldName));
}

/** The same of those that hold a number, or a part of one. */
export function numberColumnNames({ number, columns }: Profile): ReadonlySet<string> {
  const { numberFrom = [], numberTo = [] } = columns;
  const names = [...number.map(({ column }) => column), ...numberFrom, ...numberTo];
  return new Set(names.map(foldName));
}

/**
 * Throws 'input-schema' if two columns go by one name that the profile reads: whichever is taken, the
 * documents of the other are lost without a word.
 */
export function checkNames(profile: Profile, names: readonly string[]): void {
  const read = columnNames(profile);
  const seen = new Set<string>();
  for (const name of names.map(foldName)) {
    if (read.has(name) && seen.has(name)) twoColumns(name);
    seen.add(name);
  }
}

/** The error for a file with two columns of one name, which is the profile's. */
export function twoColumns(name: string): never {
  throw new SltdError('input-schema', { detail: `two columns are named ${name}` });
}

/** The error for a JSON member whose name is a column's but for case or blanks; the name is ours. */
export function otherCase(name: string): never {
  throw new SltdError('input-schema', { detail: `a member is named almost as ${name}` });
}

/** For each thing that every file must have, the names its column may go by. */
export function requiredColumns(profile: Profile): readonly (readonly string[])[] {
  const { columns, number } = profile;
  const parts = number.filter(({ optional }) => !optional).map(({ column }) => [column]);
  const others = (['state', 'type', 'category'] as const).flatMap((field) => {
    const names = columns[field];
    return names ? [names] : [];
  });
  if (parts.length > 0) return [...parts, ...others];
  const anyNumber = [...number.map(({ column }) => column), ...(columns.numberFrom ?? [])];
  return [anyNumber, ...others];
}
