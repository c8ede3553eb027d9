/**
 * POST /v1/checks: one document or a batch, checked and answered; docs/api.md has the form.
 *
 * POST only, because a document number must not stand in a URL (S8).
 */

import {
  answerText,
  batchText,
  type ListFacts,
  type VisibleResult,
  visibleTo,
} from '../check/answer.ts';
import { auditLine } from '../check/audit.ts';
import {
  type CheckResults,
  checkDocuments,
  type DocumentResult,
  type UsedEdition,
} from '../check/check.ts';
import { sealCheck } from '../check/check-id.ts';
import { FIRST_ROUTE } from '../format/check-event.ts';
import { errorLine, type GuardedRoute } from '../middleware/guard.ts';
import { readJson } from '../middleware/read-json.ts';
import { respond } from '../middleware/respond.ts';
import { type ChecksBody, decodeChecks } from './decode-checks.ts';
import { respondAnswer } from './respond-answer.ts';

export async function postChecks(context: GuardedRoute): Promise<Response> {
  const { c, services, requestId, defer, caller } = context;
  const body = decodeChecks(await readJson(c.req.raw));
  const { documents, isSingle, sequenceMin, purpose, direction } = body;
  const request = { documents, sequenceMin, caller, purpose, direction };
  const checked = await checkDocuments(request, { ...services, defer });
  const { used, failure } = checked;
  if (failure !== undefined) services.log(errorLine(failure, 'internal', requestId));
  const visible: VisibleResult[] = [];
  for (const [place, result] of checked.results.entries()) {
    const seen = visibleResult(result, context);
    visible.push(
      used && result.verdict.kind === 'candidate' && seen.status !== 'clear'
        ? { ...seen, checkId: await checkIdOf(result, seen, { used, place, body, context }) }
        : seen,
    );
  }
  await audit(body, checked, visible, context);
  const list = used && listFactsOf(used);
  if (!isSingle) return respond(batchText(visible, list), { requestId });
  return respondAnswer(visible[0]!, answerText(visible[0]!, list), requestId);
}

function visibleResult(result: DocumentResult, { caller }: GuardedRoute): VisibleResult {
  const { id, resolution, coverage, mrz } = result;
  return { id, coverage, mrz, ...visibleTo(caller.role, resolution) };
}

interface Asked {
  used: UsedEdition;
  /** Of the document in its request. */
  place: number;
  body: ChecksBody;
  context: GuardedRoute;
}

/** Only what is still a candidate to its caller can be asked about again. */
async function checkIdOf(
  { verdict, coverage }: DocumentResult,
  { status }: VisibleResult,
  { used, place, body, context }: Asked,
): Promise<string | undefined> {
  if (status !== 'candidate' || verdict.kind !== 'candidate' || coverage === undefined) {
    return undefined;
  }
  const { edition } = used;
  const { issuedAt, notAfter } = edition.head;
  const { services, caller, requestId } = context;
  const { sealKeys, now } = services;
  const { operation, purpose, direction } = body;
  const first = { requestId, place, timeMs: now() };
  const list = edition.list;
  return sealCheck(
    {
      ...{ verdict, list, issuedAt, notAfter, coverage },
      ...{ first, operation, purpose, direction },
    },
    { sealKeys, tenant: caller.tenant, nowMs: now() },
  );
}

function listFactsOf({ edition, ageSeconds, freshness }: UsedEdition): ListFacts {
  return { ...edition.list, ageSeconds, freshness };
}

async function audit(
  { purpose, direction, operation }: ChecksBody,
  { results, used, central }: CheckResults,
  visible: readonly VisibleResult[],
  { services, caller, requestId, startedMs, defer }: GuardedRoute,
): Promise<void> {
  const nowMs = services.now();
  const names = results.map(({ name }) => name);
  const line = auditLine({
    ...{ requestId, route: FIRST_ROUTE, caller, purpose, direction, operation, central, nowMs },
    answers: visible,
    edition: used?.edition.id,
    sequence: used?.edition.head.sequence,
    asOf: used && new Date(used.edition.list.asOf).toISOString(),
    tags: await services.tagger?.tagsOf(names, nowMs),
    durationMs: performance.now() - startedMs,
  });
  services.log(line);
  services.postEvent?.(line, defer);
}
