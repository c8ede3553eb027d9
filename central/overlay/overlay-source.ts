/**
 * The operations that an edition does not have, read from the log once and then kept up to date.
 *
 * Which those are, the edition's time tells: every operation since then, and for good measure those of
 * the time before (REACH_MS), because an export says only by a time what it holds, clocks differ, and
 * the edition before must be able to come back under the same overlay. A state whose last good list is
 * older than the edition has its operations since that list.
 */

import type { EditionTimes } from '../../src/format/reports.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { lastOperation, lastOperationAt, operationsAfter } from '../records/operation-log.ts';
import { FoldedOperations } from './fold-operations.ts';

/** An overlay begins so long before its edition ends: a nightly edition's day, and two hours. */
const REACH_MS = 26 * 60 * 60 * 1000;
const BATCH = 10_000;

/** The time with whose operations an overlay for the edition begins. */
export const overlayFrom = ({ asOf }: Pick<EditionTimes, 'asOf'>): number =>
  Math.max(0, asOf - REACH_MS);

export class OverlaySource {
  readonly #db: CentralDatabase;
  readonly #stateFrom = new Map<string, number>();
  readonly #from: number;
  readonly folded = new FoldedOperations();
  #readUpTo: number | undefined;

  constructor(db: CentralDatabase, edition: EditionTimes) {
    this.#db = db;
    this.#from = overlayFrom(edition);
    for (const { state, asOf } of edition.states()) {
      if (asOf < edition.asOf) this.#stateFrom.set(state, overlayFrom({ asOf }));
    }
  }

  /** Number of the last operation that has been looked at. */
  get lastOperation(): number {
    return this.#readUpTo ?? 0;
  }

  /** Reads what is new in the log; how many operations that were. */
  async update(): Promise<number> {
    const before = this.#readUpTo ?? (await this.#start());
    let seq = before;
    const end = await lastOperation(this.#db);
    while (seq < end) {
      const batch = await operationsAfter(this.#db, seq, BATCH);
      for (const operation of batch) {
        const state = operation.key.slice(1, 4).replaceAll('<', '');
        if (operation.at >= (this.#stateFrom.get(state) ?? this.#from)) {
          this.folded.take(operation);
        }
        seq = operation.seq;
      }
      // The log has no gaps; an empty batch below its end would be a loop without end.
      if (batch.length === 0) break;
    }
    this.#readUpTo = seq;
    return seq - before;
  }

  #start(): Promise<number> {
    const earliest = Math.min(this.#from, ...this.#stateFrom.values());
    return lastOperationAt(this.#db, earliest - 1);
  }
}
