/**
 * What a card says: to which documents it applies, what to look at, known forgeries, images; every
 * text in four languages.
 *
 * All four have to be there with the same number of points, so that no officer is shown less than
 * another. Values are never repeated in an error. docs/api.md, "Cards".
 */

import * as v from 'valibot';
import {
  CLASS_LETTER,
  DOCUMENT_CLASSES,
  type DocumentClass,
} from '../../src/document/document-class.ts';
import { Day, Id } from '../../src/format/forms.ts';
import { type FieldError, FieldsError } from '../../src/fields-error.ts';
import { line } from '../http/forms.ts';
import type { ImageType } from './image-type.ts';

/** Languages of every text of a card. */
export const LANGUAGES = ['en', 'fr', 'es', 'ar'] as const;

const CARDS_PER_BUNDLE_MAX = 50;
const IMAGES_PER_CARD_MAX = 10;
const POINTS_MAX = 20;
const TITLE_LENGTH_MAX = 120;
const POINT_LENGTH_MAX = 500;

const points = v.pipe(v.array(line(POINT_LENGTH_MAX)), v.maxLength(POINTS_MAX));
const inEachLanguage = <T extends v.GenericSchema>(text: T) =>
  v.strictObject({ en: text, fr: text, es: text, ar: text });

/** As in a canonical key: capital letters and digits. */
const number = v.pipe(v.string(), v.regex(/^[A-Z0-9]{1,32}$/));
const SeriesSchema = v.union([
  v.strictObject({ prefix: number }),
  v.pipe(
    v.strictObject({ from: number, to: number }),
    v.check(({ from, to }) => from.length === to.length && from <= to),
  ),
]);
/** SHA-256 in hexadecimal: name of an image. */
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

const shared = {
  /** Code of Doc 9303-3. */
  issuingState: v.pipe(v.string(), v.regex(/^[A-Z]{1,3}$/)),
  documentClass: v.picklist(DOCUMENT_CLASSES),
  /** Numbers to which the card applies; all without it. */
  series: v.optional(SeriesSchema),
  /** First and last day of issue to which it applies. */
  issuedFrom: v.optional(Day),
  issuedTo: v.optional(Day),
  texts: v.pipe(
    inEachLanguage(
      v.strictObject({
        title: line(TITLE_LENGTH_MAX),
        lookAt: v.pipe(points, v.minLength(1)),
        forgeries: points,
      }),
    ),
    v.check((texts) =>
      LANGUAGES.every(
        (language) =>
          texts[language].lookAt.length === texts.en.lookAt.length &&
          texts[language].forgeries.length === texts.en.forgeries.length,
      ),
    ),
  ),
};
const captions = inEachLanguage(line(POINT_LENGTH_MAX));

/** A card as a bundle brings it: its images by name alone. */
const CardSchema = v.strictObject({
  /** The card of which this is a new version; a card of its own without it. */
  id: v.optional(Id),
  ...shared,
  images: v.pipe(v.array(v.strictObject({ sha256, captions })), v.maxLength(IMAGES_PER_CARD_MAX)),
});

/** First words of a bundle's `cards.json`. */
export const BUNDLE_FORMAT = { format: 'sltd-cards', version: 1 } as const;

const BundleSchema = v.strictObject({
  format: v.literal(BUNDLE_FORMAT.format),
  version: v.literal(BUNDLE_FORMAT.version),
  cards: v.pipe(v.array(CardSchema), v.minLength(1), v.maxLength(CARDS_PER_BUNDLE_MAX)),
});

/** A card of a bundle. */
export type CardInput = v.InferOutput<typeof CardSchema>;

/** A version of a card as it is kept: with type and size of its images. */
export interface CardContent extends Omit<CardInput, 'id' | 'images'> {
  images: {
    sha256: string;
    mediaType: ImageType;
    sizeBytes: number;
    captions: CardInput['images'][number]['captions'];
  }[];
}

/** The cards of a bundle's `cards.json`; throws FieldsError with all that is wrong. */
export function parseCards(value: unknown): CardInput[] {
  const result = v.safeParse(BundleSchema, value);
  if (!result.success) throw new FieldsError(result.issues.map(fieldErrorOf));
  const wrong = result.output.cards.flatMap((card, i): FieldError[] => {
    const { issuedFrom, issuedTo } = card;
    if (issuedFrom === undefined || issuedTo === undefined || issuedFrom <= issuedTo) return [];
    return [{ field: `cards.${i}.issuedTo`, code: 'date-invalid' }];
  });
  if (wrong.length > 0) throw new FieldsError(wrong);
  return result.output.cards;
}

/** Path and code; a member that no card has is not named, since its name is the sender's. */
function fieldErrorOf(issue: v.BaseIssue<unknown>): FieldError {
  const path = issue.path?.map(({ key }) => String(key)) ?? [];
  const isUnknown = issue.type === 'strict_object' && issue.expected === 'never';
  const field = (isUnknown ? path.slice(0, -1) : path).join('.');
  if (isUnknown) return { field, code: 'field-unknown' };
  const isMissing = issue.type === 'strict_object' && issue.received === 'undefined';
  return { field, code: isMissing ? 'field-missing' : 'field-invalid' };
}

/** What is known of a document to which cards are looked for. */
export interface CardSubject {
  /** Class letters, as a record has them. */
  classes: string;
  /** Canonical. */
  number: string;
  /** YYYY-MM-DD; null where nobody said. */
  dateOfIssue: string | null;
}

/** True if the card applies to the document; where the date of issue is not known, it may. */
export function fits(content: CardContent, subject: CardSubject): boolean {
  const { documentClass, series, issuedFrom, issuedTo } = content;
  const date = subject.dateOfIssue;
  return (
    subject.classes.includes(letterOf(documentClass)) &&
    (series === undefined || isInSeries(subject.number, series)) &&
    (date === null || issuedFrom === undefined || date >= issuedFrom) &&
    (date === null || issuedTo === undefined || date <= issuedTo)
  );
}

const letterOf = (documentClass: DocumentClass): string => CLASS_LETTER[documentClass];

function isInSeries(text: string, series: v.InferOutput<typeof SeriesSchema>): boolean {
  if ('prefix' in series) return text.startsWith(series.prefix);
  // Of one length, capital letters and digits sort as the numbers do.
  return text.length === series.from.length && text >= series.from && text <= series.to;
}
