/**
 * The publisher as a process: looks at the log often, publishes seldom, and does not give up.
 *
 * A report is published at most `intervalMs` after the publication before it, so within 10 s by
 * default with room to spare. Nothing of a document is in its log lines.
 *
 * While the database is away or hangs, the head that is in force is signed all the same, by a loop that asks
 * the store alone: edges go on, since nobody can report to a database that is not there. After any other failure
 * reports may be taken that are not published, so nothing is signed until a tick goes well again: edges say so
 * by the head's age, and end as `unknown`.
 */

import { setTimeout } from 'node:timers/promises';
import { SltdError } from '../../src/errors.ts';
import { isAway } from '../database/database.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { lastOperation } from '../records/operation-log.ts';
import type { OverlayPublisher, TickOutcome } from './publisher.ts';

/** A new edition is noticed after this, also while the log is quiet. */
const LOOK_MS = 10_000;
/** Longest pause after failures. */
const PAUSE_MAX_MS = 10_000;
/** No tick went well for so long: the head is signed without one. */
const UNWELL_MS = 15_000;
/** A head of this age is signed again; looked at every LOOK_MS, none gets older than a minute. */
const SIGN_MS = 50_000;

/** What the publisher did, or the code of why it could not. */
type Outcome = TickOutcome | 'signed' | { failure: string; error: unknown };

/** Time as this process sees it; a test has its own. */
export interface Timing {
  /** Milliseconds since any moment; never goes back. */
  now(): number;
  /** Ends early, and without an error, with the signal. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const REAL_TIME: Timing = {
  now: () => performance.now(),
  sleep: (ms, signal) => setTimeout(ms, undefined, { signal }).catch(() => {}),
};

export interface RunOptions {
  db: CentralDatabase;
  publisher: Pick<OverlayPublisher, 'tick' | 'keepSigned'>;
  /** Makes database and store ready; before the first tick, again and again until it succeeds. */
  prepare: () => Promise<void>;
  /** How often the log is looked at. */
  pollMs: number;
  /** Shortest time between two publications. */
  intervalMs: number;
  signal: AbortSignal;
  /** Told of each tick that did something, and of each failure by its code. */
  onTick: (outcome: Outcome) => void;
  timing?: Timing;
}

/** Runs until the signal; throws only 'config-invalid', which no waiting mends. */
export async function runPublisher(options: RunOptions): Promise<void> {
  const { timing = REAL_TIME } = options;
  const ended = new AbortController();
  const signal = AbortSignal.any([options.signal, ended.signal]);
  const run = { ...options, timing, signal, wellAt: timing.now(), isBlocked: false };
  try {
    await Promise.all([publishLoop(run), signLoop(run)]);
  } finally {
    ended.abort();
  }
}

interface Run extends RunOptions {
  timing: Timing;
  /** When a tick last went well, or the run began. */
  wellAt: number;
  /** The database was there, and what it has could not be published; until a tick goes well. */
  isBlocked: boolean;
}

async function publishLoop(run: Run): Promise<void> {
  const { db, publisher, timing, pollMs, intervalMs, signal, onTick } = run;
  let isPrepared = false;
  let seen = -1;
  let tickedAt = Number.NEGATIVE_INFINITY;
  let failureCount = 0;
  while (!signal.aborted) {
    try {
      if (!isPrepared) await run.prepare();
      isPrepared = true;
      const last = await lastOperation(db);
      const sinceMs = timing.now() - tickedAt;
      if (sinceMs >= LOOK_MS || (last !== seen && sinceMs >= intervalMs)) {
        tickedAt = timing.now();
        const outcome = await publisher.tick();
        run.wellAt = timing.now();
        run.isBlocked = false;
        if (outcome === 'published' || outcome === 'unchanged') seen = last;
        if (outcome !== 'unchanged') onTick(outcome);
      }
      failureCount = 0;
    } catch (error) {
      if (isHopeless(error)) throw error;
      failureCount++;
      if (!isAway(error)) run.isBlocked = true;
      onTick(failureOf(error));
    }
    await timing.sleep(Math.min(PAUSE_MAX_MS, pollMs * 2 ** Math.min(failureCount, 10)), signal);
  }
}

async function signLoop(run: Run): Promise<void> {
  const { publisher, timing, signal, onTick } = run;
  for (;;) {
    await timing.sleep(LOOK_MS, signal);
    if (signal.aborted) return;
    if (run.isBlocked || timing.now() - run.wellAt < UNWELL_MS) continue;
    try {
      const outcome = await publisher.keepSigned(SIGN_MS);
      if (outcome !== 'unchanged') onTick(outcome);
    } catch (error) {
      if (isHopeless(error)) throw error;
      onTick(failureOf(error));
    }
  }
}

const isHopeless = (error: unknown): boolean =>
  error instanceof SltdError && error.code === 'config-invalid';

const failureOf = (error: unknown) => ({
  failure: error instanceof SltdError ? error.code : 'internal',
  error,
});
