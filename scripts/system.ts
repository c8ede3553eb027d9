/**
 * The whole system on this machine: keys, edition, central service, publisher of overlays, directory
 * origin, edge Worker.
 *
 * Each part is the real one, as its own process, on loopback; the start command, the proofs and
 * the benchmarks all use this. What it starts, it stops, by process group, and at once when this process
 * ends before it could. State lives in one directory (mode 700); secrets only in files of mode 600.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CENTRAL_SETTINGS,
  EDGE_SETTINGS,
  PUBLISHER_SETTINGS,
  settingValues,
} from '../data-build/keys/key-settings.ts';
import { type KeysFile, readKeys } from '../data-build/keys/keys.ts';
import { issueToken } from '../data-build/keys/token.ts';
import type { Role } from '../src/format/role.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const READY_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 5_000;

export interface SystemOptions {
  /** Where keys, edition, database and logs live; made if absent. */
  stateDir: string;
  /** Export files and their profile; the same go into the edition and into central. */
  exportFiles: readonly string[];
  profile?: string;
  /** Ports; 0 or absent takes a free one. */
  ports?: { edge?: number; central?: number; origin?: number };
  /** Further settings of a part, by their names in the environment. */
  settings?: Partial<Record<'central' | 'publisher' | 'edge', Record<string, string>>>;
  /** Told before each step. */
  onStep?: (text: string) => void;
  /** Ends the start, in whatever step it is; what was started is stopped. */
  signal?: AbortSignal;
}

export interface System {
  edgeUrl: string;
  centralUrl: string;
  keys: KeysFile;
  editionDir: string;
  token(role: Role): Promise<string>;
  /** Confirmations that central has been asked for since its last start. */
  centralRequestCount(): number;
  /** Kills central at once (SIGKILL). */
  killCentral(): Promise<void>;
  /** Starts central again on the same port and database. */
  startCentral(): Promise<void>;
  /** For further parts beside these, which end with them. */
  parts: Parts;
  /** Rejects when a part ends by itself. */
  failure: Promise<never>;
  stop(): Promise<void>;
}

/** Starts node on a file of the project, its output in `<stateDir>/<name>.log`. */
export interface Parts {
  /** Waits for its end, and rejects unless it is 0. */
  run(name: string, args: readonly string[], env?: Record<string, string>): Promise<void>;
  /** Runs on until the system stops. */
  serve(name: string, args: readonly string[], env?: Record<string, string>): void;
  untilReady(url: string, name: string): Promise<void>;
}

