/**
 * The operations that an edition does not have, read from the log once and then kept up to date.
 *
 * Which those are, the edition's time tells: every operation since then, and for good measure those of
 * the time before (REACH_MS), because an export says only by a time what it holds, clocks differ, and
 * the edition before must be able to come back under the same overlay. A state whose last good list is
 * older than the edition has its operations since that list. What a bureau changed and no export up to
 * then has confirmed goes with every edition, however long ago that was.
 */

import type { EditionTimes } from '../../src/format/reports.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { stateOfKey } from '../records/find-records.ts';
import {
  lastOperation,
  lastOperationAt,
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
  readonly #edition: EditionTimes;
  /** Records with a change that the edition's export has not confirmed. */
  readonly #unconfirmed = new Set<string>();
  readonly folded = new FoldedOperations();
  #readUpTo: number | undefined;

  constructor(db: CentralDatabase, edition: EditionTimes) {
    this.#db = db;
    this.#edition = edition;
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
        const from = this.#stateFrom.get(stateOfKey(operation.key)) ?? this.#from;
        if (operation.at >= from || this.#unconfirmed.has(operation.recordId)) {
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
    const { asOf } = this.#edition;
    const states = this.#edition.states();
    const ends = new Map<string, number>([...states].map((each) => [each.state, each.asOf]));
    const unconfirmed = await operationsUnconfirmed(this.#db, Math.min(asOf, ...ends.values()));
    for (const { confirmedAsOf, ...operation } of unconfirmed) {
      const end = ends.get(stateOfKey(operation.key)) ?? asOf;
      if (confirmedAsOf !== null && confirmedAsOf <= end) continue;
      this.#unconfirmed.add(operation.recordId);
      if (operation.seq <= first) this.folded.take(operation);
    }
    return first;
  }
}
