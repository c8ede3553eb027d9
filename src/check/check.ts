/**
 * The path on one screen: from the documents of a request to one result for each.
 *
 *     document > probes > digests > overlay and pages > verdict > confirmation > result
 *
 * The same for each collection that the caller may see: one edition of it for the whole request (S6), one
 * question to its central for its candidates. The wasm hashes and screens the keys for all of them at
 * once, and most requests are answered by that. Whatever fails makes a document unknown, never clear
 * (S4).
 */

import { type DocumentName, documentName } from '../document/canonical-key.ts';
import type { DocumentClass } from '../document/document-class.ts';
import type { Mrz } from '../document/mrz.ts';
import { assert, type ErrorCode, SltdError } from '../errors.ts';
import type { Coverage } from '../format/manifest.ts';
import type { Screened, WasmMatcher } from '../matcher/wasm-matcher.ts';
import { type Age, ageOf, type Edition, type FreshnessLimits } from '../store/edition.ts';
import type { Caller } from './caller.ts';
import type { Collection } from './collection.ts';
import type { ConfirmationFailure } from './confirmation.ts';
import { ABSENT, absentOf, unknownOf, verdictsOf } from './judge.ts';
import { type AskedEdition, editionFor, type LookUpTools, lookUp, screen } from './look-up.ts';
import {
  type DocumentRequest,
  type Keys,
  keysOf,
  permittedPlan,
  planOf,
  type Step,
} from './plan.ts';
import {
  type Confirmations,
  decisiveOf,
  type Resolution,
  resolve,
  type Verdict,
} from './verdict.ts';

export interface CheckRequest {
  documents: readonly DocumentRequest[];
  /** Of the caller's first collection: the caller has seen this sequence and accepts no older edition. */
  sequenceMin: number;
  caller: Caller;
  purpose?: string | undefined;
  direction?: string | undefined;
}

export interface CheckTools extends Omit<LookUpTools, 'pages'> {
  /** All that the edge holds, by name. */
  collections: ReadonlyMap<string, Collection>;
  limits: FreshnessLimits;
}

/** How far the issuing state reports, or that it does not let the caller see what it reports. */
export type FindingCoverage = Coverage | 'restricted';

/** What one collection says of one document. */
export interface Finding {
  collection: string;
  verdict: Verdict;
  resolution: Resolution;
  /** How far the issuing state reports; undefined where the document or the edition was no good. */
  coverage: FindingCoverage | undefined;
}

export interface DocumentResult {
  id: string | undefined;
  /** One for each collection that the caller asks, in the caller's order. */
  findings: readonly Finding[];
  /** The one of them that the document is answered by. */
  decisive: Finding;
  mrz: Mrz | undefined;
  /** The document as it was read; undefined where it could not be. */
  name: DocumentName | undefined;
  /** In which it was asked; none where it could not be read. */
  classes: readonly DocumentClass[];
}

/** The edition that a request was answered from, and how old it was then. */
export interface UsedEdition extends Age {
  edition: Edition;
}

/** What a request met in one collection. */
export interface AskedCollection {
  collection: string;
  used: UsedEdition | undefined;
  central: 'not-asked' | 'answered' | ConfirmationFailure;
  /** What made all documents unknown, if it was not expected: for the log. */
  failure?: unknown;
}

export interface CheckResults {
  /** One for each document, in order. */
  results: readonly DocumentResult[];
  /** One for each collection that the caller asks, in the caller's order. */
  asked: readonly AskedCollection[];
}

/**
 * Checks all documents of a request in all collections of its caller. Never throws for a document, a
 * collection, a page or central.
 */
export async function checkDocuments(
  request: CheckRequest,
  tools: CheckTools,
): Promise<CheckResults> {
  const plan = planOf(request.documents);
  const whole = askedOf(plan);
  const openings = await Promise.all(
    request.caller.collections.map((name, i) =>
      openCollection(name, i === 0 ? request.sequenceMin : 0, tools),
    ),
  );
  const asked = openings.map((opening) => permittedOf(opening, whole, request.caller));
  // One for all, but where a list keeps something from the caller.
  for (const each of new Set(asked)) {
    screenAll(
      openings.filter((_, i) => asked[i] === each),
      each.keys,
      tools.matcher,
    );
  }
  const replies = await Promise.all(
    openings.map((opening, i) => replyOf(opening, asked[i]!, request, tools)),
  );
  return { results: resultsOf(plan, replies), asked: replies };
}

/** A collection on its way through a request. */
interface Opening {
  name: string;
  collection: Collection | undefined;
  used: UsedEdition | undefined;
  edition?: AskedEdition;
  /** Undefined once screened: every key is absent. */
  screened?: Screened | undefined;
  /** Why it cannot answer. */
  problem?: Problem;
}

interface Problem {
  code: ErrorCode;
  /** If it was not expected: for the log. */
  failure?: unknown;
}

function problemOf(error: unknown): Problem {
  const code = error instanceof SltdError ? error.code : 'internal';
  return code === 'internal' ? { code, failure: error } : { code };
}

