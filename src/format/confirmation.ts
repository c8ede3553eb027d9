/**
 * The question from edge to central about candidates, and central's signed answer.
 *
 * One question per request of a caller, however many candidates it has. The answer is a compact JWS
 * (RFC 7515, EdDSA) over ConfirmationAnswer; it is bound to the question by nonce and by the SHA-256
 * of its body, so that whoever sits between can neither clear a candidate nor replay an answer.
 * docs/api.md, "Confirmation", has an example of each.
 */

import * as v from 'valibot';
import { NOTICE_COLORS } from './notice.ts';

export const CONFIRMATION_ITEMS_MAX = 4096;
export const CONFIRMATION_TYPE = 'sltd-confirmation+jwt';

const timeMs = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const token = (lengthMax: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(lengthMax));
const base64url = (length: number) => v.pipe(v.string(), v.regex(/^[\w-]+$/), v.length(length));

const ConfirmationQuestionSchema = v.strictObject({
  /** 16 random bytes. */
  nonce: base64url(22),
  collection: token(24),
  /** The edition that made the candidates: name of its manifest. */
  edition: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  sequence: timeMs,
  /** Every report up to here is in the edge's data. */
  asOf: timeMs,
  /** Canonical keys (docs/format.md section 3). */
  keys: v.pipe(
    v.array(v.pipe(v.string(), v.regex(/^[PIVO][A-Z<]{3}[A-Z0-9]{1,32}$/))),
    v.minLength(1),
    v.maxLength(CONFIRMATION_ITEMS_MAX),
  ),
  /** Of the check behind the question; without it central opens no case. */
  encounter: v.optional(
    v.strictObject({
      /** Places in `keys` of what was read: the number as read, of the state as read. */
      exact: v.pipe(
        v.array(v.pipe(v.number(), v.integer(), v.minValue(0))),
        v.maxLength(CONFIRMATION_ITEMS_MAX),
      ),
      purpose: v.optional(token(32)),
      direction: v.optional(token(16)),
    }),
  ),
});

/** What a role may see of a record; every field but `id` and `category` depends on the role. */
const RecordViewSchema = v.object({
  /** Opaque. */
  id: token(64),
  category: v.picklist(['unspecified', 'lost', 'invalid', 'revoked', 'stolen', 'stolen-blank']),
  typeCode: v.optional(token(8)),
  dateOfTheft: v.optional(token(10)),
  nationalReference: v.optional(token(64)),
  /** Of the notice that the document belongs to. */
  noticeColor: v.optional(v.picklist(NOTICE_COLORS)),
  ncb: v.optional(token(64)),
  /** Another bureau disputes the record, and its owner has not answered yet. */
  challenged: v.optional(v.boolean()),
});

/** A Quick Check Card: what to look at on a document of this kind. */
const CardLinkSchema = v.object({
  /** Opaque. */
  id: token(64),
  /** Its title in each language of cards. */
  titles: v.object({ en: token(120), fr: token(120), es: token(120), ar: token(120) }),
  /** Central's page of it, for about an hour; absent where central does not know its own address. */
  href: v.optional(v.pipe(v.string(), v.maxLength(1_024), v.regex(/^https?:\/\/\S+$/))),
});

const ConfirmationAnswerSchema = v.object({
  nonce: base64url(22),
  /** SHA-256 of the question's body, base64url. */
  questionSha256: base64url(43),
  /** When the answer was signed. */
  issuedAt: timeMs,
  /** The export that central has loaded is complete up to here. */
  asOf: timeMs,
  /** Number of the last operation of central's log that the answer takes into account. */
  operationSequence: v.optional(timeMs),
  /** What central has loaded: the manifest's inputsSha256 of the same export, in hexadecimal. */
  inputsSha256: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
  /** One for each key, in order. */
  results: v.pipe(
    v.array(
      v.pipe(
        v.object({
          listed: v.optional(v.boolean()),
          /**
           * The issuing state does not let the state of the caller see its records. It stands instead of
           * `listed`, so that an edge that does not know it takes the answer for none: its candidates
           * stay candidates.
           */
          restricted: v.optional(v.literal(true)),
          record: v.optional(RecordViewSchema),
          /** Places in `cards` of those that fit a document of this key. */
          cards: v.optional(v.array(v.pipe(v.number(), v.integer(), v.minValue(0)))),
        }),
        v.check(({ listed, restricted }) => (listed === undefined) === (restricted === true)),
      ),
    ),
    v.maxLength(CONFIRMATION_ITEMS_MAX),
  ),
  /** Cards that fit one of the documents, each once. */
  cards: v.optional(v.array(CardLinkSchema)),
  /** Central holds the training collection. */
  training: v.optional(v.literal(true)),
});

export type ConfirmationQuestion = v.InferOutput<typeof ConfirmationQuestionSchema>;
export type ConfirmationAnswer = v.InferOutput<typeof ConfirmationAnswerSchema>;
export type CardLink = v.InferOutput<typeof CardLinkSchema>;
export type RecordView = v.InferOutput<typeof RecordViewSchema>;

/** The question, or undefined if the value is not one. Never says what was wrong with the input. */
export function parseConfirmationQuestion(value: unknown): ConfirmationQuestion | undefined {
  const result = v.safeParse(ConfirmationQuestionSchema, value);
  return result.success ? result.output : undefined;
}

/** The answer, or undefined if the value is not one. */
export function parseConfirmationAnswer(value: unknown): ConfirmationAnswer | undefined {
  const result = v.safeParse(ConfirmationAnswerSchema, value);
  return result.success ? result.output : undefined;
}
