/**
 * Mapping file: a profile for any other table, written as JSON by whoever delivers it.
 *
 * docs/export-profiles.md describes its members. An unknown member is refused: a misspelled
 * `category` must not quietly make a list of unspecified documents.
 */

import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import {
  classesOfRecord,
  DOCUMENT_CLASSES,
  type DocumentClass,
} from '../../src/document/document-class.ts';
import { importStateCode } from '../../src/document/issuing-state.ts';
import { SltdError } from '../../src/errors.ts';
import { CATEGORIES } from '../../src/format/category.ts';
import { ENCODINGS, type Profile, SEPARATORS, TEXT_FIELDS } from './profile.ts';

const column = v.pipe(v.string(), v.minLength(1), v.maxLength(128));
const columns = v.union([
  v.pipe(
    column,
    v.transform((name) => [name]),
  ),
  v.pipe(v.array(column), v.minLength(1)),
]);
const classes = v.pipe(v.array(v.picklist(DOCUMENT_CLASSES as DocumentClass[])), v.minLength(1));
const numberPart = v.union([
  v.pipe(
    column,
    v.transform((name) => ({ column: name })),
  ),
  v.strictObject({
    column,
    padDigits: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(32))),
    optional: v.optional(v.boolean()),
  }),
]);

const mappingSchema = v.strictObject({
  name: v.optional(v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,24}$/)), 'mapping'),
  encoding: v.optional(v.picklist(ENCODINGS), 'utf-8'),
  separator: v.optional(v.picklist(SEPARATORS)),
  headerless: v.optional(v.array(v.array(column))),
  number: v.array(numberPart),
  columns: v.optional(v.strictObject(v.entriesFromList(TEXT_FIELDS, v.optional(columns))), {}),
  constants: v.optional(
    v.strictObject({
      state: v.optional(
        v.pipe(
          v.string(),
          v.check((text) => importStateCode(text) !== undefined),
        ),
      ),
      type: v.optional(v.string()),
      category: v.optional(v.picklist(CATEGORIES)),
    }),
    {},
  ),
  categories: v.optional(v.record(v.string(), v.picklist(CATEGORIES)), {}),
  /** Words of the file for the type; others are taken for type codes of the SLTD. */
  types: v.optional(v.record(v.string(), classes), {}),
  coverage: v.optional(v.picklist(['reports', 'partial']), 'partial'),
});

const texts = new WeakMap<Profile, string>();

/** The text that a profile was made from; undefined for a built-in one. */
export const mappingTextOf = (profile: Profile): string | undefined => texts.get(profile);

/** The profile that a mapping file describes; 'config-invalid' with the member that is wrong. */
export function readMapping(path: string): Profile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    unreadable(cause);
  }
  return parseMapping(text);
}

function unreadable(cause: unknown): never {
  throw new SltdError('config-invalid', { detail: 'mapping file is not readable JSON', cause });
}

/** The same of the file's text. */
export function parseMapping(text: string): Profile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    unreadable(cause);
  }
  const parsed = v.safeParse(mappingSchema, value);
  if (!parsed.success) {
    const where = v.getDotPath(parsed.issues[0]) ?? 'the whole';
    throw new SltdError('config-invalid', { detail: `mapping file, at ${where}` });
  }
  const { types, categories, ...rest } = parsed.output;
  const has = (field: 'state' | 'category') =>
    rest.columns[field] !== undefined || rest.constants[field] !== undefined;
  if (!has('state')) throw new SltdError('config-invalid', { detail: 'mapping without a state' });
  if (rest.number.length === 0 && !rest.columns.numberFrom) {
    throw new SltdError('config-invalid', { detail: 'mapping without a number' });
  }
  const byWord = lowerKeys(types);
  const profile: Profile = {
    ...rest,
    title: 'mapping file',
    categories: lowerKeys(categories),
    types: byWord,
    classesOf: (type) =>
      byWord[type.trim().toLowerCase()] ?? classesOfRecord(type.trim().toUpperCase()),
  };
  texts.set(profile, text);
  return profile;
}

function lowerKeys<T>(table: Readonly<Record<string, T>>): Record<string, T> {
  const rows = Object.entries(table).map(([key, value]) => [key.trim().toLowerCase(), value]);
  // Without a prototype: a file's word may be `constructor`.
  return Object.assign(Object.create(null), Object.fromEntries(rows));
}
