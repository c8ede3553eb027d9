/**
 * The operations that an edition does not have, read from the log once and then kept up to date.
 *
 * Which those are, the edition's time tells: every operation since then, and for good measure those of
 * the time before (REACH_MS), because an export says only by a time what it holds, clocks differ, and
 * the edition before must be able to come back under the same overlay. A state whose last good list is
 * older than the edition has its operations since that list. What a bureau changed and no export up to
 * the beginning has confirmed is in it too, however long ago that was: the edition before lacks it as well.
 */

import type { EditionTimes } from '../../src/format/reports.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { stateOfKey } from '../records/find-records.ts';
import {
  lastOperation,
  lastOperationAt,
  type Operation,
  operationsAfter,
  operationsUnconfirmed,
} from '../records/operation-log.ts';
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
  /** Records with a change that some edition under this overlay may lack. */
  readonly #unconfirmed = new Set<string>();
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
        if (operation.at >= this.#fromOf(operation) || this.#unconfirmed.has(operation.recordId)) {
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

  async #start(): Promise<number> {
    const earliest = Math.min(this.#from, ...this.#stateFrom.values());
    const first = await lastOperationAt(this.#db, earliest - 1);
    for (const { confirmedAsOf, ...operation } of await operationsUnconfirmed(this.#db, earliest)) {
      if (confirmedAsOf !== null && confirmedAsOf <= this.#fromOf(operation)) continue;
      this.#unconfirmed.add(operation.recordId);
      if (operation.seq <= first) this.folded.take(operation);
    }
    return first;
  }

  /** The time from which on the operations of a key's state are in it. */
  #fromOf({ key }: Operation): number {
    return this.#stateFrom.get(stateOfKey(key)) ?? this.#from;
  }
}
