/**
 * Fold: what all operations on each key come to, as an overlay says it.
 *
 * The log tells of records, and a key may have several: a withdrawal of one must not hide the report
 * of another. So a key is listed while any record that was added since the beginning is not withdrawn,
 * and one that was added and withdrawn stays known as such (S5). What the edition has is not looked
 * at: a row that repeats it does no harm. docs/format.md section 10.
 */

import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import { CATEGORIES } from '../../src/format/category.ts';
import type { OverlayMatch } from '../../src/format/overlay.ts';
import type { Operation } from '../records/operation-log.ts';

/** One key's row. */
export interface FoldedKey extends OverlayMatch {
  key: CanonicalKey;
  /** Number of the last operation on the key. */
  lastOperation: number;
}

interface KeyState {
  /** Records that were added and are not withdrawn, with the code of their category. */
  listed: Map<string, number>;
  /** Highest category code that was ever added; -1 if nothing was. */
  everAdded: number;
  lastOperation: number;
}

/** Takes operations in the order of the log, each once. */
export class FoldedOperations {
  readonly #keys = new Map<CanonicalKey, KeyState>();
  /** Number of the last operation that was taken. */
  lastOperation = 0;

  get keyCount(): number {
    return this.#keys.size;
  }

  take({ seq, kind, key, category, recordId }: Operation): void {
    let state = this.#keys.get(key);
    if (!state) {
      state = { listed: new Map(), everAdded: -1, lastOperation: seq };
      this.#keys.set(key, state);
    }
    state.lastOperation = seq;
    this.lastOperation = seq;
    if (kind === 'withdrawn') {
      state.listed.delete(recordId);
      return;
    }
    const code = CATEGORIES.indexOf(category);
    state.listed.set(recordId, code);
    state.everAdded = Math.max(state.everAdded, code);
  }

  /** The rows of keys that had an operation after `seq`, in no order that means anything. */
  *rowsAfter(seq: number): Generator<FoldedKey> {
    for (const [key, state] of this.#keys) {
      if (state.lastOperation > seq) {
        yield { key, lastOperation: state.lastOperation, ...matchOf(state) };
      }
    }
  }
}

function matchOf({ listed, everAdded }: KeyState): OverlayMatch {
  if (listed.size > 0) return { kind: 'added', category: Math.max(...listed.values()) };
  if (everAdded >= 0) return { kind: 'added-withdrawn', category: everAdded };
  return { kind: 'withdrawn', category: 0 };
}
