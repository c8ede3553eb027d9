/**
 * Answer: a result as the JSON that its caller may see.
 *
 * The text is put together by hand: a flight of 1,000 documents costs more in a general serializer
 * than in the matcher. Whatever comes from outside (ids, records) goes through JSON.stringify; what
 * does not is ours and needs no escape. The form stands in docs/api.md.
 *
 * Carriers and integrators learn *second check* and nothing else: for them a hit is a candidate like
 * any other, from the same basis and with a check id as well.
 */

import type { Mrz } from '../document/mrz.ts';
import { ERRORS, type ErrorCode } from '../errors.ts';
import type { Coverage } from '../format/manifest.ts';
import type { Role } from '../format/role.ts';
import type { Freshness, ListState } from '../store/edition.ts';
import { seesMatch } from './caller.ts';
import type { Basis, Match, Resolution } from './verdict.ts';

/** What to do, in one word for a machine; docs/api.md has the sentence. */
type Advice = 'not-reported' | 'verify-with-issuer' | 'second-check' | 're-read' | 'no-decision';

/** State of the list as answers tell it. */
export interface ListFacts extends ListState {
  ageSeconds: number;
  freshness: Freshness;
}

/** One document's result as far as its caller may see it. */
export interface VisibleResult {
  id: string | undefined;
  status: Resolution['status'];
  code?: ErrorCode | undefined;
  advice: Advice;
  basis?: Basis | undefined;
  coverage: Coverage | undefined;
  match?: Match | undefined;
  mrz: Mrz | undefined;
  checkId?: string | undefined;
}

/** What the role may see of a resolution. */
export function visibleTo(
  role: Role,
  resolution: Resolution,
): Pick<VisibleResult, 'status' | 'code' | 'advice' | 'basis' | 'match'> {
  switch (resolution.status) {
    case 'clear':
      // Who may not see matches must not see either that there was one.
      return {
        status: 'clear',
        advice: 'not-reported',
        basis: seesMatch(role) ? resolution.basis : 'edge',
      };
    case 'invalid':
      return { status: 'invalid', code: resolution.code, advice: 're-read' };
    case 'unknown':
      return { status: 'unknown', code: resolution.code, advice: 'no-decision' };
    default:
      break;
  }
  if (!seesMatch(role)) return { status: 'candidate', advice: 'second-check', basis: 'edge' };
  const { status, basis, match } = resolution;
  if (status === 'hit') return { status, advice: 'verify-with-issuer', basis, match };
  const advice = match.spelling === 'look-alike' ? 're-read' : 'second-check';
  return { status, advice, basis, match };
}

/** One document's answer: its own body, with all that is known of the list. */
export function answerText(result: VisibleResult, list: ListFacts | undefined): string {
  let text = '{';
  if (result.code !== undefined) text += `${problemMembers(result.code)},`;
  text += idMember(result.id);
  if (result.code === undefined) text += `"status":"${result.status}",`;
  text += `"advice":"${result.advice}"`;
  if (list) text += `,"collections":[{${listMembers(list)}${placeMembers(result)}}]`;
  return `${text}${detailMembers(result)}}`;
}

/** The answer to a batch: what is common once, then one result a document. */
export function batchText(results: readonly VisibleResult[], list: ListFacts | undefined): string {
  let text = list ? `{"collections":[{${listMembers(list)}}],"results":[` : '{"results":[';
  for (let i = 0; i < results.length; i++) {
    const result = results[i]!;
    if (i > 0) text += ',';
    text += `{${idMember(result.id)}"status":"${result.status}"`;
    if (result.code !== undefined) text += `,"code":"${result.code}"`;
    text += `,"advice":"${result.advice}"${placeMembers(result)}${detailMembers(result)}}`;
  }
  return `${text}]}`;
}

/** Members of problem details (RFC 9457). `status` is the answer's, not the number of HTTP. */
export function problemMembers(code: ErrorCode): string {
  const { title, status } = ERRORS[code];
  return `"type":"urn:sltd-edge:problem:${code}","title":"${title}","status":"${status}","code":"${code}"`;
}

const idMember = (id: string | undefined) =>
  id === undefined ? '' : `"id":${JSON.stringify(id)},`;

function listMembers({ collection, edition, sequence, asOf, ageSeconds, freshness }: ListFacts) {
  return (
    `"collection":"${collection}","edition":"${edition}","sequence":${sequence},` +
    `"asOf":"${new Date(asOf).toISOString()}","ageSeconds":${ageSeconds},"freshness":"${freshness}"`
  );
}

function placeMembers({ coverage, basis }: VisibleResult): string {
  const coverageText = coverage === undefined ? '' : `,"coverage":"${coverage}"`;
  return basis === undefined ? coverageText : `${coverageText},"basis":"${basis}"`;
}

function detailMembers({ match, mrz, checkId }: VisibleResult): string {
  let text = '';
  if (match) {
    const { spelling, number, category, record, isWithdrawalPending, cards } = match;
    const withdrawalPending = isWithdrawalPending || undefined;
    text += `,"match":${JSON.stringify({ spelling, number, category, withdrawalPending, record })}`;
    if (cards) text += `,"cards":${JSON.stringify(cards)}`;
  }
  if (mrz) text += `,"mrz":{"format":"${mrz.format}","checks":${JSON.stringify(mrz.checks)}}`;
  if (checkId !== undefined) text += `,"checkId":"${checkId}"`;
  return text;
}
