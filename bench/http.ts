/**
 * What a check costs over HTTP, in workerd, against the least a Hono route can do.
 *
 * Both Workers run in bare workerd processes of this run and answer the same requests with bodies
 * of the same size; the same load tool asks them in turn, so that the machine's drift hits both. A
 * third one does a check's duties (token, id, clock, line in the log) and checks nothing: what is left
 * is the check. The processor time, as Linux accounts it, counts the log as well, which workerd writes
 * beside the isolate.
 */

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { readKeys } from '../data-build/keys/keys.ts';
import { issueToken } from '../data-build/keys/token.ts';
import { edgeVariables, freePort } from '../scripts/system.ts';
import { randomSource } from '../test/proofs/proof.ts';
import { type BenchSize, type Measurement, measured } from './measurement.ts';
import { bundle, startWorkerd, type WorkerdProcess } from './workerd.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
interface Counts {
  editionRows: number;
  roundSeconds: number;
  rounds: number;
}
const MINUTES: Counts = { editionRows: 100_000, roundSeconds: 2, rounds: 7 };
const SIZES: Record<BenchSize, Counts> = {
  test: { editionRows: 1_000, roundSeconds: 1, rounds: 1 },
  small: MINUTES,
  full: MINUTES,
};
const BATCH_SIZE = 1_000;
const CONNECTIONS = 8;

/** An audit line without its time, id and duration; two thirds of it are the tag and who asked. */
const LINE = JSON.stringify({
  ...{ event: 'check', route: 'POST /v1/checks', tenant: 'UTO', site: 'bench', role: 'officer' },
  ...{ sub: 'bench', collection: 'sltd', edition: 'e'.repeat(64), sequence: 1 },
  ...{ asOf: '2026-11-28T00:00:00.000Z', central: 'not-asked', answers: 'c', tags: 't'.repeat(11) },
});

/** Documents nobody reported: five states, nine digits. */
function unlistedDocuments(
  count: number,
): { number: string; issuingState: string; documentClass: string }[] {
  const random = randomSource(7);
  const states = ['D', 'FRA', 'UTO', 'ESP', 'ITA'];
  return Array.from({ length: count }, () => ({
    number: String(900_000_000 + random.below(99_999_999)),
    issuingState: states[random.below(states.length)] as string,
    documentClass: 'passport',
  }));
}

interface Load {
  /** Microseconds from one answer to the next, at saturation of one isolate. */
  wallMicros: number;
  /** Processor time of the Worker's process for a request, in microseconds. */
  cpuMicros: number;
}

