/**
 * GET /v1/checks/{id}: asks central again about a candidate that was answered before.
 *
 * The id holds all that is needed; the edge has kept nothing. The answer is about the edition that
 * made the candidate, so it can only be cleared while that edition could still be answered from.
 */

import { answerText, type VisibleResult, visibleFinding } from '../check/answer.ts';
import { auditedList, leaveAudit } from '../check/audit.ts';
import { type AskedCollection, coverageOf } from '../check/check.ts';
import { openCheck, type SealedCheck, type SealedFinding } from '../check/check-id.ts';
import { decisiveOf, type Resolution, resolve } from '../check/verdict.ts';
import { documentName } from '../document/canonical-key.ts';
import { SltdError } from '../errors.ts';
import { AGAIN_ROUTE } from '../format/check-event.ts';
import type { GuardedRoute } from '../middleware/guard.ts';
import { ageOf } from '../store/edition.ts';
import { respondAnswer } from './respond-answer.ts';

export async function getCheck(context: GuardedRoute): Promise<Response> {
  const { c, services, requestId, caller } = context;
  const { sealKeys, now, limits } = services;
  const id = c.req.param('id') ?? '';
  const sealed = await openCheck(id, { sealKeys, tenant: caller.tenant, nowMs: now() });
  // An id is no way around the rights of whoever holds it now.
  const isSeen = ({ collection }: SealedFinding) => caller.collections.includes(collection);
  if (sealed.callerState !== caller.state || !sealed.findings.every(isSeen)) {
    throw new SltdError('check-id-invalid');
  }
  const replies = await Promise.all(
    sealed.findings.map((finding) => askAgain(finding, sealed, context)),
  );
  const findings = replies.map((reply) => visibleFinding(reply, caller.role));
  const decisive = findings[replies.indexOf(decisiveOf(replies))]!;
  const visible: VisibleResult = {
    ...{ id: undefined, mrz: undefined, findings, decisive },
    checkId: decisive.status === 'candidate' ? id : undefined,
  };
  await audit(sealed, { visible, replies }, context);
  const lists = replies.map(({ collection, used }) => ({
    ...{ collection, list: used && { ...used.list, ...ageOf(used, now(), limits) } },
  }));
  return respondAnswer(visible, answerText(visible, lists), requestId);
}

interface Reply extends SealedFinding {
  resolution: Resolution;
  central: AskedCollection['central'];
}

/** What one collection says now; only what was a candidate there is asked. */
async function askAgain(
  finding: SealedFinding,
  { purpose, direction }: SealedCheck,
  { services, caller }: GuardedRoute,
): Promise<Reply> {
  const { collection, verdict, used } = finding;
  const { now, limits, collections } = services;
  let confirmations: Parameters<typeof resolve>[1];
  let central: Reply['central'] = 'not-asked';
  if (verdict.kind === 'candidate' && used) {
    const client = collections.get(collection)?.central;
    const keys = verdict.questions.map(({ key }) => key);
    const read = verdict.questions.filter(({ spelling }) => spelling === 'exact');
    const exact = new Set<string>(read.map(({ key }) => key));
    const encounter = { exact, purpose, direction };
    const result = await client?.confirm(keys, used.list, caller, encounter);
    if (result?.ok) confirmations = result.confirmations;
    central = !result ? 'off' : result.ok ? 'answered' : result.failure;
  }
  let resolution = resolve(verdict, confirmations);
  const isExpired = !used || ageOf(used, now(), limits).freshness === 'expired';
  if (resolution.status === 'clear' && isExpired) {
    resolution = { status: 'unknown', code: 'edition-expired' };
  }
  const coverage = coverageOf(resolution, finding.coverage);
  return { ...finding, resolution, coverage, central };
}

async function audit(
  { first, operation, purpose, direction }: SealedCheck,
  { visible, replies }: { visible: VisibleResult; replies: readonly Reply[] },
  { services, caller, requestId, startedMs, defer }: GuardedRoute,
): Promise<void> {
  const nowMs = services.now();
  const { requestId: firstId, place, timeMs } = first;
  const candidate = replies.find(({ verdict }) => verdict.kind === 'candidate')!.verdict;
  const name =
    candidate.kind === 'candidate' ? documentName(candidate.questions[0]!.key) : undefined;
  // A collection that had nothing on the document was not asked again.
  const lists = replies.flatMap(({ collection, verdict, used, central }, i) =>
    verdict.kind === 'candidate'
      ? { collection, central, ...auditedList(used?.list), answers: [visible.findings[i]!] }
      : [],
  );
  leaveAudit(
    {
      ...{ requestId, route: AGAIN_ROUTE, caller, operation, purpose, direction, nowMs, lists },
      tags: await services.tagger?.tagsOf([name], nowMs),
      first: { requestId: firstId, place, time: new Date(timeMs).toISOString() },
      durationMs: performance.now() - startedMs,
    },
    { ...services, defer },
  );
}
