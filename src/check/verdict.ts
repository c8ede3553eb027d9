/**
 * Verdict and status: what the pages say of one document, and what may be answered for it.
 *
 * Pure. The verdict is the edge's own: absent, candidate or unknown. Only resolve() makes a status
 * of it, and it is the one place that does:
 *
 *     verdict     central's answer             status
 *     absent      not asked                    clear (basis edge)
 *     unknown     not asked                    unknown
 *     candidate   none that can be used        candidate
 *     candidate   an exact spelling is listed  hit (S3)
 *     candidate   only another spelling is     candidate: read the document again, or compare
 *     candidate   nothing of it is listed      clear (basis central, S2); unknown if a page was missing
 *     candidate   a key is of a state that     unknown: neither hit nor clear
 *                 restricts the caller
 */

import type { CanonicalKey } from '../document/canonical-key.ts';
import type { Spelling } from '../document/query.ts';
import { assert, type ErrorCode } from '../errors.ts';
import type { Category } from '../format/category.ts';
import type { CardLink, RecordView } from '../format/confirmation.ts';

export type { Spelling };

/** A key that central is asked about, and what the edge has found under it. */
export interface Question {
  key: CanonicalKey;
  spelling: Spelling;
  /** Canonical number in the key. */
  number: string;
  /** Of the record that the edge matched; undefined if it matched none under this key. */
  category?: Category | undefined;
}

export interface CandidateVerdict {
  kind: 'candidate';
  /** All readings, the exact ones first, and the look-alikes that matched; at least one matched. */
  questions: readonly Question[];
  /** A page that another key of the document needed could not be read. */
  doubt?: ErrorCode | undefined;
  /** The overlay tells of a withdrawal on its way (S5). */
  isWithdrawalPending: boolean;
}

export type RefusedVerdict =
  | { kind: 'unknown'; code: ErrorCode }
  | { kind: 'invalid'; code: ErrorCode };

export type Verdict = { kind: 'absent' } | RefusedVerdict | CandidateVerdict;

/** Central's signed word on a key. */
export interface KeyConfirmation {
  /** False for a restricted one, of which nothing is said. */
  listed: boolean;
  /** The issuing state does not let the state of the caller see its records. */
  restricted?: boolean | undefined;
  record?: RecordView | undefined;
  /** That fit a document of this key. */
  cards?: readonly CardLink[] | undefined;
}

/** Central's signed word on each key, by key. */
export type Confirmations = ReadonlyMap<string, KeyConfirmation>;

export interface Match {
  spelling: Spelling;
  number: string;
  category?: Category | undefined;
  record?: RecordView | undefined;
  isWithdrawalPending: boolean;
  /** What to look at on such a document. */
  cards?: readonly CardLink[] | undefined;
}

/** Who said so: the edge's own data, or central for this request. */
export type Basis = 'edge' | 'central';

export type Resolution =
  | { status: 'clear'; basis: Basis }
  | { status: 'hit'; basis: 'central'; match: Match }
  | { status: 'candidate'; basis: Basis; match: Match }
  | { status: 'unknown'; code: ErrorCode }
  | { status: 'invalid'; code: ErrorCode };

const CLEAR_BY_EDGE: Resolution = { status: 'clear', basis: 'edge' };
const CLEAR_BY_CENTRAL: Resolution = { status: 'clear', basis: 'central' };

/** The status of a verdict, given central's usable answer, or undefined if there is none. */
export function resolve(verdict: Verdict, confirmations: Confirmations | undefined): Resolution {
  switch (verdict.kind) {
    case 'absent':
      return CLEAR_BY_EDGE;
    case 'unknown':
      return { status: 'unknown', code: verdict.code };
    case 'invalid':
      return { status: 'invalid', code: verdict.code };
    case 'candidate':
      return resolveCandidate(verdict, confirmations);
  }
}

function resolveCandidate(
  verdict: CandidateVerdict,
  confirmations: Confirmations | undefined,
): Resolution {
  const { questions, doubt, isWithdrawalPending } = verdict;
  const matched = questions.find(({ category }) => category !== undefined);
  assert(matched !== undefined, 'a candidate has a match');
  // S2: nothing is cleared unless central has answered on every key of the document.
  if (!confirmations || !questions.every(({ key }) => confirmations.has(key))) {
    return {
      status: 'candidate',
      basis: 'edge',
      match: { ...matchOf(matched), isWithdrawalPending },
    };
  }
  // The edge would not have asked, had its edition known of the restriction.
  if (questions.some(({ key }) => confirmations.get(key)?.restricted)) {
    return { status: 'unknown', code: 'state-restricted' };
  }
  // Exact spellings come first, so the first listed one is exact if any is.
  for (const question of questions) {
    const confirmation = confirmations.get(question.key);
    if (!confirmation?.listed) continue;
    const { record } = confirmation;
    const category = record?.category ?? question.category;
    const cards = cardsOf(question, questions, confirmations);
    const match = { ...matchOf(question), category, isWithdrawalPending, cards };
    // S3: a hit is an exact spelling that central lists. The record behind a look-alike is most
    // likely another person's document: it is not shown.
    return question.spelling === 'exact'
      ? { status: 'hit', basis: 'central', match: { ...match, record } }
      : { status: 'candidate', basis: 'central', match };
  }
  return doubt === undefined ? CLEAR_BY_CENTRAL : { status: 'unknown', code: doubt };
}

/** Cards of the key that is listed; where it was not read so, those of what was read as well. */
function cardsOf(
  listed: Question,
  questions: readonly Question[],
  confirmations: Confirmations,
): readonly CardLink[] | undefined {
  const ofOneClass = questions.filter(({ key }) => key[0] === listed.key[0]);
  const fitting = listed.spelling === 'exact' ? [listed] : ofOneClass;
  const cards = new Map<string, CardLink>();
  for (const { key } of fitting) {
    for (const card of confirmations.get(key)?.cards ?? []) cards.set(card.id, card);
  }
  return cards.size > 0 ? [...cards.values()] : undefined;
}

/** What counts more stands higher: the whole is clear only if every collection is. */
const WEIGHTS: Readonly<Record<Resolution['status'], number>> = {
  ...{ clear: 0, unknown: 1, candidate: 2, hit: 3, invalid: 4 },
};

/**
 * Of what several collections say of one document, what it is answered by: the weightiest status, and
 * of equal ones the first.
 */
export function decisiveOf<F extends { resolution: Resolution }>(findings: readonly F[]): F {
  assert(findings.length > 0, 'S4: a document is answered by what was asked');
  return findings.reduce((first, finding) =>
    WEIGHTS[finding.resolution.status] > WEIGHTS[first.resolution.status] ? finding : first,
  );
}

const matchOf = ({ spelling, number, category }: Question) => ({ spelling, number, category });
