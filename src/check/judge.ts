/**
 * Judgement: what was found under the keys of each document, as the edge's verdict on it.
 */

import { canonicalKey } from '../document/canonical-key.ts';
import { respell } from '../document/look-alike.ts';
import type { Spellings } from '../document/query.ts';
import { assert, type ErrorCode } from '../errors.ts';
import { type Category, categoryOf } from '../format/category.ts';
import type { LookUp } from './look-up.ts';
import type { Keys, Step } from './plan.ts';
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

/** One object for all documents that nothing was found on. */
export const ABSENT: Verdict = { kind: 'absent' };

/** Verdicts where some keys are not absent; `absent` is absentOf(plan). */
export function verdictsOf(
  plan: readonly Step[],
  { firstPlaces }: Keys,
  absent: readonly Verdict[],
  found: LookUp,
): Verdict[] {
  const verdicts = [...absent];
  const { matches, operations, doubts } = found;
  const places = [...matches.keys(), ...operations.keys(), ...doubts.keys()].sort((a, b) => a - b);
  let document = 0;
  let judged = -1;
  for (const place of places) {
    // Documents without keys have the place of the next one with keys.
    while (document + 1 < plan.length && firstPlaces[document + 1]! <= place) document++;
    if (document === judged) continue;
    judged = document;
    verdicts[document] = verdictOf(plan[document]!.spellings, firstPlaces[document]!, found);
  }
  return verdicts;
}

/** The verdict on one document whose keys are not all absent: every spelling is written out and judged. */
function verdictOf(spellings: readonly Spellings[], from: number, found: LookUp): Verdict {
  let doubt: ErrorCode | undefined;
  let isWithdrawalPending = false;
  const readings: Question[] = [];
  const lookAlikes: Question[] = [];
  let place = from;
  /** Category of what is listed under the digest at `place`, which it passes. */
  const next = (): Category | undefined => {
    doubt ??= found.doubts.get(place);
    const match = found.matches.get(place);
    const operation = found.operations.get(place);
    place++;
    if (operation?.kind === 'added') return categoryOf(operation.category);
    const wasAdded = operation?.kind === 'added-withdrawn';
    // S5: a withdrawal takes nothing away here; central decides.
    if (wasAdded || (match !== undefined && operation)) isWithdrawalPending = true;
    if (wasAdded) return categoryOf(operation.category);
    return match === undefined ? undefined : categoryOf(match);
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
