/**
 * Record input: what a bureau sends becomes a report, or a code for each field that cannot be taken.
 *
 * Number, type and state go through the functions of the importer and the edge, so that what is
 * reported here is found there. Values are never repeated in an error.
 */

import { canonicalNumber } from '../../src/document/canonical-key.ts';
import { classesOfRecord } from '../../src/document/document-class.ts';
import { parseStateCode, type StateCode } from '../../src/document/issuing-state.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { CATEGORIES, type Category } from '../../src/format/category.ts';
import { type NoticeColor, parseNoticeColor } from '../../src/format/notice.ts';
import { type FieldError, FieldsError } from '../../src/fields-error.ts';
import type { ReportedRecord } from './record-row.ts';

/** Fields of a record as a bureau sends it. `null` in a correction takes a field away. */
export interface RecordFields {
  issuingState: string;
  documentNumber: string;
  /** One of the type codes of the list: PAS, IDC, VSA. */
  documentType: string;
  category: string;
  dateOfTheft?: string | null;
  placeOfTheft?: string | null;
  countryOfTheft?: string | null;
  dateOfIssue?: string | null;
  dateOfExpiry?: string | null;
  nationalReference?: string | null;
  /** Of the notice that the document belongs to. */
  noticeColor?: string | null;
  /** Day by which the bureau looks at the record again; ten years ahead by default and at most. */
  reviewDate?: string | null;
}

/** A report, and when it is to be looked at again. */
export interface RecordInput {
  record: ReportedRecord;
  /** YYYY-MM-DD. */
  reviewDate: string;
}

export const RECORD_FIELDS = [
  'issuingState',
  'documentNumber',
  'documentType',
  'category',
  'dateOfTheft',
  'placeOfTheft',
  'countryOfTheft',
  'dateOfIssue',
  'dateOfExpiry',
  'nationalReference',
  'noticeColor',
  'reviewDate',
] as const satisfies readonly (keyof RecordFields)[];

const REVIEW_YEARS = 10;
const TEXT_LENGTH_MAX = 200;
/** The edge takes no longer reference in an answer. */
const REFERENCE_LENGTH_MAX = 64;
const DATE = /^\d{4}-\d\d-\d\d$/;
const DAY_MS = 86_400_000;

/** The day of a time in UTC, YYYY-MM-DD. */
const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** The last day that a review may be put off to. */
function latestReview(nowMs: number): string {
  const date = new Date(nowMs);
  date.setUTCFullYear(date.getUTCFullYear() + REVIEW_YEARS);
  return date.toISOString().slice(0, 10);
}

/** The report of a body; throws FieldsError with all that is wrong. */
export function parseRecord(value: unknown, nowMs: number): RecordInput {
  return read(value, { nowMs, known: undefined });
}

/**
 * A record with the fields that a correction names; the others stay as they are, also where an export
 * had other rules for them. Throws FieldsError with all that is wrong.
 */
export function parseCorrection(
  changes: unknown,
  nowMs: number,
  known: ReportedRecord,
): RecordInput {
  return read(changes, { nowMs, known });
}

interface ReadOptions {
  nowMs: number;
  /** What is taken where a field is not named. */
  known: ReportedRecord | undefined;
}

function read(value: unknown, options: ReadOptions): RecordInput {
  const reader = new FieldReader(value, options);
  const input = reader.read();
  if (reader.errors.length > 0 || !input) throw new FieldsError(reader.errors);
  return input;
}

class FieldReader {
  readonly errors: FieldError[] = [];
  readonly #value: Record<string, unknown>;
  readonly #nowMs: number;
  readonly #known: ReportedRecord | undefined;

  constructor(value: unknown, options: ReadOptions) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    this.#value = isObject ? (value as Record<string, unknown>) : {};
    this.#nowMs = options.nowMs;
    this.#known = options.known;
    const names: readonly string[] = RECORD_FIELDS;
    // Names of unknown members are input too: they are not repeated.
    if (!isObject || Object.keys(this.#value).some((name) => !names.includes(name))) {
      this.#refuse('', 'field-unknown');
    }
  }