async function openCollection(
  name: string,
  sequenceMin: number,
  { collections, defer, now, limits }: CheckTools,
): Promise<Opening> {
  const collection = collections.get(name);
  let used: UsedEdition | undefined;
  try {
    // S4: a list that the caller may ask and the edge does not hold has not been asked.
    if (!collection) throw new SltdError('collection-missing');
    const edition = await collection.editions.current(defer, sequenceMin);
    used = { edition, ...ageOf(edition.head, now(), limits) };
    if (used.freshness === 'expired') throw new SltdError('edition-expired');
    return { name, collection, used };
  } catch (error) {
    return { name, collection, used, problem: problemOf(error) };
  }
}

/** Synchronous. Gives each collection that can answer its `edition` and `screened`, or a problem. */
function screenAll(openings: readonly Opening[], keys: Keys, matcher: WasmMatcher): void {
  const usable = openings.filter(({ problem }) => problem === undefined);
  try {
    const editions = usable.map(({ used }) => editionFor(used!.edition, keys));
    const screened = screen(keys, editions, matcher);
    for (const [i, opening] of usable.entries()) {
      opening.edition = editions[i]!;
      opening.screened = screened[i];
    }
  } catch (error) {
    for (const opening of usable) opening.problem = problemOf(error);
  }
}

/** What one collection says of all documents. */
interface Reply extends AskedCollection {
  verdicts: readonly Verdict[];
  confirmations: Confirmations | undefined;
}

interface Asked {
  plan: readonly Step[];
  keys: Keys;
  /** What is said where all that was probed is absent: shared, since most replies are this one. */
  absent: readonly Verdict[];
}

const askedOf = (plan: readonly Step[]): Asked => ({
  ...{ plan, keys: keysOf(plan), absent: absentOf(plan) },
});

/** What the caller may ask this list: all of it, where the list keeps nothing from it. */
function permittedOf({ used }: Opening, whole: Asked, { state }: Caller): Asked {
  const restrictions = used?.edition.manifest.restrictions;
  if (!restrictions) return whole;
  const plan = permittedPlan(whole.plan, restrictions, state);
  return plan === whole.plan ? whole : askedOf(plan);
}

async function replyOf(
  opening: Opening,
  { plan, keys, absent }: Asked,
  request: CheckRequest,
  tools: CheckTools,
): Promise<Reply> {
  const { name, collection, used, edition, screened } = opening;
  let { problem } = opening;
  let verdicts = absent;
  try {
    assert(problem !== undefined || edition !== undefined, 'S1: absent means screened');
    if (problem === undefined && screened) {
      const pages = { ...tools, pages: collection!.pages };
      const found = await lookUp(edition!, screened, pages);
      verdicts = verdictsOf(plan, keys, absent, found);
    }
  } catch (error) {
    problem = problemOf(error);
  }
  if (problem) verdicts = unknownOf(plan, problem.code);
  const { confirmations, central } =
    verdicts === absent
      ? NOT_CONFIRMED
      : await confirm(verdicts, request, used?.edition, collection);
  return { collection: name, used, verdicts, confirmations, central, failure: problem?.failure };
}

const NOT_CONFIRMED = { confirmations: undefined, central: 'not-asked' } as const;

async function confirm(
  verdicts: readonly Verdict[],
  { caller, purpose, direction }: CheckRequest,
  edition: Edition | undefined,
  collection: Collection | undefined,
): Promise<Pick<Reply, 'confirmations' | 'central'>> {
  const keys = new Set<string>();
  const exact = new Set<string>();
  for (const verdict of verdicts) {
    if (verdict.kind !== 'candidate') continue;
    for (const { key, spelling } of verdict.questions) {
      keys.add(key);
      if (spelling === 'exact') exact.add(key);
    }
  }
  if (keys.size === 0 || !edition) return NOT_CONFIRMED;
  if (!collection?.central) return { confirmations: undefined, central: 'off' };
  const result = await collection.central.confirm([...keys], edition.list, caller, {
    ...{ exact, purpose, direction },
  });
  return result.ok
    ? { confirmations: result.confirmations, central: 'answered' }
    : { confirmations: undefined, central: result.failure };
}

function resultsOf(plan: readonly Step[], replies: readonly Reply[]): DocumentResult[] {
  /** Of documents that are absent everywhere, by issuing state: nothing else tells them apart. */
  const ofAbsent = new Map<string, readonly Finding[]>();
  return plan.map(({ id, state, mrz, classes, spellings }, place) => {
    const isAbsent = replies.every(({ verdicts }) => verdicts[place] === ABSENT);
    let findings = isAbsent ? ofAbsent.get(state) : undefined;
    if (!findings) {
      findings = findingsOf(state, place, replies);
      if (isAbsent) ofAbsent.set(state, findings);
    }
    // The first spelling is the first reading, letter by letter.
    const name = spellings[0] && documentName(spellings[0].key);
    return { id, findings, decisive: decisiveOf(findings), mrz, name, classes };
  });
}

const findingsOf = (state: string, place: number, replies: readonly Reply[]): Finding[] =>
  replies.map(({ collection, verdicts, confirmations, used }) => {
    const verdict = verdicts[place]!;
    const resolution = resolve(verdict, confirmations);
    const reported = used?.edition.manifest.state(state)?.coverage;
    return { collection, verdict, resolution, coverage: coverageOf(resolution, reported) };
  });

/** What an answer says of the coverage. */
export const coverageOf = (
  resolution: Resolution,
  reported: FindingCoverage | undefined,
): FindingCoverage | undefined =>
  resolution.status === 'unknown' && resolution.code === 'state-restricted'
    ? 'restricted'
    : reported;
