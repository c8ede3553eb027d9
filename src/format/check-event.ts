/**
 * Check event: what is kept of a request that asked about documents, as one line of JSON.
 *
 * The edge writes it, central reads it (docs/api.md, "Audit"). Never a number: a document is one
 * letter for what was answered and a keyed tag of eight bytes. 1,000 documents make a line of 12 KB:
 * below the 16,384 characters at which Cloudflare's Logpush cuts the log of a request.
 */

import { base64url } from 'jose';
import * as v from 'valibot';
import type { AnswerStatus } from '../errors.ts';
import { ROLES } from './role.ts';
import { TAG_BYTES } from './tag-key.ts';

const DOCUMENTS_MAX = 1_000;

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

/** Identifier of a joint operation: 16 random bytes, base64url. */
export const OPERATION_ID = /^[\w-]{22}$/;

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(128));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const requestId = v.pipe(v.string(), v.regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/));
const time = v.pipe(v.string(), v.isoTimestamp());

const CheckEventSchema = v.object({
  event: v.literal('check'),
  /** When it was answered. */
  time,
  requestId,
  route: v.picklist([FIRST_ROUTE, AGAIN_ROUTE]),
  tenant: name,
  site: name,
  role: v.picklist(ROLES),
  sub: name,
  purpose: v.optional(v.pipe(v.string(), v.maxLength(32))),
  direction: v.optional(v.picklist(DIRECTIONS)),
  /** Of the joint operation that the caller named; whether there is one, central knows. */
  operation: v.optional(v.pipe(v.string(), v.regex(OPERATION_ID))),
  edition: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
  sequence: v.optional(count),
  /** Every report up to here was in the list that was answered from. */
  asOf: v.optional(time),
  /** What became of the question to central. */
  central: v.pipe(v.string(), v.maxLength(32)),
  durationMs: v.pipe(v.number(), v.minValue(0)),
  codes: v.optional(v.record(v.pipe(v.string(), v.maxLength(64)), count)),
  /** One of ANSWER_LETTERS for each document, in order. */
  answers: v.pipe(v.string(), v.regex(/^[chaui]+$/), v.maxLength(DOCUMENTS_MAX)),
  /** Eight bytes for each document, in order, as base64url; zeros where there is no number. */
  tags: v.optional(v.pipe(v.string(), v.regex(/^[\w-]+$/))),
  /** Of a candidate that is asked about again: the request that made it. */
  first: v.optional(v.object({ requestId, place: count, time })),
});

/** One request's event. */
export type CheckEvent = v.InferOutput<typeof CheckEventSchema>;

/** The event in a line of JSON, or undefined if the value is none. Never says what was wrong. */
export function parseCheckEvent(value: unknown): CheckEvent | undefined {
  const result = v.safeParse(CheckEventSchema, value);
  if (!result.success) return undefined;
  const { answers, tags } = result.output;
  const isWhole =
    tags === undefined || tags.length === Math.ceil((answers.length * TAG_BYTES * 4) / 3);
  return isWhole ? result.output : undefined;
}

/** The tags of an event, TAG_BYTES each; undefined if it has none. */
export const tagBytesOf = ({ tags }: CheckEvent): Uint8Array | undefined =>
  tags === undefined ? undefined : base64url.decode(tags);
