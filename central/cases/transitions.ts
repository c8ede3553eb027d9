/**
 * Transitions: who moves a case from where to where. One table, and all that is not in it is refused.
 *
 * The issuing bureau speaks about its record; what becomes of document and traveller is decided where
 * they are, with or without an answer. A case that is closed stays closed: the next sighting opens a
 * new one.
 */

import { SltdError } from '../../src/errors.ts';
import type { Party } from './parties.ts';
import type { CaseOutcome, CaseState } from './tables.ts';

/** `central` is the service itself: it saw that the issuing bureau received the notification. */
export type Mover = Party | 'central';

interface Transition {
  from: readonly CaseState[];
  to: CaseState;
  by: readonly Mover[];
  /** The mover has to say why. */
  needsReason: boolean;
}

const UNANSWERED: readonly CaseState[] = ['opened', 'notified', 'acknowledged'];
const ANSWERED: readonly CaseState[] = ['confirmed', 'not-confirmed', 'data-error', 'recovered'];
const OPEN: readonly CaseState[] = [...UNANSWERED, ...ANSWERED];

const TRANSITIONS: readonly Transition[] = [
  { from: ['opened'], to: 'notified', by: ['central'], needsReason: false },
  { from: ['opened', 'notified'], to: 'acknowledged', by: ['issuing'], needsReason: false },
  // An answer may be corrected until the case is closed.
  { from: OPEN, to: 'confirmed', by: ['issuing'], needsReason: false },
  { from: OPEN, to: 'not-confirmed', by: ['issuing'], needsReason: true },
  { from: OPEN, to: 'data-error', by: ['issuing'], needsReason: true },
  { from: OPEN, to: 'recovered', by: ['issuing', 'asking', 'post'], needsReason: true },
  { from: OPEN, to: 'closed', by: ['asking', 'post'], needsReason: true },
];

/** A wish to move a case. */
export interface Move {
  to: CaseState;
  reason?: string | undefined;
  /** Needed to close, and there alone. */
  outcome?: CaseOutcome | undefined;
}

/**
 * Refuses a move that is not in the table: 'forbidden' if none of the movers may ever make it,
 * 'case-transition' if not from this state, 'request-invalid' if reason or outcome are not as needed.
 */
export function checkMove(
  from: CaseState,
  { to, reason, outcome }: Move,
  movers: readonly Mover[],
): void {
  const allowed = TRANSITIONS.filter(
    (each) => each.to === to && each.by.some((mover) => movers.includes(mover)),
  );
  if (allowed.length === 0) throw new SltdError('forbidden');
  const transition = allowed.find((each) => from !== to && each.from.includes(from));
  if (!transition) throw new SltdError('case-transition');
  const isOutcomeRight = (outcome !== undefined) === (to === 'closed');
  if (!isOutcomeRight || (transition.needsReason && reason === undefined)) {
    throw new SltdError('request-invalid');
  }
}

/** Where these movers can take a case from this state. */
export const movesFrom = (from: CaseState, movers: readonly Mover[]): CaseState[] =>
  TRANSITIONS.filter(
    (each) =>
      each.to !== from &&
      each.from.includes(from) &&
      each.by.some((mover) => movers.includes(mover)),
  ).map(({ to }) => to);
