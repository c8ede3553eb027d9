/**
 * What the operations between two editions say about the keys that they touch.
 *
 * Exports say only by a time what they hold, and clocks differ: an operation near either end may be in
 * an edition or not. And a key may have several records, of which the list knows one. Where both are
 * right, both are expected; a difference is told only where the operations leave no doubt. An old
 * operation that no export has confirmed may come with any edition.
 */

import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import { CATEGORIES } from '../../src/format/category.ts';
import type { ReplayOperation } from './operation-file.ts';

/** How near to an edition's time an operation may have gone either way, in milliseconds. */
export const TOLERANCE_MS = 10 * 60_000;

/** What the new edition must say of a key; with the lowest category code if it is listed. */
export type Expectation = { is: 'listed'; categoryMin: number } | { is: 'gone' } | { is: 'either' };

/** The times of a state's lists in both editions, in milliseconds since 1970. */
export interface Period {
  base: number;
  next: number;
}

interface KeyState {
  listed: Map<string, number>;
  isUncertain: boolean;
}

/** Folds operations in the order of the log. */
export class ExpectedKeys {
  readonly #keys = new Map<CanonicalKey, KeyState>();
  readonly #periodOf: (state: string) => Period;
  /** Operations that lie between the editions, or near. */
  operationCount = 0;

  constructor(periodOf: (state: string) => Period) {
    this.#periodOf = periodOf;
  }

  take({ kind, key, category, recordId, at, ...marks }: ReplayOperation): void {
    const { base, next } = this.#periodOf(key.slice(1, 4).replaceAll('<', ''));
    if (at > next + TOLERANCE_MS || (at <= base - TOLERANCE_MS && !marks.unconfirmed)) return;
    this.operationCount++;
    let state = this.#keys.get(key);
    if (!state) {
      state = { listed: new Map(), isUncertain: false };
      this.#keys.set(key, state);
    }
    if (at <= base + TOLERANCE_MS || at > next - TOLERANCE_MS || marks.elsewhere) {
      state.isUncertain = true;
    }
    if (kind === 'added') state.listed.set(recordId, CATEGORIES.indexOf(category));
    else state.listed.delete(recordId);
  }

  /** Each key that was touched. */
  *all(): Generator<{ key: CanonicalKey; expected: Expectation }> {
    for (const [key, { listed, isUncertain }] of this.#keys) {
      if (isUncertain) yield { key, expected: { is: 'either' } };
      else if (listed.size === 0) yield { key, expected: { is: 'gone' } };
      else yield { key, expected: { is: 'listed', categoryMin: Math.max(...listed.values()) } };
    }
  }
}
