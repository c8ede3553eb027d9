/**
 * Check event: what is kept of a request that asked about documents in one collection.
 *
 * The edge writes the events of a request as one line of JSON: that of the first collection, and in
 * `also` what is different for the others, because the tags are most of it and the same for all. Central
 * reads them (docs/api.md, "Audit"). Never a number: a document is one
 * letter for what was answered, a digit for its classes and a keyed tag of eight bytes. 1,000 documents in four
 * collections make a line of 16 KB: below the 16,384 characters at which Cloudflare's Logpush cuts the log of a request.
 */

import { base64url } from 'jose';
import * as v from 'valibot';
import { classBits, type DocumentClass } from '../document/document-class.ts';
import type { AnswerStatus } from '../errors.ts';
import { COLLECTION } from './collection.ts';
import { Id, isLine, Name, Time } from './forms.ts';
import { ROLES } from './role.ts';
import { TAG_BYTES } from './tag-key.ts';

const DOCUMENTS_MAX = 1_000;
/** Characters of a line that is kept whole. */
export const LINE_LENGTH_MAX = 16_384;

/** Why a document is asked about. */
export const PURPOSES = [
  ...['border-check', 'entry-check', 'exit-check', 'transit-check', 'boarding-check'],
  ...['visa-check', 'police-check', 'investigation', 'training', 'test'],
] as const;

/** Which way the traveller goes. */
export const DIRECTIONS = ['entry', 'exit', 'transit'] as const;

/** Where a candidate was asked about first. */
export const FIRST_ROUTE = 'POST /v1/checks';
/** Where it is asked about again. */
export const AGAIN_ROUTE = 'GET /v1/checks/:id';

/** One letter for each status. */
export const ANSWER_LETTERS = {
  clear: 'c',
  hit: 'h',
  candidate: 'a',
  unknown: 'u',
  invalid: 'i',
} as const satisfies Record<AnswerStatus, string>;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const requestId = v.pipe(v.string(), v.regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/));

const listMembers = {
  /** What was asked; lines from before there were several have none. */
  collection: v.optional(v.pipe(v.string(), v.regex(COLLECTION)), 'sltd'),
  edition: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
  sequence: v.optional(count),
  /** Every report up to here was in the list that was answered from. */
  asOf: v.optional(Time),
  /** What became of the question to central. */
  central: v.pipe(v.string(), v.maxLength(32)),
  codes: v.optional(v.record(v.pipe(v.string(), v.maxLength(64)), count)),
  /** One of ANSWER_LETTERS for each document, in order. */
  answers: v.pipe(v.string(), v.regex(/^[chaui]+$/), v.maxLength(DOCUMENTS_MAX)),
};

const CheckEventSchema = v.object({
  event: v.literal('check'),
  /** When it was answered. */
  time: Time,
  requestId,
  route: v.picklist([FIRST_ROUTE, AGAIN_ROUTE]),
  tenant: Name,
  site: Name,
  role: v.picklist(ROLES),
  sub: Name,
  /** State that the caller works for; lines of callers without one have none. */
  state: v.optional(v.pipe(v.string(), v.regex(/^[A-Z]{1,3}$/))),
  purpose: v.optional(v.pipe(v.string(), v.maxLength(32), v.check(isLine))),
  direction: v.optional(v.picklist(DIRECTIONS)),
  /** Of the joint operation that the caller named; whether there is one, central knows. */
  operation: v.optional(Id),
  ...listMembers,
  durationMs: v.pipe(v.number(), v.minValue(0)),
  /** Eight bytes for each document, in order, as base64url; zeros where there is no number. */
  tags: v.optional(v.pipe(v.string(), v.regex(/^[\w-]+$/))),
  /**
   * Classes in which each document was asked, in order: classBits() as a hexadecimal digit; one digit
   * where it is the same for all. Without it, as in lines of before, it may be any.
   */
  classes: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]+$/), v.maxLength(DOCUMENTS_MAX))),
  /** Of a candidate that is asked about again: the request that made it. */
  first: v.optional(v.object({ requestId, place: count, time: Time })),
});

const AlsoSchema = v.object(listMembers);
const LineSchema = v.object({
  ...CheckEventSchema.entries,
  also: v.optional(v.array(AlsoSchema)),
});

/** One request's event in one collection. */
export type CheckEvent = v.InferOutput<typeof CheckEventSchema>;
/** What of an event belongs to its collection. */
export type ListEvent = v.InferOutput<typeof AlsoSchema>;
/** The events of a request as the edge writes them. */
export type CheckLine = v.InferOutput<typeof LineSchema>;

/** The events in a line of JSON, or undefined if the value is none. Never says what was wrong. */
export function parseCheckLine(value: unknown): CheckEvent[] | undefined {
  const result = v.safeParse(LineSchema, value);
  if (!result.success) return undefined;
  const { also = [], ...first } = result.output;
  const { answers, tags, classes } = first;
  const isWhole =
    (classes === undefined || [1, answers.length].includes(classes.length)) &&
    (tags === undefined || tags.length === Math.ceil((answers.length * TAG_BYTES * 4) / 3)) &&
    also.every((list) => list.answers.length === answers.length);
  return isWhole ? [first, ...also.map((list) => eventOf(first, list))] : undefined;
}

/** The event of another collection of the same request. */
export const eventOf = (first: CheckEvent, list: ListEvent): CheckEvent => ({
  ...first,
  // One that is not there is not that of the first.
  ...{ edition: undefined, sequence: undefined, asOf: undefined, codes: undefined },
  ...list,
});

/** What an event says of the classes in which its documents were asked. */
export function classesText(documents: readonly (readonly DocumentClass[])[]): string {
  const digits = documents.map((classes) => classBits(classes).toString(16));
  const [first = '0'] = digits;
  return digits.every((digit) => digit === first) ? first : digits.join('');
}

/** Whether the document at a place was asked in one of these classes (classBits()), or may have been. */
export function wasAskedIn({ classes }: CheckEvent, place: number, bits: number): boolean {
  if (classes === undefined) return true;
  const digit = classes.length === 1 ? classes : (classes[place] ?? '0');
  return (Number.parseInt(digit, 16) & bits) !== 0;
}

/** The tags of an event, TAG_BYTES each; undefined if it has none. */
export const tagBytesOf = ({ tags }: CheckEvent): Uint8Array | undefined =>
  tags === undefined ? undefined : base64url.decode(tags);
