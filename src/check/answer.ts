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
import { handlingOf } from '../format/notice.ts';
import type { Role } from '../format/role.ts';
import type { Freshness, ListState } from '../store/edition.ts';
import { seesMatch } from './caller.ts';
import type { Finding, FindingCoverage } from './check.ts';
import type { Basis, Match, Resolution } from './verdict.ts';

/** What to do, in one word for a machine; docs/api.md has the sentence. */
type Advice = 'not-reported' | 'verify-with-issuer' | 'second-check' | 're-read' | 'no-decision';

/** State of the list as answers tell it. */
export interface ListFacts extends ListState {
  ageSeconds: number;
  freshness: Freshness;
}

/** What one collection says of a document, as far as its caller may see it. */
export interface VisibleFinding {
  collection: string;
  status: Resolution['status'];
  code?: ErrorCode | undefined;
  advice: Advice;
  /** How the holder is to be handled, if in a special way. */
  handling?: 'discreet' | undefined;
  basis?: Basis | undefined;
  coverage: FindingCoverage | undefined;
  match?: Match | undefined;
  /** The caller may not know more than that a second check is needed. */
  hidesPlace?: boolean;
}

/** One document's result as far as its caller may see it. */
export interface VisibleResult {
  id: string | undefined;
  /** One for each collection asked. */
  findings: readonly VisibleFinding[];
  /** The one of them that the document is answered by. */
  decisive: VisibleFinding;
  mrz: Mrz | undefined;
  checkId?: string | undefined;
}

/** A collection that was asked, and the state of its list; undefined if there was none to answer from. */
export interface AskedList {
  collection: string;
  list: ListFacts | undefined;
}

/** What the role may see of a finding. */
export function visibleFinding(
  { collection, resolution, coverage }: Pick<Finding, 'collection' | 'resolution' | 'coverage'>,
  role: Role,
): VisibleFinding {
  const seen = visibleTo(role, resolution);
  const handling = seen.match && handlingOf(collection, seen.match.record?.noticeColor);
  return { collection, coverage, ...seen, handling };
}

function visibleTo(
  role: Role,
  resolution: Resolution,
): Omit<VisibleFinding, 'collection' | 'coverage'> {
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
  if (!seesMatch(role)) {
    return { status: 'candidate', advice: 'second-check', basis: 'edge', hidesPlace: true };
  }
  const { status, basis, match } = resolution;
  if (status === 'hit') return { status, advice: 'verify-with-issuer', basis, match };
  const advice = match.spelling === 'look-alike' ? 're-read' : 'second-check';
  return { status, advice, basis, match };
}

/** One document's answer: its own body, with all that is known of the lists. */
export function answerText(result: VisibleResult, asked: readonly AskedList[]): string {
  const { id, findings, decisive } = result;
  let text = '{';
  if (decisive.code !== undefined) text += `${problemMembers(decisive.code)},`;
  text += idMember(id);
  if (decisive.code === undefined) text += `"status":"${decisive.status}",`;
  text += wholeAdvice(result);
  text += ',"collections":[';
  for (let i = 0; i < asked.length; i++) {
    if (i > 0) text += ',';
    text += `{${listMembers(asked[i]!)}${findingMembers(findings[i]!, result)}}`;
  }
  text += ']';
  return `${text}${detailMembers(result)}}`;
}

/** The answer to a batch: what is common once, then one result a document. */
export function batchText(results: readonly VisibleResult[], asked: readonly AskedList[]): string {
  let text = '{"collections":[';
  for (let i = 0; i < asked.length; i++) text += `${i > 0 ? ',' : ''}{${listMembers(asked[i]!)}}`;
  text += '],"results":[';
  /** Documents that nothing is found on share their findings. */
  const known = new Map<readonly VisibleFinding[], string>();
  for (let i = 0; i < results.length; i++) {
    const result = results[i]!;
    let members = known.get(result.findings);
    if (members === undefined) {
      members = batchMembers(result);
      known.set(result.findings, members);
    }
    if (i > 0) text += ',';
    text += `{${idMember(result.id)}${members}${detailMembers(result)}}`;
  }
  return `${text}]}`;
}

/** What was found, of the whole and of each collection. */
function batchMembers(result: VisibleResult): string {
  const { findings, decisive } = result;
  let text = `"status":"${decisive.status}"`;
  if (decisive.code !== undefined) text += `,"code":"${decisive.code}"`;
  text += `,${wholeAdvice(result)}`;
  if (findings.length === 1) return text + placeMembers(decisive);
  return `${text},"collections":[${batchFindings(result)}]`;
}

const batchFindings = (result: VisibleResult): string =>
  result.findings
    .map((each) => `{"collection":"${each.collection}"${findingMembers(each, result)}}`)
    .join(',');

/** What one of the collections says; with one alone, it is what the whole answer says. */
function findingMembers(finding: VisibleFinding, { decisive, findings }: VisibleResult): string {
  if (findings.length === 1) return placeMembers(finding);
  // Where the whole hides what was found, the parts do not tell in which list it was.
  const { status, code } = decisive.hidesPlace ? decisive : finding;
  let text = `,"status":"${status}"`;
  if (code !== undefined) text += `,"code":"${code}"`;
  text += `,${adviceMembers(decisive.hidesPlace ? decisive : finding)}`;
  return text + placeMembers(finding) + matchMember(finding);
}

/** Members of problem details (RFC 9457). `status` is the answer's, not the number of HTTP. */
export function problemMembers(code: ErrorCode): string {
  const { title, status } = ERRORS[code];
  return `"type":"urn:sltd-edge:problem:${code}","title":"${title}","status":"${status}","code":"${code}"`;
}

const adviceMembers = ({ advice, handling }: VisibleFinding): string =>
  handling === undefined ? `"advice":"${advice}"` : `"advice":"${advice}","handling":"${handling}"`;

/** The holder is handled discreetly if any list asks for it, whichever decides. */
function wholeAdvice({ decisive, findings }: VisibleResult): string {
  const handling = findings.find((each) => each.handling !== undefined)?.handling;
  return adviceMembers({ ...decisive, handling });
}

const idMember = (id: string | undefined) =>
  id === undefined ? '' : `"id":${JSON.stringify(id)},`;

function listMembers({ collection, list }: AskedList): string {
  if (!list) return `"collection":"${collection}"`;
  const { edition, sequence, asOf, ageSeconds, freshness } = list;
  return (
    `"collection":"${collection}","edition":"${edition}","sequence":${sequence},` +
    `"asOf":"${new Date(asOf).toISOString()}","ageSeconds":${ageSeconds},"freshness":"${freshness}"`
  );
}

function placeMembers({ coverage, basis }: VisibleFinding): string {
  const coverageText = coverage === undefined ? '' : `,"coverage":"${coverage}"`;
  return basis === undefined ? coverageText : `${coverageText},"basis":"${basis}"`;
}

function matchMember({ match }: VisibleFinding): string {
  if (!match) return '';
  const { spelling, number, category, record, isWithdrawalPending, cards } = match;
  const withdrawalPending = isWithdrawalPending || undefined;
  const text = `,"match":${JSON.stringify({ spelling, number, category, withdrawalPending, record })}`;
  return cards ? `${text},"cards":${JSON.stringify(cards)}` : text;
}

function detailMembers({ decisive, mrz, checkId }: VisibleResult): string {
  let text = matchMember(decisive);
  if (mrz) text += `,"mrz":{"format":"${mrz.format}","checks":${JSON.stringify(mrz.checks)}}`;
  if (checkId !== undefined) text += `,"checkId":"${checkId}"`;
  return text;
}
