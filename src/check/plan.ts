/**
 * Plan: from the documents of a request to the keys that are probed for them, whatever the list.
 */

import type { CanonicalKey } from '../document/canonical-key.ts';
import type { DocumentClass } from '../document/document-class.ts';
import type { Change } from '../document/look-alike.ts';
import type { Mrz } from '../document/mrz.ts';
import { queryFromFields, queryFromMrz, type Spellings, spellingsOf } from '../document/query.ts';
import type { Restrictions } from '../format/restrictions.ts';
import type { RefusedVerdict } from './verdict.ts';

/** One document as asked: either an MRZ, or number and issuing state. */
export interface DocumentRequest {
  /** The client's own, echoed. */
  id?: string | undefined;
  mrz?: string | undefined;
  number?: string | undefined;
  issuingState?: string | undefined;
  documentClass?: string | undefined;
}

/** One document on its way: what is probed for it, or why it cannot be. */
export interface Step {
  id: string | undefined;
  /** What is said without a look; undefined if it is probed. */
  refusal: RefusedVerdict | undefined;
  state: string;
  mrz: Mrz | undefined;
  /** In which it is probed. */
  classes: readonly DocumentClass[];
  spellings: readonly Spellings[];
}

const NOTHING: readonly Spellings[] = [];

export function planOf(documents: readonly DocumentRequest[]): Step[] {
  return documents.map(({ id, mrz, number, issuingState, documentClass }) => {
    const result =
      mrz === undefined
        ? queryFromFields({ number: number ?? '', issuingState: issuingState ?? '', documentClass })
        : queryFromMrz(mrz, documentClass);
    if (!result.ok) {
      const refusal = { kind: 'invalid', code: result.code } as const;
      return { id, refusal, state: '', mrz: undefined, classes: [], spellings: NOTHING };
    }
    const { query } = result;
    return {
      id,
      refusal: undefined,
      state: query.state,
      mrz: result.mrz,
      classes: query.classes,
      spellings: spellingsOf(query),
    };
  });
}

const RESTRICTED: RefusedVerdict = { kind: 'unknown', code: 'state-restricted' };

/**
 * The plan without what source states keep from a caller of this state: nothing is probed for it, so no
 * fetch, no question and no time tells a listed document from another. The same plan if that is nothing.
 */
export function permittedPlan(
  plan: readonly Step[],
  restrictions: Restrictions,
  callerState: string | undefined,
): readonly Step[] {
  let isSame = true;
  const permitted = plan.map((step) => {
    if (!step.spellings.some(({ state }) => restrictions.excludes(state, callerState))) return step;
    isSame = false;
    return { ...step, refusal: RESTRICTED, spellings: NOTHING };
  });
  return isSame ? plan : permitted;
}

/** Keys of a request; they can be looked up in any edition. */
export interface Keys {
  keys: readonly (CanonicalKey | Change)[];
  /** Issuing state of each key that is no change, in order. */
  states: readonly string[];
  /** Place of the first key of each document; those of one without keys are none. */
  firstPlaces: readonly number[];
}

/** The keys of all documents, in order. */
export function keysOf(plan: readonly Step[]): Keys {
  const keys: (CanonicalKey | Change)[] = [];
  const states: string[] = [];
  const firstPlaces: number[] = [];
  for (const { spellings } of plan) {
    firstPlaces.push(keys.length);
    for (const { key, state, lookAlikes } of spellings) {
      keys.push(key, ...lookAlikes);
      states.push(state);
    }
  }
  return { keys, states, firstPlaces };
}
