/**
 * Every expected failure has a stable code from the one table here.
 *
 * The same codes stand in docs/api.md (a test holds the two equal, both ways). A message never
 * carries input: it is written here, once, and says what to do. HTTP status and answer status are
 * part of the table, so that a code becomes a response in one place (middleware/problem.ts).
 */

/** Status of an answer, as in docs/api.md; every non-2xx body carries one too. */
export type AnswerStatus = 'clear' | 'hit' | 'candidate' | 'unknown' | 'invalid';

interface ErrorEntry {
  /** HTTP status where the code reaches a caller. */
  http: number;
  /** What the body says in `status`: `unknown` is no all-clear, `invalid` asks for a re-read. */
  status: 'unknown' | 'invalid';
  title: string;
}

const unknown = (http: number, title: string): ErrorEntry => ({ http, status: 'unknown', title });
const invalid = (http: number, title: string): ErrorEntry => ({ http, status: 'invalid', title });

export const ERRORS = {
  // The document cannot be looked up as read: read it again.
  'mrz-unreadable': invalid(422, 'The machine readable zone has no known format.'),
  'number-missing': invalid(422, 'The document number is missing.'),
  'number-too-long': invalid(422, 'The document number has more than 32 characters.'),
  'number-bad-character': invalid(422, 'The document number has a character that no number has.'),
  'number-check-digit': invalid(422, 'The check digit of the document number is wrong.'),
  'state-unknown': invalid(422, 'The issuing state is not an ICAO Doc 9303-3 code.'),
  'class-unknown': invalid(422, 'The document class is not known.'),

  // The request cannot be read.
  'body-not-json': invalid(400, 'The body is not JSON in UTF-8.'),
  'body-too-large': invalid(413, 'The body is larger than the limit.'),
  'content-type': invalid(415, 'The content type must be application/json.'),
  'request-invalid': invalid(422, 'A field is missing, unknown or of the wrong type.'),
  'batch-empty': invalid(422, 'The batch has no document.'),
  'batch-too-large': invalid(422, 'The batch has more than 1,000 documents.'),
  'field-missing': invalid(422, 'The field is needed.'),
  'field-invalid': invalid(422, 'The field is not of the form or the values that it has.'),
  'field-unknown': invalid(422, 'There is a field that no record has.'),
  'date-invalid': invalid(422, 'The date is none, or out of the range that the field has.'),
  'bulk-size': invalid(422, 'A bulk has 1 to 5,000 items.'),
  'cursor-invalid': invalid(422, 'The cursor is not one of ours: begin the list again.'),

  // The caller may not, or asks for what is not there.
  unauthenticated: unknown(401, 'A valid bearer token is needed.'),
  forbidden: unknown(403, 'The credential does not allow this.'),
  'not-found': unknown(404, 'There is nothing at this address.'),
  'method-not-allowed': unknown(405, 'The method is not allowed at this address.'),
  'check-id-invalid': unknown(404, 'The check id is not one of ours, or not of this caller.'),
  'check-id-expired': unknown(410, 'The check id has expired: ask again.'),
  'record-exists': unknown(409, 'The same record is listed already.'),
  'record-withdrawn': unknown(409, 'The record is withdrawn.'),
  'version-changed': unknown(412, 'It has changed since that version: read it again.'),
  'version-missing': unknown(
    428,
    'The header If-Match with the version that is changed is needed.',
  ),
  'repeat-differs': unknown(409, 'The Idempotency-Key was used for another request.'),
  'challenge-open': unknown(409, 'The bureau disputes the record already.'),
  'challenge-resolved': unknown(409, 'The challenge is answered already.'),
  'record-listed': unknown(409, 'The record is still listed: withdraw it first.'),
  'record-uncorrected': unknown(409, 'The record was not corrected since: correct it first.'),
  'bulk-decided': unknown(409, 'The bulk is decided already.'),
  'second-person': unknown(403, 'Another person of the bureau has to decide.'),
  'central-busy': unknown(503, 'A load is under way: ask again in a minute.'),
  'case-transition': unknown(409, 'The case cannot go there from the state that it is in.'),
  'case-changed': unknown(409, 'The case has gone on since that version: look again.'),
  'case-over': unknown(
    409,
    'The case was closed over 30 days ago: nothing is added to it any more.',
  ),
  'attachment-refused': invalid(
    422,
    'The attachment is of no type that is taken, or one too many.',
  ),
  'endpoint-refused': unknown(
    422,
    'The endpoint is refused: its address is none to send to, or it is one too many.',
  ),
  'endpoint-disabled': unknown(409, 'The endpoint is switched off: a replay enables it again.'),
  'bundle-refused': invalid(
    422,
    'The bundle is no archive of cards and their images, or larger than it may be.',
  ),
  'card-decided': unknown(409, 'That is decided already: look at the versions of the card.'),
  throttled: unknown(429, 'Too many requests: slow down.'),

  // No safe decision can be made now.
  'edition-missing': unknown(503, 'No edition of the list is loaded.'),
  'collection-missing': unknown(503, 'The edge does not hold a collection that the caller asks.'),
  'edition-expired': unknown(503, 'The edition of the list is too old to answer from.'),
  'state-not-covered': unknown(503, 'The edition says nothing about this issuing state.'),
  'state-restricted': unknown(
    503,
    'The issuing state does not let the state of the caller see its records.',
  ),
  'edition-rollback': unknown(503, 'The store offers an older edition than was seen before.'),
  'reports-missing': unknown(503, 'Reports that were in force are in no overlay or edition yet.'),
  'edition-future': unknown(503, 'The store offers an edition from the future.'),
  'edition-jump': unknown(503, 'The sequence of the head is higher than its time allows.'),
  'floor-unavailable': unknown(503, 'How new an edition has to be could not be asked.'),
  'page-unavailable': unknown(503, 'A page of the list could not be fetched.'),
  'page-corrupt': unknown(503, 'A page of the list is not what the manifest names.'),
  'central-unavailable': unknown(503, 'The confirmation service gave no usable answer.'),
  internal: unknown(500, 'The check failed for a reason of ours.'),

  // Bytes that are not what docs/format.md says.
  'format-magic': unknown(503, 'The bytes are of another kind.'),
  'format-version': unknown(503, 'The format version is not known.'),
  'format-length': unknown(503, 'The length is not what the header says.'),
  'format-reserved': unknown(503, 'A reserved field is not zero.'),
  'format-value': unknown(503, 'A field is out of its range.'),
  'format-signature': unknown(503, 'The signature is not of a known key of that role.'),
  'format-digest': unknown(503, 'The content is not what its name says.'),

  // Publishing.
  'store-unavailable': unknown(503, 'The edition store cannot be read or written.'),
  'head-moved': unknown(503, 'Another publisher moved the head first.'),
  'overlay-dropped': unknown(500, 'Reports since that edition would no longer be answered.'),
  'overlay-too-large': unknown(
    500,
    'An overlay cannot hold all operations: a new edition is overdue.',
  ),
  'operation-log-behind': unknown(500, 'The log lacks operations that are published already.'),

  // The nightly build.
  'input-unchanged': unknown(500, 'The feed has delivered the same bytes for too long.'),
  'input-unreadable': unknown(500, 'The input file cannot be read.'),
  'input-empty': unknown(500, 'The input file has no record.'),
  'input-encoding': unknown(500, 'The input file is not in the encoding that its profile says.'),
  'input-schema': unknown(500, 'The input file does not have the columns that its profile says.'),
  'input-restrictions': unknown(
    500,
    'The file of restrictions is not one, or a line of it is none.',
  ),
  'input-rejects': unknown(500, 'More rows were rejected than the limit allows.'),
  'gate-refused': unknown(500, 'The list is too unlike the one in force: it waits in quarantine.'),
  'release-invalid': unknown(500, 'The edition cannot be released from quarantine.'),
  'job-running': unknown(500, 'Another run of the nightly job is under way.'),
  'list-shrinks': unknown(500, 'The list would lose far more records than usual.'),
  'digest-collision': unknown(500, 'Two keys share a digest: build again under a new epoch key.'),
  'disk-full': unknown(500, 'The disk has no room left.'),
  'build-failed': unknown(500, 'A page could not be built from its keys.'),
  'verify-failed': unknown(500, 'The written edition does not answer as the export says.'),
  'config-invalid': unknown(500, 'A setting is missing or not usable.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** An expected failure. `detail` is for operators' logs: it must never hold input of a request. */
export class SltdError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, options: { detail?: string; cause?: unknown } = {}) {
    super(options.detail ? `${ERRORS[code].title} (${options.detail})` : ERRORS[code].title, {
      cause: options.cause,
    });
    this.name = 'SltdError';
    this.code = code;
    this.detail = options.detail;
  }
}

/** A broken assumption of ours: fails loudly, and the answer is `unknown`. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${what}`);
}
