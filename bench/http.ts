/**
 * What a check costs over HTTP, in workerd, against the least a Hono route can do.
 *
 * Both Workers run in bare workerd processes of this run and answer the same requests with bodies
 * of the same size; the same load tool asks them in turn, so that the machine's drift hits both. What
 * counts is the processor time of the Worker's process, as Linux accounts it: how busy the load tool
 * keeps the other core does not matter then.
 */

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { readKeys } from '../data-build/keys.ts';
import { issueToken } from '../data-build/token.ts';
import { edgeVariables, freePort } from '../scripts/system.ts';
import { randomSource } from '../test/proofs/proof.ts';
import { type Measurement, measured } from './measurement.ts';
import { bundle, startWorkerd, type WorkerdProcess } from './workerd.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const EDITION_ROWS = 100_000;
const BATCH_SIZE = 1_000;
const CONNECTIONS = 8;
const ROUND_SECONDS = 2;
const ROUNDS = Number(process.env.ROUNDS ?? 7);

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

/** Processor time of the Worker for a request, in microseconds, under load. */
async function microsPerRequest(
  worker: WorkerdProcess,
  bodies: readonly string[],
  { token, connections }: { token: string; connections: number },
): Promise<number> {
  const before = worker.cpuSeconds();
  const result = await autocannon({
    url: worker.url,
    connections,
    duration: ROUND_SECONDS,
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
  return ((worker.cpuSeconds() - before) * 1e6) / result.requests.total;
}

/** Single checks as a ratio to the bare route; batches as documents a second. */
export async function httpCost(): Promise<Measurement[]> {
  const workDir = mkdtempSync(join(tmpdir(), 'sltd-bench-http-'));
  const sltd = (...args: string[]) =>
    execFileSync(process.execPath, ['data-build/cli.ts', ...args], { cwd: ROOT, stdio: 'pipe' });
  const keysFile = join(workDir, 'keys.json');
  const exportFile = join(workDir, 'export.csv');
  const editionDir = join(workDir, 'editions');
  sltd('keys', '--out', keysFile);
  sltd('generate', '--rows', String(EDITION_ROWS), '--seed', '1', '--out', exportFile);
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
    const edge = await startWorkerd(join(workDir, 'edge'), edgeVariables(keys, ports));
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
    const bare = await startWorkerd(join(workDir, 'bare'), { ANSWER: await answer.text() });
    workers.push(bare);

    const ratios: number[] = [];
    const bareMicros: number[] = [];
    const edgeMicros: number[] = [];
    const load = { token, connections: CONNECTIONS };
    for (let round = 0; round <= ROUNDS; round++) {
      const ofBare = await microsPerRequest(bare, singles, load);
      const ofEdge = await microsPerRequest(edge, singles, load);
      // The first round warms both up.
      if (round === 0) continue;
      ratios.push(ofEdge / ofBare);
      bareMicros.push(ofBare);
      edgeMicros.push(ofEdge);
    }
    const batch = [JSON.stringify({ documents })];
    const batchRates: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const micros = await microsPerRequest(edge, batch, { token, connections: 2 });
      if (round > 0) batchRates.push((BATCH_SIZE * 1e6) / micros);
    }
    return [
      measured(
        {
          id: 'http-check-ratio',
          question: 'a check over HTTP, against a bare Hono JSON route',
          unit: 'times',
        },
        ratios,
        { atMost: 1.3 },
      ),
      measured({ id: 'http-check', question: 'a check over HTTP', unit: 'us' }, edgeMicros),
      measured({ id: 'http-bare', question: 'the bare Hono route', unit: 'us' }, bareMicros),
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
