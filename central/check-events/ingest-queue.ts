/**
 * Ingest queue: events that arrive one by one are taken together.
 *
 * A commit costs the same for one event as for sixty. What arrives while one is being made goes into
 * the next; whoever brought an event waits for the commit that has it, so an answer 200 means taken.
 */

import type { CheckEvent } from '../../src/format/check-event.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { batchLength, LIVE_BATCH, takeEvents } from './take-events.ts';

interface Waiting {
  event: CheckEvent;
  done: (isNew: boolean) => void;
  failed: (error: unknown) => void;
}

/** What became of events that were brought. */
export interface TakeCounts {
  taken: number;
  /** Known already. */
  repeated: number;
}

export class IngestQueue {
  readonly #db: CentralDatabase;
  readonly #clock: () => number;
  #waiting: Waiting[] = [];
  #isTaking = false;

  constructor(db: CentralDatabase, clock: () => number) {
    this.#db = db;
    this.#clock = clock;
  }

  /** Takes the events; resolves when they are committed, rejects if they are not. */
  async take(events: readonly CheckEvent[]): Promise<TakeCounts> {
    const results = events.map(
      (event) =>
        new Promise<boolean>((done, failed) => {
          this.#waiting.push({ event, done, failed });
        }),
    );
    if (!this.#isTaking) void this.#run();
    let taken = 0;
    for (const result of await Promise.all(results)) if (result) taken++;
    return { taken, repeated: events.length - taken };
  }

  async #run(): Promise<void> {
    this.#isTaking = true;
    while (this.#waiting.length > 0) {
      const next = this.#waiting.slice(0, LIVE_BATCH.eventsMax).map(({ event }) => event);
      const batch = this.#waiting.splice(0, batchLength(next, LIVE_BATCH));
      try {
        const fresh = await takeEvents(
          this.#db,
          batch.map(({ event }) => event),
          { nowMs: this.#clock() },
        );
        for (const { event, done } of batch) done(fresh.has(event));
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.#isTaking = false;
  }
}
