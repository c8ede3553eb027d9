/**
 * The publisher as a process: looks at the log often, publishes seldom, and does not give up.
 *
 * A report is published at most `intervalMs` after the publication before it, so within 10 s by
 * default with room to spare. Nothing of a document is in its log lines.
 */

import { setTimeout } from 'node:timers/promises';
import { SltdError } from '../../src/errors.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { lastOperation } from '../records/operation-log.ts';
import type { OverlayPublisher, TickOutcome } from './publisher.ts';

/** A new edition is noticed after this, also while the log is quiet. */
const LOOK_MS = 10_000;
/** Longest pause after failures. */
const PAUSE_MAX_MS = 10_000;

export interface RunOptions {
  db: CentralDatabase;
  publisher: Pick<OverlayPublisher, 'tick'>;
  /** How often the log is looked at. */
  pollMs: number;
  /** Shortest time between two publications. */
  intervalMs: number;
  signal: AbortSignal;
  /** Told of each tick that did something, and of each failure by its code. */
  onTick: (outcome: TickOutcome | { failure: string; error: unknown }) => void;
}

/** Runs until the signal; throws only 'config-invalid', which no waiting mends. */
export async function runPublisher(options: RunOptions): Promise<void> {
  const { db, publisher, pollMs, intervalMs, signal, onTick } = options;
  let seen = -1;
  let tickedAt = Number.NEGATIVE_INFINITY;
  let failureCount = 0;
  while (!signal.aborted) {
    try {
      const last = await lastOperation(db);
      const sinceMs = performance.now() - tickedAt;
      if (sinceMs >= LOOK_MS || (last !== seen && sinceMs >= intervalMs)) {
        tickedAt = performance.now();
        const outcome = await publisher.tick();
        if (outcome === 'published' || outcome === 'unchanged') seen = last;
        if (outcome !== 'unchanged') onTick(outcome);
      }
      failureCount = 0;
    } catch (error) {
      if (error instanceof SltdError && error.code === 'config-invalid') throw error;
      failureCount++;
      const failure = error instanceof SltdError ? error.code : 'internal';
      onTick({ failure, error });
    }
    const pauseMs = Math.min(PAUSE_MAX_MS, pollMs * 2 ** Math.min(failureCount, 10));
    await setTimeout(pauseMs, undefined, { signal }).catch(() => {});
  }
}
