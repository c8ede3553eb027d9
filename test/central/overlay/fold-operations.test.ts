/** What several operations on one key come to: a report is never hidden by another's withdrawal. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FoldedOperations } from '../../../central/overlay/fold-operations.ts';
import type { Operation } from '../../../central/records/operation-log.ts';
import type { CanonicalKey } from '../../../src/document/canonical-key.ts';
import { CATEGORIES, type Category } from '../../../src/format/category.ts';

const KEY = 'PUTOL898902C3' as CanonicalKey;

type Step = [kind: Operation['kind'], recordId: string, category?: Category];

function folded(steps: readonly Step[]): FoldedOperations {
  const all = new FoldedOperations();
  steps.forEach(([kind, recordId, category = 'lost'], index) => {
    all.take({ seq: index + 1, kind, key: KEY, category, recordId, at: index });
  });
  return all;
}

const rowOf = (...steps: Step[]) => [...folded(steps).rowsAfter(0)];

describe('the row of a key', () => {
  test.each<[string, Step[], string, number]>([
    ['added', [['added', 'a']], 'added', 1],
    ['withdrawn, of the edition', [['withdrawn', 'a']], 'withdrawn', 0],
    [
      'added and withdrawn',
      [
        ['added', 'a'],
        ['withdrawn', 'a'],
      ],
      'added-withdrawn',
      1,
    ],
    [
      'withdrawn and added again',
      [
        ['withdrawn', 'a'],
        ['added', 'a'],
      ],
      'added',
      1,
    ],
    [
      'corrected: withdrawn and added in another category',
      [
        ['withdrawn', 'a', 'lost'],
        ['added', 'b', 'stolen'],
      ],
      'added',
      4,
    ],
    [
      'added twice, one of them withdrawn: the other stands',
      [
        ['added', 'a', 'stolen'],
        ['added', 'b', 'lost'],
        ['withdrawn', 'a', 'stolen'],
      ],
      'added',
      1,
    ],
    [
      'added, and the record of the edition withdrawn: the report stands',
      [
        ['added', 'b', 'lost'],
        ['withdrawn', 'a', 'stolen'],
      ],
      'added',
      1,
    ],
    [
      'added twice and both withdrawn: the highest category that it had',
      [
        ['added', 'a', 'stolen'],
        ['added', 'b'],
        ['withdrawn', 'a'],
        ['withdrawn', 'b'],
      ],
      'added-withdrawn',
      4,
    ],
  ])('%s', (_, steps, kind, category) => {
    expect(rowOf(...steps)).toEqual([{ key: KEY, kind, category, lastOperation: steps.length }]);
  });
});

test('to take operations again changes nothing, so that reading may begin early', () => {
  const step = fc.tuple(
    fc.constantFrom('added' as const, 'withdrawn' as const),
    fc.constantFrom('a', 'b', 'c'),
    fc.constantFrom(...CATEGORIES),
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const once = folded(steps as Step[]);
      const twice = folded(steps as Step[]);
      steps.forEach(([kind, recordId, category], index) => {
        twice.take({ seq: index + 1, kind, key: KEY, category, recordId, at: index });
      });
      expect([...twice.rowsAfter(0)].map(({ kind }) => kind)).toEqual(
        [...once.rowsAfter(0)].map(({ kind }) => kind),
      );
      expect([...once.rowsAfter(steps.length)]).toEqual([]);
    }),
  );
});
