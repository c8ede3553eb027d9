/**
 * A failure as problem details (RFC 9457). The one place where a code becomes a response.
 *
 * Title and statuses come from src/errors.ts; nothing of the request is repeated.
 */

import { ERRORS, type ErrorCode } from '../../src/errors.ts';
import type { FieldError } from '../../src/fields-error.ts';

/** The response of a code; with the fields that cannot be taken where it is about some. */
export function problem(code: ErrorCode, errors?: readonly FieldError[]): Response {
  const { http, status, title } = ERRORS[code];
  const headers = new Headers({
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
  });
  if (code === 'central-busy') headers.set('retry-after', '30');
  if (code === 'unauthenticated') headers.set('www-authenticate', 'Bearer');
  const body = { type: `urn:sltd-edge:problem:${code}`, title, status, code, errors };
  return new Response(JSON.stringify(body), { status: http, headers });
}
