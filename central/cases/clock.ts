/**
 * The clock of a case: by when a state should be left, and whose contacts are called when it is not.
 *
 * A traveller waits at the desk until the issuing bureau has answered; afterwards the case only has to
 * be brought to its end.
 */

import type { Party } from './parties.ts';
import type { CaseState } from './tables.ts';

const MINUTE_MS = 60_000;

interface Target {
  /** From entering the state, and again from each escalation. */
  withinMs: number;
  /** Who has to act. */
  party: Party;
}

const CLOCK: Record<CaseState, Target | undefined> = {
  opened: { withinMs: 5 * MINUTE_MS, party: 'issuing' },
  notified: { withinMs: 15 * MINUTE_MS, party: 'issuing' },
  acknowledged: { withinMs: 60 * MINUTE_MS, party: 'issuing' },
  confirmed: { withinMs: 24 * 60 * MINUTE_MS, party: 'asking' },
  'not-confirmed': { withinMs: 24 * 60 * MINUTE_MS, party: 'asking' },
  'data-error': { withinMs: 24 * 60 * MINUTE_MS, party: 'asking' },
  recovered: { withinMs: 24 * 60 * MINUTE_MS, party: 'asking' },
  closed: undefined,
};

/** When the clock of a state that begins now runs out; null where none runs. */
export function dueAt(state: CaseState, nowMs: number): number | null {
  const target = CLOCK[state];
  return target ? nowMs + target.withinMs : null;
}

/** Who has to act in a state; undefined once the case is closed. */
export const responsibleIn = (state: CaseState): Party | undefined => CLOCK[state]?.party;