/** Loads a Worker for a round. */
async function askUnderLoad(
  worker: WorkerdProcess,
  bodies: readonly string[],
  { token, connections, seconds }: { token: string; connections: number; seconds: number },
): Promise<Load> {
  const before = worker.cpuSeconds();
  const result = await autocannon({
    url: worker.url,
    connections,
    duration: seconds,
    requests: bodies.map((body) => ({
      method: 'POST',
      path: '/v1/checks',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body,
    })),
  });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${result.non2xx} answers were not 2xx, ${result.errors} requests failed`);
  }
  const { total } = result.requests;
  return {
    wallMicros: (result.duration * 1e6) / total,
    cpuMicros: ((worker.cpuSeconds() - before) * 1e6) / total,
  };
}

/** Single checks as a ratio to the bare route; batches as documents a second. */
export async function httpCost(size: BenchSize): Promise<Measurement[]> {
  const { editionRows, roundSeconds: seconds, rounds: roundCount } = SIZES[size];
  const workDir = mkdtempSync(join(tmpdir(), 'sltd-bench-http-'));
  const sltd = (...args: string[]) =>
    execFileSync(process.execPath, ['data-build/cli.ts', ...args], { cwd: ROOT, stdio: 'pipe' });
  const keysFile = join(workDir, 'keys.json');
  const exportFile = join(workDir, 'export.csv');
  const editionDir = join(workDir, 'editions');
  sltd('keys', '--out', keysFile);
  sltd('generate', '--rows', String(editionRows), '--seed', '1', '--out', exportFile);
  sltd('build', '--profile', 'sltd', '--keys', keysFile, '--out', editionDir, exportFile);

  const ports = { origin: await freePort(), central: await freePort() };
  const origin = spawn(
    process.execPath,
    ['data-build/cli.ts', 'origin', editionDir, '--port', String(ports.origin)],
    { cwd: ROOT, stdio: 'ignore' },
  );
  const workers: WorkerdProcess[] = [];
  try {
    const keys = readKeys(keysFile);
    const token = await issueToken(keys, {
      role: 'officer',
      tenant: 'UTO',
      site: 'bench',
      minutes: 60,
    });
    bundle('wrangler.toml', join(workDir, 'edge'));
    // As it ships: the line goes to the log alone.
    const variables = { ...edgeVariables(keys, ports), CHECK_EVENTS: 'log' };
    const edge = await startWorkerd(join(workDir, 'edge'), variables);
    workers.push(edge);

    const documents = unlistedDocuments(BATCH_SIZE);
    const singles = documents.slice(0, 200).map((document) => JSON.stringify(document));
    const answer = await fetch(`${edge.url}/v1/checks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: singles[0] as string,
    });
    if (answer.status !== 200) throw new Error(`the edge answered ${answer.status}`);
    bundle('bench/bare-worker/wrangler.toml', join(workDir, 'bare'));
    bundle('bench/bare-worker/wrangler.toml', join(workDir, 'dutiful'));
    const ANSWER = await answer.text();
    const bare = await startWorkerd(join(workDir, 'bare'), { ANSWER });
    workers.push(bare);
    const dutiful = await startWorkerd(join(workDir, 'dutiful'), { ANSWER, LINE });
    workers.push(dutiful);

    const rounds: { bare: Load; dutiful: Load; edge: Load }[] = [];
    const load = { token, connections: CONNECTIONS, seconds };
    for (let round = 0; round <= roundCount; round++) {
      const ofBare = await askUnderLoad(bare, singles, load);
      const ofDutiful = await askUnderLoad(dutiful, singles, load);
      const ofEdge = await askUnderLoad(edge, singles, load);
      // The first round warms both up.
      if (round > 0) rounds.push({ bare: ofBare, dutiful: ofDutiful, edge: ofEdge });
    }
    const batch = [JSON.stringify({ documents })];
    const batchRates: number[] = [];
    for (let round = 0; round <= roundCount; round++) {
      const { cpuMicros } = await askUnderLoad(edge, batch, { ...load, connections: 2 });
      if (round > 0) batchRates.push((BATCH_SIZE * 1e6) / cpuMicros);
    }
    return [
      measured(
        {
          id: 'http-check-ratio',
          question: 'a check over HTTP, against a bare Hono JSON route',
          unit: 'times',
        },
        rounds.map(({ bare, edge }) => edge.wallMicros / bare.wallMicros),
        { atMost: 1.2 },
      ),
      measured(
        {
          id: 'http-check-cpu-ratio',
          question: 'the same, by processor time of the process',
          unit: 'times',
        },
        rounds.map(({ bare, edge }) => edge.cpuMicros / bare.cpuMicros),
      ),
      measured(
        {
          id: 'http-duties-ratio',
          question: 'the duties of a check without a check, against the bare route',
          unit: 'times',
        },
        rounds.map(({ bare, dutiful }) => dutiful.cpuMicros / bare.cpuMicros),
      ),
      measured(
        {
          id: 'http-check-duties-ratio',
          question: 'a check, against its duties without a check, by processor time',
          unit: 'times',
        },
        rounds.map(({ dutiful, edge }) => edge.cpuMicros / dutiful.cpuMicros),
      ),
      measured(
        { id: 'http-check', question: 'a check over HTTP, one isolate', unit: 'us' },
        rounds.map(({ edge }) => edge.wallMicros),
      ),
      measured(
        { id: 'http-bare', question: 'the bare Hono route', unit: 'us' },
        rounds.map(({ bare }) => bare.wallMicros),
      ),
      measured(
        {
          id: 'http-batch',
          question: `documents by fields in batches of ${BATCH_SIZE}, a core`,
          unit: 'documents/s',
        },
        batchRates,
        { atLeast: 200_000 },
      ),
    ];
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    origin.kill('SIGTERM');
    rmSync(workDir, { recursive: true, force: true });
  }
}
