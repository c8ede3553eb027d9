/**
 * A failure as problem details (RFC 9457). The one place where a code becomes a response.
 *
 * Title and statuses come from src/errors.ts; nothing of the request is repeated.
 */

import { ERRORS, type ErrorCode } from '../../src/errors.ts';

/** The response of a code. */
export function problem(code: ErrorCode): Response {
  const { http, status, title } = ERRORS[code];
  const headers = new Headers({
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
  });
  if (code === 'unauthenticated') headers.set('www-authenticate', 'Bearer');
  const body = { type: `urn:sltd-edge:problem:${code}`, title, status, code };
  return new Response(JSON.stringify(body), { status: http, headers });
}
