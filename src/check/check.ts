/**
 * The path on one screen: from the documents of a request to one result for each.
 *
 *     document > probes > digests > overlay and pages > verdict > confirmation > result
 *
 * The same for each collection that the caller may see, side by side: one edition of it for the whole
 * request (S6), one wasm call for the digests, one question to its central for its candidates. Whatever fails makes a document unknown, never clear (S4).
 */

import {
  type CanonicalKey,
  canonicalKey,
  type DocumentName,
  documentName,
} from '../document/canonical-key.ts';
import { type Change, respell } from '../document/look-alike.ts';
import type { Mrz } from '../document/mrz.ts';
import { queryFromFields, queryFromMrz, type Spellings, spellingsOf } from '../document/query.ts';
import { assert, type ErrorCode, SltdError } from '../errors.ts';
import { type Category, categoryOf } from '../format/category.ts';
import type { Coverage, StateEntry } from '../format/manifest.ts';
import { type Age, ageOf, type Edition, type FreshnessLimits } from '../store/edition.ts';
import type { Caller } from './caller.ts';
import type { Collection } from './collection.ts';
import type { ConfirmationFailure } from './confirmation.ts';
import { type LookUp, type LookUpTools, lookUp } from './look-up.ts';
import {
  type Confirmations,
  decisiveOf,
  type Question,
  type Resolution,
  resolve,
  type Verdict,
} from './verdict.ts';

/** One document as asked: either an MRZ, or number and issuing state. */
export interface DocumentRequest {
  /** The client's own, echoed. */
  id?: string | undefined;
  mrz?: string | undefined;
  number?: string | undefined;
  issuingState?: string | undefined;
  documentClass?: string | undefined;
}

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

/** What one collection says of one document. */
export interface Finding {
  collection: string;
  verdict: Verdict;
  resolution: Resolution;
  /** How far the issuing state reports; undefined where the document or the edition was no good. */
  coverage: Coverage | undefined;
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
  const replies = await Promise.all(
    request.caller.collections.map((collection, i) =>
      askCollection(
        plan,
        { ...request, collection, sequenceMin: i === 0 ? request.sequenceMin : 0 },
        tools,
      ),
    ),
  );
  return { results: plan.map((step, i) => resultOf(step, i, replies)), asked: replies };
}

/** All documents in one collection. */
interface Reply extends AskedCollection {
  verdicts: readonly Verdict[];
  confirmations: Confirmations | undefined;
}

/** Who asks which collection, and what for. */
interface Asking extends Omit<CheckRequest, 'documents'> {
  collection: string;
}

async function askCollection(
  plan: readonly Step[],
  asking: Asking,
  tools: CheckTools,
): Promise<Reply> {
  const collection = tools.collections.get(asking.collection);
  let used: UsedEdition | undefined;
  let verdicts: readonly Verdict[];
  let failure: unknown;
  try {
    // S4: a list that the caller may ask and the edge does not hold has not been asked.
    if (!collection) throw new SltdError('collection-missing');
    const edition = await collection.editions.current(tools.defer, asking.sequenceMin);
    used = { edition, ...ageOf(edition.head, tools.now(), tools.limits) };
    if (used.freshness === 'expired') throw new SltdError('edition-expired');
    verdicts = await verdictsOf(plan, edition, { ...tools, pages: collection.pages });
  } catch (error) {
    const code = error instanceof SltdError ? error.code : 'internal';
    if (code === 'internal') failure = error;
    verdicts = plan.map((step) => refusalOf(step) ?? { kind: 'unknown', code });
  }
  const { confirmations, central } = await confirm(verdicts, asking, used?.edition, collection);
  return { collection: asking.collection, used, verdicts, confirmations, central, failure };
}

/** One document on its way: what is probed for it, or why it cannot be. */
interface Step {
  id: string | undefined;
  code: ErrorCode | undefined;
  state: string;
  mrz: Mrz | undefined;
  spellings: readonly Spellings[];
}

const NOTHING: readonly Spellings[] = [];

function planOf(documents: readonly DocumentRequest[]): Step[] {
  return documents.map(({ id, mrz, number, issuingState, documentClass }) => {
    const result =
      mrz === undefined
        ? queryFromFields({ number: number ?? '', issuingState: issuingState ?? '', documentClass })
        : queryFromMrz(mrz, documentClass);
    if (!result.ok) return { id, code: result.code, state: '', mrz: undefined, spellings: NOTHING };
    const { query } = result;
    return {
      id,
      code: undefined,
      state: query.state,
      mrz: result.mrz,
      spellings: spellingsOf(query),
    };
  });
}

const refusalOf = ({ code }: Step): Verdict | undefined =>
  code === undefined ? undefined : { kind: 'invalid', code };

