/**
 * From a bureau's report to the posts: how long a document that was just reported is still unknown.
 *
 * Everything is real: central over HTTP, the publisher of overlays, the store, the Worker under wrangler
 * dev. The small run has shorter intervals between two looks; the full one those of production.
 */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { issueToken } from '../../data-build/keys/token.ts';
import { type System, startSystem } from '../../scripts/system.ts';
import type { Proof } from './proof.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The bound on the 99th percentile, in milliseconds. */
const BOUND_MS = 15_000;
/** Who has not heard of a report after this, in milliseconds, never will. */
const LOST_MS = 60_000;
/** A post asks so often about the documents that it waits for. */
const ASK_MS = 200;
/** In the full run the reports come at this distance: through all phases of the intervals. */
const REPORT_EVERY_MS = 83;
const BACKGROUND_ROWS = 2_000;
const QUICK = {
  publisher: { OVERLAY_POLL_MS: '100', OVERLAY_INTERVAL_MS: '300' },
  edge: { POLL_SECONDS: '1' },
};

interface Report {
  number: string;
  operation: number;
  reportedMs: number;
  /** When the edge first answered with it; undefined while it has not. */
  knownMs?: number;
}

export const reportToEdge: Proof = {
  name: 'report-to-edge',
  claim: 'of 1,000 reports 99 % are known at the edge within 15 s, and none is lost',
  sizes: { full: 1_000, small: 5, unit: 'reports' },
  async run({ size, seed, workDir, progress }) {
    const isFull = size >= 1_000;
    const background = join(workDir, 'background.csv');
    const generate = ['generate', '--rows', String(BACKGROUND_ROWS), '--seed', String(seed)];
    execFileSync(process.execPath, ['data-build/cli.ts', ...generate, '--out', background], {
      ...{ cwd: ROOT, stdio: 'pipe' },
    });
    const system = await startSystem({
      ...{ stateDir: join(workDir, 'state'), exportFiles: [background], onStep: progress },
      settings: { central: { REPORTS_PER_DAY: String(size) }, ...(isFull ? {} : QUICK) },
    });
    try {
      const reports: Report[] = [];
      const reporting = report(system, reports, size, isFull ? REPORT_EVERY_MS : ASK_MS);
      await watch(system, reports, size, progress);
      await reporting;
      const clearAfter = await clearAtMinSequence(system, reports.at(-1)!);
      return resultOf(reports, clearAfter);
    } finally {
      await system.stop();
    }
  },
};

/** Reports documents one after the other, as the bureau of UTO does. */
async function report(
  { centralUrl, keys }: System,
  reports: Report[],
  size: number,
  everyMs: number,
): Promise<void> {
  const claims = { audience: 'central', role: 'ncb', tenant: 'NCB-UTO', site: 'bureau' } as const;
  const token = await issueToken(keys, claims);
  for (let index = 0; index < size; index++) {
    const number = `RE${String(index).padStart(6, '0')}`;
    const reportedMs = performance.now();
    const response = await fetch(`${centralUrl}/v1/records`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        ...{ issuingState: 'UTO', documentNumber: number },
        ...{ documentType: 'PAS', category: 'stolen' },
      }),
    });
    if (response.status !== 201) throw new Error(`the report was answered ${response.status}`);
    const { operationSequence } = (await response.json()) as { operationSequence: number };
    reports.push({ number, operation: operationSequence, reportedMs });
    await setTimeout(Math.max(0, everyMs - (performance.now() - reportedMs)));
  }
}

/** Asks the edge again and again about what it does not know yet. */
async function watch(
  system: System,
  reports: readonly Report[],
  size: number,
  progress: (text: string) => void,
): Promise<void> {
  const token = await system.token('officer');
  const ask = async (numbers: readonly string[]) => {
    const response = await fetch(`${system.edgeUrl}/v1/checks`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        documents: numbers.map((number) => ({
          ...{ number, issuingState: 'UTO', documentClass: 'passport' },
        })),
      }),
    });
    return ((await response.json()) as { results: { status: string }[] }).results;
  };
  for (;;) {
    const now = performance.now();
    const waiting = reports.filter(
      ({ knownMs, reportedMs }) => knownMs === undefined && now - reportedMs < LOST_MS,
    );
    if (waiting.length === 0 && reports.length === size) return;
    if (waiting.length > 0) {
      const results = await ask(waiting.map(({ number }) => number));
      const answeredMs = performance.now();
      results.forEach(({ status }, i) => {
        if (status === 'candidate' || status === 'hit') waiting[i]!.knownMs = answeredMs;
      });
    }
    progress(`${reports.length} reported, ${waiting.length} not known at the edge yet`);
    await setTimeout(ASK_MS);
  }
}

/** Whether the edge, held to the sequence that central names for a report, still says clear. */
async function clearAtMinSequence(system: System, { number, operation }: Report): Promise<boolean> {
  const claims = { audience: 'central', role: 'ncb', tenant: 'NCB-UTO', site: 'bureau' } as const;
  const central = await fetch(`${system.centralUrl}/v1/operations/${operation}`, {
    headers: { authorization: `Bearer ${await issueToken(system.keys, claims)}` },
  });
  const { published, minSequence } = (await central.json()) as {
    published: boolean;
    minSequence?: number;
  };
  const response = await fetch(`${system.edgeUrl}/v1/checks`, {
    method: 'POST',
    headers: {
      ...{ authorization: `Bearer ${await system.token('officer')}` },
      'content-type': 'application/json',
    },
    body: JSON.stringify({ number, issuingState: 'UTO', documentClass: 'passport', minSequence }),
  });
  const { status } = (await response.json()) as { status: string };
  return !published || minSequence === undefined || status === 'clear';
}

function resultOf(reports: readonly Report[], clearAfter: boolean) {
  const times = reports
    .flatMap(({ knownMs, reportedMs }) => (knownMs === undefined ? [] : [knownMs - reportedMs]))
    .sort((a, b) => a - b);
  const lostCount = reports.length - times.length;
  const at = (share: number) => Math.round(times[Math.ceil(share * times.length) - 1] ?? 0);
  const [medianMs, p99Ms, maxMs] = [at(0.5), at(0.99), at(1)];
  return {
    holds: lostCount === 0 && p99Ms <= BOUND_MS && !clearAfter,
    figure:
      `${reports.length} reports: known at the edge after ${(medianMs / 1000).toFixed(1)} s in the ` +
      `middle, ${(p99Ms / 1000).toFixed(1)} s at the 99th percentile, ${(maxMs / 1000).toFixed(1)} s ` +
      `at most; ${lostCount} lost`,
    details: { reports: reports.length, medianMs, p99Ms, maxMs, lostCount, clearAfter },
  };
}
