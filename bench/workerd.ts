/**
 * A bundled Worker in a bare workerd process, without wrangler's proxy in front.
 *
 * The proxy of `wrangler dev` costs more than a check; a ratio measured through it would flatter us.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { workerdConfig } from '../host/workerd-config.ts';
import { freePort } from '../scripts/system.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The program itself: bin/workerd may be a script that starts it as a process of its own. */
const WORKERD: string = createRequire(createRequire(import.meta.url).resolve('wrangler'))(
  'workerd',
).default;
const READY_TIMEOUT_MS = 20_000;

export interface WorkerdProcess {
  url: string;
  /** Processor time that the process has used so far, in seconds. */
  cpuSeconds(): number;
  /** Memory of the process that is in RAM now, as Linux counts it. */
  memoryBytes(): number;
  stop(): Promise<void>;
}

/** Bundles the Worker of a wrangler config into `outDir`, as a deployment of `environment` would. */
export function bundle(config: string, outDir: string, environment = ''): void {
  execFileSync(
    process.execPath,
    [
      ...['node_modules/wrangler/bin/wrangler.js', 'deploy', '--dry-run', '--config', config],
      ...['--env', environment, '--outdir', outDir, '--minify'],
    ],
    {
      cwd: ROOT,
      stdio: 'pipe',
      env: { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true' },
    },
  );
}

/**
 * Starts workerd on a bundle; `variables` become text bindings, read from its environment. With
 * `floorsDir`, a folder that is there, it has the Durable Object of the floor.
 */
export async function startWorkerd(
  bundleDir: string,
  variables: Record<string, string> = {},
  floorsDir?: string,
): Promise<WorkerdProcess> {
  const port = await freePort();
  const config = workerdConfig({
    ...{ bundleDir, floorsDir, settings: Object.keys(variables) },
    address: `127.0.0.1:${port}`,
  });
  writeFileSync(join(bundleDir, 'config.capnp'), config);
  const child = spawn(WORKERD, ['serve', join(bundleDir, 'config.capnp')], {
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  await untilAnswers(`${url}/healthz`, child);
  return {
    url,
    cpuSeconds: () => cpuSecondsOf(child.pid as number),
    memoryBytes: () => memoryBytesOf(child.pid as number),
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

/** Linux counts it in hundredths of a second: proc(5), fields 14 and 15. */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** proc(5), VmRSS. */
function memoryBytesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}

async function untilAnswers(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`workerd ended with ${child.exitCode}`);
    const answered = await fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill('SIGKILL');
  throw new Error(`workerd did not answer within ${READY_TIMEOUT_MS / 1000} s`);
}
