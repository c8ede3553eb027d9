/**
 * GET /v1/checks/{id}: asks central again about a candidate that was answered before.
 *
 * The id holds all that is needed; the edge has kept nothing. The answer is about the edition that
 * made the candidate, so it can only be cleared while that edition could still be answered from.
 */

import { answerText, type VisibleResult, visibleTo } from '../check/answer.ts';
import { auditLine } from '../check/audit.ts';
import type { CheckResults } from '../check/check.ts';
import { openCheck, type SealedCheck } from '../check/check-id.ts';
import { type Resolution, resolve } from '../check/verdict.ts';
import { documentName } from '../document/canonical-key.ts';
import { AGAIN_ROUTE } from '../format/check-event.ts';
import type { GuardedRoute } from '../middleware/guard.ts';
import { ageOf } from '../store/edition.ts';
import { respondAnswer } from './respond-answer.ts';

export async function getCheck(context: GuardedRoute): Promise<Response> {
  const { c, services, requestId, caller } = context;
  const { sealKeys, now, limits } = services;
  const id = c.req.param('id') ?? '';
  const sealed = await openCheck(id, { sealKeys, tenant: caller.tenant, nowMs: now() });
  const { verdict, list, coverage } = sealed;
  const { confirmations, central } = await askAgain(sealed, context);
  const age = ageOf(sealed, now(), limits);
  let resolution: Resolution = resolve(verdict, confirmations);
  if (resolution.status === 'clear' && age.freshness === 'expired') {
    resolution = { status: 'unknown', code: 'edition-expired' };
  }
  const seen = visibleTo(caller.role, resolution);
  const visible: VisibleResult = {
    ...{ id: undefined, mrz: undefined, coverage, ...seen },
    checkId: seen.status === 'candidate' ? id : undefined,
  };
  await audit(sealed, visible, central, context);
  return respondAnswer(visible, answerText(visible, { ...list, ...age }), requestId);
}

async function askAgain(sealed: SealedCheck, { services, caller }: GuardedRoute) {
  const { verdict, list, purpose, direction } = sealed;
  const { central } = services;
  if (!central) return { confirmations: undefined, central: 'off' as const };
  const keys = verdict.questions.map(({ key }) => key);
  const read = verdict.questions.filter(({ spelling }) => spelling === 'exact');
  const exact = new Set<string>(read.map(({ key }) => key));
  const result = await central.confirm(keys, list, caller, { exact, purpose, direction });
  return result.ok
    ? { confirmations: result.confirmations, central: 'answered' as const }
    : { confirmations: undefined, central: result.failure };
}

async function audit(
  { verdict, list, first, operation, purpose, direction }: SealedCheck,
  visible: VisibleResult,
  central: CheckResults['central'],
  { services, caller, requestId, startedMs, defer }: GuardedRoute,
): Promise<void> {
  const nowMs = services.now();
  const { edition, sequence, asOf } = list;
  const { requestId: firstId, place, timeMs } = first;
  const line = auditLine({
    ...{ requestId, route: AGAIN_ROUTE, caller, edition, sequence, central, operation, nowMs },
    ...{ purpose, direction, asOf: new Date(asOf).toISOString() },
    answers: [visible],
    tags: await services.tagger?.tagsOf([documentName(verdict.questions[0]!.key)], nowMs),
    first: { requestId: firstId, place, time: new Date(timeMs).toISOString() },
    durationMs: performance.now() - startedMs,
  });
  services.log(line);
  services.postEvent?.(line, defer);
}
