/**
 * Responses: the headers that every one has, and problems (RFC 9457).
 *
 * The one place where a code becomes a response. Nothing of a request is repeated, and nothing may
 * be stored on the way (S8).
 */

import { problemMembers } from '../check/answer.ts';
import { ERRORS, type ErrorCode } from '../errors.ts';

/** Each costs what a hundred probes do: JSON that nobody sniffs needs no more; the page has more. */
const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

export interface ResponseOptions {
  requestId: string;
  status?: number;
  /** Beside those of every response; one of the same name stands instead. */
  headers?: Record<string, string>;
}

/** A response with a body of JSON. */
export function respond(
  body: string,
  { requestId, status = 200, headers }: ResponseOptions,
): Response {
  return new Response(body, {
    status,
    headers: {
      ...HEADERS,
      'content-type': 'application/json',
      'x-request-id': requestId,
      ...headers,
    },
  });
}

/** The problem of a code; `body` if there is more to say than the code. */
export function respondProblem(
  code: ErrorCode,
  { requestId, headers = {} }: ResponseOptions,
  body = `{${problemMembers(code)}}`,
): Response {
  return respond(body, {
    requestId,
    status: ERRORS[code].http,
    headers: { 'content-type': 'application/problem+json', ...challengeOf(code), ...headers },
  });
}

function challengeOf(code: ErrorCode): Record<string, string> {
  if (code === 'unauthenticated') return { 'www-authenticate': 'Bearer' };
  return code === 'throttled' ? { 'retry-after': '1' } : {};
}
