/**
 * Jobs that run beside the service, in its process: cases are opened and escalated, notifications
 * delivered, bureaus told of reviews, what is over its time forgotten.
 *
 * Every job takes its work from the database so that several services over one database share it. A
 * round that fails leaves a line in the log, and the next one tries again.
 */

import { setImmediate as giveWay, setTimeout as sleep } from 'node:timers/promises';
import type { SigningKey } from '../src/format/signature.ts';
import type { DayKeys } from '../src/format/tag-key.ts';
import { type AttachmentStore, sweepFiles } from './cases/attachments.ts';
import { escalateDue, markNotified } from './cases/change-case.ts';
import { forgetCases } from './cases/forget.ts';
import { openCases } from './cases/open-cases.ts';
import { signCheckpoints } from './check-events/audit-chain.ts';
import { mergeTags } from './check-events/merge-tags.ts';
import { removeOldTags } from './check-events/tags.ts';
import type { CentralDatabase } from './database/schema.ts';
import { type LogLine, traceError } from './http/request-log.ts';
import { compareWithOwnLists, sweepOwnLists } from './joint-operations/own-list.ts';
import type { Reach } from './notifications/address-guard.ts';
import { forgetNotifications } from './notifications/forget.ts';
import { DeliveryWorker } from './notifications/worker.ts';
import { forgetRepeated } from './records/repeated-requests.ts';
import { sweepReviews } from './records/review.ts';
import { matchReports } from './retro-match/match-reports.ts';

const OPEN_INTERVAL_MS = 200;
const CLOCK_INTERVAL_MS = 5_000;
const MATCH_INTERVAL_MS = 5_000;
const CHECKPOINT_INTERVAL_MS = 5 * 60_000;
const FORGET_INTERVAL_MS = 3_600_000;

export interface JobOptions {
  db: CentralDatabase;
  reach: Reach;
  /** Signs the checkpoints of the audit. */
  signingKey: SigningKey;
  /** Undefined: nothing is compared with past checks. */
  dayKeys: DayKeys | undefined;
  attachments: AttachmentStore;
  /** Longest wait for a receiver, in milliseconds. */
  webhookTimeoutMs?: number | undefined;
  /** First delay after a failed attempt, in milliseconds. */
  webhookRetryMs?: number | undefined;
  clock: () => number;
  log: (line: LogLine) => void;
}

/** Start all jobs; `stop()` waits for the rounds that are under way, and begins none. */
export function startJobs(options: JobOptions): { stop(): Promise<void> } {
  const { db, reach, attachments, clock, log, webhookTimeoutMs, webhookRetryMs } = options;
  const { signingKey: signer, dayKeys } = options;
  const time = () => new Date(clock()).toISOString();
  const onError = (error: unknown) =>
    log({ time: time(), event: 'job-failed', error: traceError(error) });
  const worker = new DeliveryWorker({
    ...{ db, reach, clock, timeoutMs: webhookTimeoutMs, firstDelayMs: webhookRetryMs, onError },
    onDelivered: (transaction, ids) => markNotified(transaction, ids, clock()),
    onDead: (deadCount) => log({ time: time(), event: 'dead-letter', deadCount }),
  });
  const halt = new AbortController();
  const every = async (intervalMs: number, round: () => Promise<unknown>) => {
    while (!halt.signal.aborted) {
      await round().catch(onError);
      await sleep(intervalMs, undefined, { signal: halt.signal }).catch(() => {});
    }
  };
  /** Rounds without a pause as long as there is work. */
  const whileAny = async (round: () => Promise<number>) => {
    while (!halt.signal.aborted && (await round()) > 0) await giveWay();
  };
  const ended = Promise.all([
    worker.run(),
    every(OPEN_INTERVAL_MS, () => whileAny(() => openCases(db, clock()))),
    every(CLOCK_INTERVAL_MS, () => whileAny(() => escalateDue(db, clock()))),
    every(FORGET_INTERVAL_MS, () => sweepReviews(db, clock())),
    every(FORGET_INTERVAL_MS, () => forgetRepeated(db, clock())),
    every(CHECKPOINT_INTERVAL_MS, () => signCheckpoints(db, { signer, nowMs: clock() })),
    every(MATCH_INTERVAL_MS, () => mergeTags(db, clock())),
    every(FORGET_INTERVAL_MS, () => removeOldTags(db, clock())),
    every(FORGET_INTERVAL_MS, () => sweepOwnLists(db, clock())),
    ...(dayKeys
      ? [
          every(MATCH_INTERVAL_MS, () =>
            whileAny(async () =>
              Number((await matchReports(db, { dayKeys, nowMs: clock() })).isMore),
            ),
          ),
          every(MATCH_INTERVAL_MS, () => compareWithOwnLists(db, dayKeys)),
        ]
      : []),
    every(FORGET_INTERVAL_MS, () => forgetNotifications(db, clock())),
    every(FORGET_INTERVAL_MS, () => forgetCases(db, attachments, clock())),
    every(FORGET_INTERVAL_MS, () => sweepFiles(db, attachments, clock())),
  ]);
  return {
    stop: async () => {
      worker.stop();
      halt.abort();
      await ended;
    },
  };
}