  read(): RecordInput | undefined {
    const state = this.#named('issuingState', 'state', () =>
      this.#needed('issuingState', parseStateCode, 'state-unknown'),
    );
    const number = state && this.#number(state);
    const type = this.#type();
    const category = this.#named('category', 'category', () =>
      this.#needed('category', categoryOf, 'field-invalid'),
    );
    const today = dayOf(this.#nowMs);
    const text = (field: 'placeOfTheft' | 'nationalReference', lengthMax: number) =>
      this.#named(field, field, () => this.#text(field, lengthMax));
    const date = (field: 'dateOfTheft' | 'dateOfIssue' | 'dateOfExpiry', latest?: string) =>
      this.#named(field, field, () => this.#date(field, latest));
    const rest = {
      dateOfTheft: date('dateOfTheft', today),
      placeOfTheft: text('placeOfTheft', TEXT_LENGTH_MAX),
      countryOfTheft: this.#named('countryOfTheft', 'countryOfTheft', () => this.#country()),
      dateOfIssue: date('dateOfIssue', today),
      dateOfExpiry: date('dateOfExpiry'),
      nationalReference: text('nationalReference', REFERENCE_LENGTH_MAX),
      noticeColor: this.#named('noticeColor', 'noticeColor', () => this.#color()),
    };
    const { dateOfIssue, dateOfExpiry } = rest;
    const isNamed = this.#isNamed('dateOfIssue') || this.#isNamed('dateOfExpiry');
    if (isNamed && dateOfIssue && dateOfExpiry && dateOfExpiry < dateOfIssue) {
      this.#refuse('dateOfExpiry', 'date-invalid');
    }
    const latest = latestReview(this.#nowMs);
    const reviewDate = this.#date('reviewDate', latest) ?? latest;
    if (reviewDate <= today) this.#refuse('reviewDate', 'date-invalid');
    if (!state || !number || !type || !category) return undefined;
    const reportedAt = new Date(this.#nowMs).toISOString();
    const record: ReportedRecord = {
      ...{ state, number: number.number, numberAsReported: number.numberAsReported },
      ...{ typeCode: type.typeCode, classes: type.classes, category, ...rest, reportedAt },
    };
    return { record, reviewDate };
  }

  /** True of every field of a report, and of those that a correction names. */
  #isNamed(field: keyof RecordFields): boolean {
    return this.#known === undefined || this.#value[field] !== undefined;
  }

  #named<K extends keyof ReportedRecord>(
    field: keyof RecordFields,
    known: K,
    parse: () => ReportedRecord[K] | undefined,
  ): ReportedRecord[K] | undefined {
    return this.#known && !this.#isNamed(field) ? this.#known[known] : parse();
  }

  #refuse(field: string, code: ErrorCode): undefined {
    this.errors.push({ field, code });
    return undefined;
  }

  #missing(field: string): void {
    if (!this.errors.some((error) => error.field === field)) this.#refuse(field, 'field-missing');
  }

  /** A text that is there; undefined if it is absent, null or empty. */
  #text(field: keyof RecordFields, lengthMax: number): string | undefined {
    const value = this.#value[field];
    if (value === undefined || value === null || value === '') return undefined;
    const isText = typeof value === 'string' && value.length <= lengthMax && value.isWellFormed();
    // Control characters have no place in a line that an officer reads.
    if (!isText || /\p{Cc}/u.test(value)) return this.#refuse(field, 'field-invalid');
    return value;
  }

  #needed<T>(
    field: keyof RecordFields,
    parse: (text: string) => T | undefined,
    code: ErrorCode,
  ): T | undefined {
    const text = this.#text(field, TEXT_LENGTH_MAX);
    if (text === undefined) return void this.#missing(field);
    return parse(text) ?? this.#refuse(field, code);
  }

  #number(state: StateCode): Pick<ReportedRecord, 'number' | 'numberAsReported'> | undefined {
    if (this.#known && !this.#isNamed('documentNumber')) return this.#known;
    const text = this.#text('documentNumber', TEXT_LENGTH_MAX);
    if (text === undefined) return void this.#missing('documentNumber');
    const number = canonicalNumber(text, state);
    if (!number.ok) return this.#refuse('documentNumber', number.code);
    return { number: number.value, numberAsReported: text.trim() };
  }

  #type(): Pick<ReportedRecord, 'typeCode' | 'classes'> | undefined {
    if (this.#known && !this.#isNamed('documentType')) return this.#known;
    const typeCode = this.#text('documentType', 16)?.trim().toUpperCase();
    if (typeCode === undefined) return void this.#missing('documentType');
    const classes = classesOfRecord(typeCode);
    return classes ? { typeCode, classes } : this.#refuse('documentType', 'class-unknown');
  }

  #color(): NoticeColor | undefined {
    const text = this.#text('noticeColor', 16);
    if (text === undefined) return undefined;
    return parseNoticeColor(text) ?? this.#refuse('noticeColor', 'field-invalid');
  }

  #country(): string | undefined {
    const text = this.#text('countryOfTheft', 16);
    if (text === undefined) return undefined;
    return parseStateCode(text) ?? this.#refuse('countryOfTheft', 'state-unknown');
  }

  /** A day that exists, not after the latest. */
  #date(field: keyof RecordFields, latest?: string): string | undefined {
    const text = this.#text(field, TEXT_LENGTH_MAX);
    if (text === undefined) return undefined;
    const time = DATE.test(text) ? Date.parse(text) : Number.NaN;
    const exists = !Number.isNaN(time) && dayOf(time) === text;
    // A day early on the other side of the date line.
    const isLate = latest !== undefined && time > Date.parse(latest) + DAY_MS;
    return exists && !isLate ? text : this.#refuse(field, 'date-invalid');
  }
}

const categoryOf = (text: string): Category | undefined =>
  CATEGORIES.find((category) => category === text);
