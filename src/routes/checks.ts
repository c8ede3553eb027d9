/**
 * POST /v1/checks: one document or a batch, checked and answered; docs/api.md has the form.
 *
 * POST only, because a document number must not stand in a URL (S8).
 */

import {
  answerText,
  batchText,
  type ListFacts,
  type VisibleFinding,
  type VisibleResult,
  visibleFinding,
} from '../check/answer.ts';
import { auditedList, leaveAudit } from '../check/audit.ts';
import type { Caller } from '../check/caller.ts';
import {
  type AskedCollection,
  type CheckResults,
  checkDocuments,
  type DocumentResult,
  type Finding,
  type UsedEdition,
} from '../check/check.ts';
import { sealCheck, sealedList } from '../check/check-id.ts';
import { classesText, FIRST_ROUTE } from '../format/check-event.ts';
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
  const { results, asked } = await checkDocuments(request, { ...services, defer });
  for (const { failure } of asked) {
    if (failure !== undefined) services.log(errorLine(failure, 'internal', requestId));
  }
  const visible: VisibleResult[] = [];
  const findingsSeen = new Map<readonly Finding[], readonly VisibleFinding[]>();
  for (const [place, result] of results.entries()) {
    const seen = visibleResult(result, caller, findingsSeen);
    // Only what is still a candidate to its caller can be asked about again.
    const isCandidate = seen.decisive.status === 'candidate';
    const checkId = isCandidate && (await checkIdOf(result, { asked, place, body, context }));
    visible.push(checkId ? { ...seen, checkId } : seen);
  }
  await audit(body, { results, asked }, visible, context);
  const lists = asked.map(({ collection, used }) => ({
    ...{ collection, list: used && listFactsOf(used) },
  }));
  if (!isSingle) return respond(batchText(visible, lists), { requestId });
  return respondAnswer(visible[0]!, answerText(visible[0]!, lists), requestId);
}

/** `known` are the findings seen so far: documents that nothing is found on share them (check.ts). */
function visibleResult(
  { id, findings, decisive, mrz }: DocumentResult,
  { role }: Caller,
  known: Map<readonly Finding[], readonly VisibleFinding[]>,
): VisibleResult {
  let visible = known.get(findings);
  if (!visible) {
    visible = findings.map((finding) => visibleFinding(finding, role));
    known.set(findings, visible);
  }
  return { id, mrz, findings: visible, decisive: visible[findings.indexOf(decisive)]! };
}

interface Asked {
  asked: readonly AskedCollection[];
  /** Of the document in its request. */
  place: number;
  body: ChecksBody;
  context: GuardedRoute;
}

function checkIdOf(
  { findings }: DocumentResult,
  { asked, place, body, context }: Asked,
): Promise<string> {
  const { services, caller, requestId } = context;
  const { sealKeys, now } = services;
  const { operation, purpose, direction } = body;
  return sealCheck(
    {
      findings: findings.map(({ collection, verdict, coverage }, i) => ({
        ...{ collection, verdict, coverage, used: sealedList(asked[i]!.used?.edition) },
      })),
      first: { requestId, place, timeMs: now() },
      callerState: caller.state,
      ...{ operation, purpose, direction },
    },
    { sealKeys, tenant: caller.tenant, nowMs: now() },
  );
}

function listFactsOf({ edition, ageSeconds, freshness }: UsedEdition): ListFacts {
  return { ...edition.list, ageSeconds, freshness };
}

async function audit(
  { purpose, direction, operation }: ChecksBody,
  { results, asked }: CheckResults,
  visible: readonly VisibleResult[],
  { services, caller, requestId, startedMs, defer }: GuardedRoute,
): Promise<void> {
  const nowMs = services.now();
  const names = results.map(({ name }) => name);
  const tags = await services.tagger?.tagsOf(names, nowMs);
  const classes = tags && classesText(results.map((result) => result.classes));
  leaveAudit(
    {
      ...{ requestId, route: FIRST_ROUTE, caller, purpose, direction, operation, nowMs },
      ...{ tags, classes },
      lists: asked.map(({ collection, used, central }, i) => ({
        ...{ collection, central, ...auditedList(used?.edition.list) },
        answers: visible.map(({ findings }) => findings[i]!),
      })),
      durationMs: performance.now() - startedMs,
    },
    { ...services, defer },
  );
}
