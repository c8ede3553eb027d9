/**
 * What became of a night, told in three places: one JSON line on stdout, `last-run.json` in the state
 * directory, and the webhook, if there is one and it wants to know. No path, no record: names and counts.
 */

import { join } from 'node:path';
import { ERRORS, type ErrorCode, SltdError } from '../../src/errors.ts';
import { codedError, EXIT, errorLine, exitCodeOf } from '../command.ts';
import { GateRefusal } from '../gates/quarantine.ts';
import { writeJson } from '../gates/write-json.ts';
import type { StepTime } from '../progress.ts';
import type { NightlyConfig } from './config.ts';
import type { NightResult } from './run.ts';
import { sendWebhook } from './webhook.ts';

/** The summary of a night. */
export interface NightSummary extends Partial<Omit<NightResult, 'outcome'>> {
  outcome: NightResult['outcome'] | 'refused' | 'failed' | 'interrupted';
  collection: string;
  startedAt: string;
  endedAt: string;
  exitCode: number;
  /** Stable code of what stopped it. */
  code?: ErrorCode;
  message?: string;
  /** The edition that waits, and what refused it. */
  quarantine?: { edition: string; refusals: { gate: string; details: readonly string[] }[] };
  times: readonly Pick<StepTime, 'step' | 'seconds'>[];
  /** Whether the webhook took the message; absent if it was not to be told. */
  notified?: boolean;
}

interface Told {
  config: NightlyConfig;
  startedAt: Date;
  times: readonly Pick<StepTime, 'step' | 'seconds'>[];
  secret: Uint8Array | undefined;
}

/** Writes and sends the summary of a night that ended in a result or an error. */
export async function reportNight(
  { config, startedAt, times, secret }: Told,
  ended: { result: NightResult } | { error: unknown },
): Promise<NightSummary> {
  const summary: NightSummary = {
    ...('result' in ended ? resultOf(ended.result) : failureOf(ended.error)),
    ...{ collection: config.collection, startedAt: startedAt.toISOString() },
    ...{
      endedAt: new Date().toISOString(),
      times: times.map(({ step, seconds }) => ({ step, seconds: Number(seconds.toFixed(3)) })),
    },
  };
  const { notify } = config;
  if (notify && (summary.exitCode !== EXIT.ok || notify['on-success'])) {
    const type = `nightly.${summary.outcome}`;
    summary.notified = await sendWebhook({ url: notify.url, type, data: summary, secret });
  }
  try {
    writeJson(join(config.stateDir, 'last-run.json'), summary);
  } catch (error) {
    // On a full disk as well the summary still has to reach stdout.
    process.stderr.write(`sltd: last-run.json: ${errorLine(error)}\n`);
  }
  return summary;
}

/** A night that went out has refused something all the same if something is wrong with a feed. */
const resultOf = (result: NightResult): NightResult & Pick<NightSummary, 'exitCode'> => ({
  ...result,
  exitCode: result.feeds.some(({ code }) => code) ? EXIT.refused : EXIT.ok,
});

function failureOf(
  thrown: unknown,
): Pick<NightSummary, 'outcome' | 'exitCode'> & Partial<NightSummary> {
  const error = codedError(thrown);
  const exitCode = exitCodeOf(error);
  const outcome =
    exitCode === EXIT.refused
      ? 'refused'
      : exitCode === EXIT.interrupted
        ? 'interrupted'
        : 'failed';
  const code = error instanceof SltdError ? error.code : 'internal';
  const message = error instanceof SltdError ? error.message : ERRORS.internal.title;
  const failure = {
    outcome,
    exitCode,
    ...(outcome === 'interrupted' ? {} : { code, message }),
  } as const;
  if (!(error instanceof GateRefusal)) return failure;
  const { edition, refusals } = error.quarantine;
  return { ...failure, quarantine: { edition, refusals } };
}