/** A loopback port that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** True if nothing listens on the loopback port. */
export function portIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Builds, loads and starts everything; resolves when the edge answers /readyz. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { stateDir, exportFiles, profile = 'sltd', settings = {}, onStep = () => {} } = options;
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const ports = {
    edge: options.ports?.edge || (await freePort()),
    central: options.ports?.central || (await freePort()),
    origin: options.ports?.origin || (await freePort()),
  };
  const keysFile = join(stateDir, 'keys.json');
  const editionDir = join(stateDir, 'editions');
  const children = new Map<string, ChildProcess>();
  let stopping = false;
  let fail: (error: Error) => void = () => {};
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failure.catch(() => {});

  const launch = (name: string, args: readonly string[], env: Record<string, string> = {}) => {
    if (stopping) throw new Error(`${name} was not started: the system is stopping`);
    const child = start(name, args, stateDir, env);
    children.set(name, child);
    return child;
  };
  const run = async (name: string, args: readonly string[], env?: Record<string, string>) => {
    const child = launch(name, args, env);
    const code = await exitOf(child);
    children.delete(name);
    if (code !== 0) throw new Error(`${name} ended with ${code}:\n${logTail(stateDir, name)}`);
  };
  const serve = (name: string, args: readonly string[], env?: Record<string, string>) => {
    const child = launch(name, args, env);
    child.once('exit', (code) => {
      if (stopping || children.get(name) !== child) return;
      fail(new Error(`${name} ended with ${code}:\n${logTail(stateDir, name)}`));
    });
  };
  // Children have groups of their own, so the end of this process would not be theirs.
  const killAll = () => {
    for (const child of children.values()) killGroup(child, 'SIGKILL');
  };
  process.once('exit', killAll);
  const stop = async () => {
    stopping = true;
    await Promise.all([...children.values()].map((child) => stopGroup(child)));
    children.clear();
    process.off('exit', killAll);
  };
  const abort = () => {
    fail(new Error('The start was ended.'));
    void stop();
  };
  options.signal?.addEventListener('abort', abort, { once: true });

  try {
    if (!existsSync(keysFile)) {
      onStep('making keys');
      await run('keys', ['data-build/cli.ts', 'keys', '--out', keysFile]);
    }
    const keys = readKeys(keysFile);

    onStep('building the edition');
    const importArgs = ['--profile', profile];
    await run('build', [
      ...['data-build/cli.ts', 'build', ...importArgs, '--keys', keysFile, '--out', editionDir],
      ...['--report', join(stateDir, 'report.html'), ...exportFiles],
    ]);

    onStep('loading the central service');
    const centralEnv = {
      ...settingValues(CENTRAL_SETTINGS, keys),
      // The embedded database, also where the environment names another.
      DATABASE_URL: '',
      DATABASE_FILE: join(stateDir, 'central.sqlite'),
      ATTACHMENTS_DIR: join(stateDir, 'attachments'),
      CARD_STORE: join(stateDir, 'cards'),
      PORT: String(ports.central),
      PUBLIC_URL: `http://127.0.0.1:${ports.central}`,
      ...settings.central,
    };
    await run(
      'central-load',
      ['central/main.ts', 'load', ...importArgs, ...exportFiles],
      centralEnv,
    );

    const startCentral = async () => {
      serve('central', ['central/main.ts', 'serve'], centralEnv);
      await untilReady(`http://127.0.0.1:${ports.central}/readyz`, 'central', failure);
    };
    onStep('starting the central service');
    await startCentral();

    onStep('starting the edge');
    serve('origin', [
      ...['data-build/cli.ts', 'origin', editionDir, '--port', String(ports.origin)],
      ...['--heartbeat', '--keys', keysFile],
    ]);
    serve('publisher', ['central/main.ts', 'overlay'], {
      ...publisherVariables(keys, editionDir),
      ...{ DATABASE_URL: '', DATABASE_FILE: centralEnv.DATABASE_FILE },
      ...settings.publisher,
    });
    const envFile = join(stateDir, 'edge.env');
    const edgeEnv = { ...edgeVariables(keys, ports), ...settings.edge };
    writeFileSync(envFile, environmentFile(edgeEnv), { mode: 0o600 });
    serve(
      'edge',
      [
        ...['node_modules/wrangler/bin/wrangler.js', 'dev', '--ip', '127.0.0.1'],
        ...['--port', String(ports.edge), '--inspector-port', '0', '--env-file', envFile],
        ...['--persist-to', join(stateDir, 'wrangler'), '--show-interactive-dev-session=false'],
        ...['--local', '--log-level', 'warn'],
      ],
      QUIET_WRANGLER,
    );
    await untilReady(`http://127.0.0.1:${ports.edge}/readyz`, 'edge', failure);
    options.signal?.removeEventListener('abort', abort);

    return {
      edgeUrl: `http://127.0.0.1:${ports.edge}`,
      centralUrl: `http://127.0.0.1:${ports.central}`,
      keys,
      editionDir,
      token: (role) => issueToken(keys, { role, tenant: 'UTO', site: 'desk-1', minutes: 720 }),
      centralRequestCount: () =>
        readFileSync(join(stateDir, 'central.log'), 'utf8')
          .split('\n')
          .filter((line) => line.includes('/v1/confirmations')).length,
      killCentral: async () => {
        const child = children.get('central');
        children.delete('central');
        if (child) await stopGroup(child, 'SIGKILL');
      },
      startCentral,
      parts: { run, serve, untilReady: (url, name) => untilReady(url, name, failure) },
      failure,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Keeps wrangler off the network and off the terminal. */
const QUIET_WRANGLER = {
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  CI: 'true',
};

/** The Worker's settings and secrets, by the names of docs/api.md. */
export function edgeVariables(
  keys: KeysFile,
  ports: { central: number; origin: number },
): Record<string, string> {
  return {
    EDITIONS_ORIGIN: `http://127.0.0.1:${ports.origin}`,
    CENTRAL_URL: `http://127.0.0.1:${ports.central}`,
    ...settingValues(EDGE_SETTINGS, keys),
    CHECK_EVENTS: 'post',
  };
}

/** Settings of the publisher of overlays: no more than it needs. */
function publisherVariables(keys: KeysFile, editionDir: string): Record<string, string> {
  return { EDITION_STORE: editionDir, ...settingValues(PUBLISHER_SETTINGS, keys) };
}

function environmentFile(variables: Record<string, string>): string {
  const lines = Object.entries(variables).map(([name, value]) => `${name}='${value}'`);
  return `${lines.join('\n')}\n`;
}

/** Starts node on a file of the project, its output in `<stateDir>/<name>.log`. */
function start(
  name: string,
  args: readonly string[],
  stateDir: string,
  env: Record<string, string>,
): ChildProcess {
  const log = openSync(join(stateDir, `${name}.log`), 'w', 0o600);
  return spawn(process.execPath, [...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', log, log],
    detached: true,
  });
}

function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}

/** Ends the child and what it started; SIGKILL after a grace time. */
async function stopGroup(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (!child.pid) return;
  killGroup(child, signal);
  const timer = setTimeout(() => killGroup(child, 'SIGKILL'), STOP_TIMEOUT_MS);
  await exitOf(child);
  clearTimeout(timer);
  killGroup(child, 'SIGKILL');
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (!pid) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Already gone.
  }
}

async function untilReady(url: string, name: string, failure: Promise<never>): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (Date.now() < deadline) {
    const ready = await Promise.race([
      failure,
      fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
        (response) => response.ok,
        () => false,
      ),
    ]);
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  throw new Error(`${name} was not ready within ${READY_TIMEOUT_MS / 1000} s`);
}

/** The last lines that a part wrote. */
function logTail(stateDir: string, name: string): string {
  const text = readFileSync(join(stateDir, `${name}.log`), 'utf8');
  return text.split('\n').slice(-20).join('\n');
}
