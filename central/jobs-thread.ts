/**
 * Jobs thread: the jobs beside the service, and the writing down of its hits, on a thread and a
 * connection of their own.
 *
 * SQLite's write is a call that waits for the disk. On the thread that answers, each hit would hold up
 * everybody's question for as long, and each step of a case again; so that thread only reads, hands its
 * hits over and is told when they are stored.
 */

import { Worker } from 'node:worker_threads';
import { assert } from '../src/errors.ts';
import type { StoreOutcome, StoreSightings } from './cases/sightings.ts';
import type { NewSighting } from './cases/tables.ts';

/** To the thread: hits of one number, or to begin no round any more, or to end. */
export type ToThread = { number: number; rows: readonly NewSighting[] } | 'halt' | 'end';
/** From the thread: what came of the hits, or that no round is under way any more. */
export type FromThread = { number: number; outcome: StoreOutcome } | 'halted';

export class JobsThread {
  /** Rejects if the thread ends before it is told to. */
  readonly failed: Promise<never>;
  readonly #worker = new Worker(new URL('./jobs-worker.ts', import.meta.url));
  readonly #waiting = new Map<number, (outcome: StoreOutcome) => void>();
  readonly #halted: Promise<void>;
  readonly #ended: Promise<void>;
  #lastNumber = 0;
  #isEnding = false;
  #hasEnded = false;

  constructor() {
    const worker = this.#worker;
    this.#ended = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#hasEnded = true;
        for (const told of this.#waiting.values()) told('busy');
        resolve();
      });
    });
    const halted = new Promise<void>((resolve) => {
      worker.on('message', (message: FromThread) => {
        if (message === 'halted') return resolve();
        this.#waiting.get(message.number)?.(message.outcome);
        this.#waiting.delete(message.number);
      });
    });
    this.#halted = Promise.race([halted, this.#ended]);
    this.failed = new Promise((_, reject) => {
      worker.once('error', reject);
      void this.#ended.then(() => {
        if (!this.#isEnding) reject(new Error('the thread of the jobs ended'));
      });
    });
    // Whoever waits for it is told; without one it must not end the process by itself.
    this.failed.catch(() => {});
  }

  /** Write hits down; 'busy' if the thread has ended. */
  readonly store: StoreSightings = async (rows) => {
    if (this.#hasEnded) return 'busy';
    return new Promise((resolve) => {
      const number = ++this.#lastNumber;
      this.#waiting.set(number, resolve);
      this.#post({ number, rows });
    });
  };

  /** Begin no round any more; resolves when none is under way. Hits are still written down. */
  async halt(): Promise<void> {
    this.#post('halt');
    await this.#halted;
  }

  /** End the thread and its jobs; once. */
  async end(): Promise<void> {
    assert(!this.#isEnding, 'ends once');
    this.#isEnding = true;
    this.#post('end');
    await this.#ended;
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }
}
