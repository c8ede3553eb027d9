/** From verdict to status: every way there is, and no other (S2, S3, S4). */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CandidateVerdict,
  type Confirmations,
  type Question,
  resolve,
} from '../../src/check/verdict.ts';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';

const key = (text: string) => text as CanonicalKey;
const EXACT: Question = {
  ...{ key: key('PUTO1'), spelling: 'exact' as const, number: '1' },
  category: 'stolen',
};
const LOOK_ALIKE: Question = {
  ...{ key: key('PUTOL'), spelling: 'look-alike' as const, number: 'L' },
  category: 'lost',
};
const UNMATCHED: Question = { ...EXACT, category: undefined };

const candidate = (...questions: Question[]): CandidateVerdict => ({
  ...{ kind: 'candidate', questions, isWithdrawalPending: false },
});
const said = (...listed: [Question, boolean][]): Confirmations =>
  new Map(listed.map(([question, isListed]) => [question.key, { listed: isListed }]));

describe('a verdict', () => {
  it('of absence is clear by the edge', () => {
    expect(resolve({ kind: 'absent' }, undefined)).toEqual({ status: 'clear', basis: 'edge' });
  });

  it('that is unknown or invalid keeps its code, whatever central says', () => {
    const everything = said([EXACT, false]);
    for (const kind of ['unknown', 'invalid'] as const) {
      const resolution = resolve({ kind, code: 'page-corrupt' }, everything);
      expect(resolution).toEqual({ status: kind, code: 'page-corrupt' });
    }
  });

  it('of a candidate without an answer stays one, and shows its exact match first', () => {
    expect(resolve(candidate(EXACT, LOOK_ALIKE), undefined)).toMatchObject({
      ...{ status: 'candidate', basis: 'edge', match: { spelling: 'exact', category: 'stolen' } },
    });
    expect(resolve(candidate(UNMATCHED, LOOK_ALIKE), undefined)).toMatchObject({
      match: { spelling: 'look-alike', number: 'L', category: 'lost' },
    });
  });

  it('of a candidate is a hit if an exact spelling is listed, matched here or not', () => {
    for (const exact of [EXACT, UNMATCHED]) {
      const answer = said([exact, true], [LOOK_ALIKE, true]);
      expect(resolve(candidate(exact, LOOK_ALIKE), answer)).toMatchObject({
        ...{ status: 'hit', basis: 'central', match: { spelling: 'exact', number: '1' } },
      });
    }
  });

  it('of a candidate stays one if only a look-alike is listed', () => {
    const answer = said([UNMATCHED, false], [LOOK_ALIKE, true]);
    expect(resolve(candidate(UNMATCHED, LOOK_ALIKE), answer)).toMatchObject({
      ...{ status: 'candidate', basis: 'central', match: { spelling: 'look-alike' } },
    });
  });

  it('of a candidate is clear if nothing is listed, but not with a page missing', () => {
    const answer = said([EXACT, false], [LOOK_ALIKE, false]);
    const verdict = candidate(EXACT, LOOK_ALIKE);
    expect(resolve(verdict, answer)).toEqual({ status: 'clear', basis: 'central' });
    expect(resolve({ ...verdict, doubt: 'page-unavailable' }, answer)).toEqual({
      ...{ status: 'unknown', code: 'page-unavailable' },
    });
  });

  it("takes the category of central's record over that of the edge", () => {
    const record = { id: 'r', category: 'revoked' as const };
    const answer = new Map([[EXACT.key, { listed: true, record }]]);
    expect(resolve(candidate(EXACT), answer)).toMatchObject({
      match: { category: 'revoked', record },
    });
  });
});

describe('whatever matched and whatever central says of some of it', () => {
  const questions = fc
    .array(
      fc.record({
        isExact: fc.boolean(),
        isMatched: fc.boolean(),
        said: fc.constantFrom('listed', 'not-listed', 'nothing'),
      }),
      { minLength: 1, maxLength: 12 },
    )
    .filter((all) => all.some(({ isMatched }) => isMatched))
    .map((all) => all.toSorted((a, b) => Number(b.isExact) - Number(a.isExact)));

  it('clear needs a negative on every key, a hit an exact positive, and neither can be had without', () => {
    fc.assert(
      fc.property(questions, fc.boolean(), (rows, hasDoubt) => {
        const asked = rows.map(
          ({ isExact, isMatched }, i): Question => ({
            key: key(`PUTO${i}`),
            spelling: isExact ? 'exact' : 'look-alike',
            number: String(i),
            category: isMatched ? 'lost' : undefined,
          }),
        );
        const answered = rows.flatMap(({ said: word }, i) =>
          word === 'nothing' ? [] : [[`PUTO${i}`, { listed: word === 'listed' }] as const],
        );
        const verdict = {
          ...candidate(...asked),
          doubt: hasDoubt ? 'internal' : undefined,
        } as const;
        const { status } = resolve(verdict, new Map(answered));
        const isWhole = rows.every(({ said: word }) => word !== 'nothing');
        const listed = rows.filter(({ said: word }) => word === 'listed');
        if (!isWhole) expect(status).toBe('candidate');
        else if (listed.some(({ isExact }) => isExact)) expect(status).toBe('hit');
        else if (listed.length > 0) expect(status).toBe('candidate');
        else expect(status).toBe(hasDoubt ? 'unknown' : 'clear');
      }),
    );
  });
});
