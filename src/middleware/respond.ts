/**
 * Responses: the headers that every one has, and problems (RFC 9457).
 *
 * The one place where a code becomes a response. Nothing of a request is repeated, and nothing may
 * be stored on the way (S8).
 */

import { problemMembers } from '../check/answer.ts';
import { ERRORS, type ErrorCode } from '../errors.ts';

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

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
