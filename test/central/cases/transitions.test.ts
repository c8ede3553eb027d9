/** Every move from every state by every mover, against the table as the rule book has it. */

import { describe, expect, it } from 'vitest';
import { CASE_STATES, type CaseState } from '../../../central/cases/tables.ts';
import { checkMove, type Mover, movesFrom } from '../../../central/cases/transitions.ts';
import { SltdError } from '../../../src/errors.ts';

/** State → mover → where it may go; written by hand, apart from the table it is held against. */
const MAY: Record<CaseState, Partial<Record<Mover, CaseState[]>>> = {
  opened: {
    central: ['notified'],
    issuing: ['acknowledged', 'confirmed', 'not-confirmed', 'data-error', 'recovered'],
    asking: ['recovered', 'closed'],
    post: ['recovered', 'closed'],
  },
  notified: {
    issuing: ['acknowledged', 'confirmed', 'not-confirmed', 'data-error', 'recovered'],
    asking: ['recovered', 'closed'],
    post: ['recovered', 'closed'],
  },
  acknowledged: {
    issuing: ['confirmed', 'not-confirmed', 'data-error', 'recovered'],
    asking: ['recovered', 'closed'],
    post: ['recovered', 'closed'],
  },
  confirmed: {
    issuing: ['not-confirmed', 'data-error', 'recovered'],
    asking: ['recovered', 'closed'],
    post: ['recovered', 'closed'],
  },
  'not-confirmed': {
    issuing: ['confirmed', 'data-error', 'recovered'],
    asking: ['recovered', 'closed'],
    post: ['recovered', 'closed'],
  },
  'data-error': {
    issuing: ['confirmed', 'not-confirmed', 'recovered'],
    asking: ['recovered', 'closed'],
    post: ['recovered', 'closed'],
  },
  recovered: {
    issuing: ['confirmed', 'not-confirmed', 'data-error'],
    asking: ['closed'],
    post: ['closed'],
  },
  closed: {},
};
const MOVERS: readonly Mover[] = ['central', 'issuing', 'asking', 'post'];

const codeOf = (attempt: () => void): string => {
  try {
    attempt();
    return 'moved';
  } catch (error) {
    return error instanceof SltdError ? error.code : String(error);
  }
};

describe.each(CASE_STATES)('a case that is %s', (from) => {
  it.each(MOVERS)('is moved by %s as the table has it', (mover) => {
    const may = MAY[from][mover] ?? [];
    expect(movesFrom(from, [mover])).toEqual(may);
    for (const to of CASE_STATES) {
      const move = {
        to,
        reason: 'why',
        ...(to === 'closed' ? { outcome: 'seized' as const } : {}),
      };
      const code = codeOf(() => checkMove(from, move, [mover]));
      if (may.includes(to)) expect(code).toBe('moved');
      else expect(['forbidden', 'case-transition']).toContain(code);
    }
  });
});

it('a move that needs a reason or an outcome is refused without, and an outcome is for closing', () => {
  const refused = (move: Parameters<typeof checkMove>[1], mover: Mover) =>
    codeOf(() => checkMove('acknowledged', move, [mover]));
  expect(refused({ to: 'confirmed' }, 'issuing')).toBe('moved');
  expect(refused({ to: 'not-confirmed' }, 'issuing')).toBe('request-invalid');
  expect(refused({ to: 'closed', reason: 'why' }, 'post')).toBe('request-invalid');
  expect(refused({ to: 'closed', outcome: 'seized' }, 'post')).toBe('request-invalid');
  expect(refused({ to: 'confirmed', outcome: 'seized' }, 'issuing')).toBe('request-invalid');
});
