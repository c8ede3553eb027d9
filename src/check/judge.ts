/**
 * Judgement: what was found under the keys of each document, as the edge's verdict on it.
 */

import { canonicalKey } from '../document/canonical-key.ts';
import { respell } from '../document/look-alike.ts';
import type { Spellings } from '../document/query.ts';
import { assert, type ErrorCode } from '../errors.ts';
import { type Category, categoryOf } from '../format/category.ts';
import type { LookUp } from './look-up.ts';
import type { Step } from './plan.ts';
import type { Question, Verdict } from './verdict.ts';

/** Verdicts where every key that was probed is absent. */
export const absentOf = (plan: readonly Step[]): Verdict[] =>
  plan.map((step) => {
    assert(step.refusal !== undefined || step.spellings.length > 0, 'S1: absent means probed');
    return step.refusal ?? ABSENT;
  });

/** Verdicts where nothing can be said, for the reason of `code`. */
export const unknownOf = (plan: readonly Step[], code: ErrorCode): Verdict[] =>
  plan.map((step) => step.refusal ?? { kind: 'unknown', code });

/** Verdicts where some keys are not absent. */
export function verdictsOf(plan: readonly Step[], found: LookUp): Verdict[] {
  let first = 0;
  return plan.map((step) => {
    const from = first;
    for (const { lookAlikes } of step.spellings) first += 1 + lookAlikes.length;
    return step.refusal ?? verdictOf(step.spellings, from, first, found);
  });
}

/** One object for all documents that nothing was found on. */
export const ABSENT: Verdict = { kind: 'absent' };

/** The verdict on one document, whose keys stand at places `from` to before `to`. */
function verdictOf(
  spellings: readonly Spellings[],
  from: number,
  to: number,
  found: LookUp,
): Verdict {
  assert(to > from, 'S1: a document is absent only if it was probed');
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
