/**
 * One document's answer as a response: status of HTTP, and where to ask again.
 */

import type { VisibleResult } from '../check/answer.ts';
import { respond, respondProblem } from '../middleware/respond.ts';

/** Seconds after which asking again about a candidate may help. */
const RETRY_SECONDS = 2;

/** 200 clear or hit, 202 candidate, else the problem of its code. */
export function respondAnswer(
  { decisive: { status, code }, checkId }: VisibleResult,
  body: string,
  requestId: string,
): Response {
  if (code !== undefined) return respondProblem(code, { requestId }, body);
  if (status !== 'candidate') return respond(body, { requestId });
  const headers: Record<string, string> = { 'retry-after': String(RETRY_SECONDS) };
  if (checkId !== undefined) headers.location = `/v1/checks/${checkId}`;
  return respond(body, { requestId, status: 202, headers });
}