async function verdictsOf(
  plan: readonly Step[],
  edition: Edition,
  tools: LookUpTools,
): Promise<Verdict[]> {
  const keys: (CanonicalKey | Change)[] = [];
  const entries: (StateEntry | undefined)[] = [];
  // Most travellers in a row come from few states: the last look-up mostly serves again.
  let state = '';
  let entry: StateEntry | undefined;
  for (const { spellings } of plan) {
    for (const spelling of spellings) {
      if (spelling.state !== state) {
        state = spelling.state;
        entry = edition.manifest.state(state);
      }
      keys.push(spelling.key);
      entries.push(entry);
      for (const change of spelling.lookAlikes) {
        keys.push(change);
        entries.push(entry);
      }
    }
  }
  const found = await lookUp(edition, { keys, entries }, tools);
  let first = 0;
  return plan.map((step) => {
    const from = first;
    for (const { lookAlikes } of step.spellings) first += 1 + lookAlikes.length;
    return refusalOf(step) ?? verdictOf(step.spellings, from, first, found);
  });
}

const ABSENT: Verdict = { kind: 'absent' };

/**
 * The verdict on one document, whose keys stand at places `from` to before `to`. Nothing found at all:
 * every key is absent.
 */
function verdictOf(
  spellings: readonly Spellings[],
  from: number,
  to: number,
  found: LookUp | undefined,
): Verdict {
  assert(to > from, 'S1: a document is absent only if it was probed');
  if (!found) return ABSENT;
  const isAbsent = !found.doubts && isUntouched(from, to, found);
  return isAbsent ? ABSENT : closeVerdictOf(spellings, from, found);
}

/** The way of nearly all documents: neither page nor overlay has a word on any of the keys. */
function isUntouched(from: number, to: number, { answers, operations }: LookUp): boolean {
  for (let i = from; i < to; i++) if (answers[i] !== 0) return false;
  if (!operations) return true;
  for (let i = from; i < to; i++) if (operations.has(i)) return false;
  return true;
}

/** The few others: every spelling is written out and judged on its own. */
function closeVerdictOf(spellings: readonly Spellings[], from: number, found: LookUp): Verdict {
  let doubt: ErrorCode | undefined;
  let isWithdrawalPending = false;
  const readings: Question[] = [];
  const lookAlikes: Question[] = [];
  let place = from;
  /** Category of what is listed under the digest at `place`, which it passes. */
  const next = (): Category | undefined => {
    const code = found.doubts?.get(place);
    doubt ??= code;
    const answer = code === undefined ? found.answers[place]! : 0;
    const operation = found.operations?.get(place);
    place++;
    if (operation?.kind === 'added') return categoryOf(operation.category);
    const wasAdded = operation?.kind === 'added-withdrawn';
    // S5: a withdrawal takes nothing away here; central decides.
    if (wasAdded || (answer > 0 && operation)) isWithdrawalPending = true;
    if (wasAdded) return categoryOf(operation.category);
    return answer > 0 ? categoryOf(answer - 1) : undefined;
  };
  for (const { key, state, number, documentClass, spelling, lookAlikes: changes } of spellings) {
    readings.push({ key, spelling, number, category: next() });
    for (const change of changes) {
      const category = next();
      if (category === undefined) continue;
      const respelled = respell(number, change);
      const respelledKey = canonicalKey(documentClass, state, respelled);
      lookAlikes.push({ key: respelledKey, spelling: 'look-alike', number: respelled, category });
    }
  }
  const questions = [...readings.sort(exactFirst), ...lookAlikes];
  if (questions.some(({ category }) => category !== undefined)) {
    return { kind: 'candidate', questions, doubt, isWithdrawalPending };
  }
  return doubt === undefined ? ABSENT : { kind: 'unknown', code: doubt };
}

const exactFirst = (a: Question, b: Question) =>
  Number(b.spelling === 'exact') - Number(a.spelling === 'exact');

async function confirm(
  verdicts: readonly Verdict[],
  { caller, purpose, direction }: Asking,
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
  if (keys.size === 0 || !edition) return { confirmations: undefined, central: 'not-asked' };
  if (!collection?.central) return { confirmations: undefined, central: 'off' };
  const result = await collection.central.confirm([...keys], edition.list, caller, {
    ...{ exact, purpose, direction },
  });
  return result.ok
    ? { confirmations: result.confirmations, central: 'answered' }
    : { confirmations: undefined, central: result.failure };
}

function resultOf(
  { id, state, mrz, spellings }: Step,
  place: number,
  replies: readonly Reply[],
): DocumentResult {
  const findings = replies.map(({ collection, verdicts, confirmations, used }) => {
    const verdict = verdicts[place]!;
    return {
      ...{ collection, verdict, resolution: resolve(verdict, confirmations) },
      coverage: used?.edition.manifest.state(state)?.coverage,
    };
  });
  // The first spelling is the first reading, letter by letter.
  const name = spellings[0] && documentName(spellings[0].key);
  return { id, findings, decisive: decisiveOf(findings), mrz, name };
}
