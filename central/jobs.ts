/**
 * Jobs that run beside the service, in its process: delivery of notifications, and forgetting.
 *
 * Every job takes its work from the database so that several services over one database share it. A
 * round that fails leaves a line in the log, and the next one tries again.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { CentralDatabase } from './database/schema.ts';
import { type LogLine, traceError } from './http/request-log.ts';
import type { Reach } from './notifications/address-guard.ts';
import { forgetNotifications } from './notifications/forget.ts';
import { DeliveryWorker } from './notifications/worker.ts';

const FORGET_INTERVAL_MS = 3_600_000;

export interface JobOptions {
  db: CentralDatabase;
  reach: Reach;
  /** Longest wait for a receiver, in milliseconds. */
  webhookTimeoutMs?: number | undefined;
  /** First delay after a failed attempt, in milliseconds. */
  webhookRetryMs?: number | undefined;
  clock: () => number;
  log: (line: LogLine) => void;
}

/** Start all jobs; `stop()` waits for what is under way. */
export function startJobs(options: JobOptions): { stop(): Promise<void> } {
  const { db, reach, clock, log, webhookTimeoutMs, webhookRetryMs } = options;
  const time = () => new Date(clock()).toISOString();
  const onError = (error: unknown) =>
    log({ time: time(), event: 'job-failed', error: traceError(error) });
  const worker = new DeliveryWorker({
    ...{ db, reach, clock, timeoutMs: webhookTimeoutMs, firstDelayMs: webhookRetryMs, onError },
    onDead: (deadCount) => log({ time: time(), event: 'dead-letter', deadCount }),
  });
  const halt = new AbortController();
  const every = async (intervalMs: number, round: () => Promise<unknown>) => {
    while (!halt.signal.aborted) {
      await round().catch(onError);
      await sleep(intervalMs, undefined, { signal: halt.signal }).catch(() => {});
    }
  };
  const ended = Promise.all([
    worker.run(),
    every(FORGET_INTERVAL_MS, () => forgetNotifications(db, clock())),
  ]);
  return {
    stop: async () => {
      worker.stop();
      halt.abort();
      await ended;
    },
  };
}
