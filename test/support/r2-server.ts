/** wrangler's local R2 behind a small Worker (r2-server/index.ts), as its own process on loopback. */

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StoreEnvironment } from '../../publish/open-store.ts';
import { freePort } from '../../scripts/system.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const READY_TIMEOUT_MS = 60_000;

export interface R2Server {
  /** Of the edge, if it was started with one. */
  url: string;
  location: string;
  environment: StoreEnvironment;
  close(): Promise<void>;
}

/**
 * Starts it; `directory` is where the bucket is kept. With settings of an edge (docs/api.md), the edge Worker reads
 * the same bucket by its binding.
 */
export async function startR2Server(
  directory: string,
  edgeSettings?: Readonly<Record<string, string>>,
): Promise<R2Server> {
  const port = await freePort();
  // wrangler writes beside its configuration.
  const config = join(directory, 'r2-server');
  if (edgeSettings) writeEdgeConfig(config, edgeSettings);
  else cpSync(join(ROOT, 'test/support/r2-server'), config, { recursive: true });
  const child = spawn(
    process.execPath,
    [
      ...['node_modules/wrangler/bin/wrangler.js', 'dev', '--port', String(port)],
      ...['--config', join(config, 'wrangler.toml'), '--ip', '127.0.0.1'],
      ...[
        '--persist-to',
        join(directory, 'state'),
        '--inspector-port',
        '0',
        '--log-level',
        'error',
      ],
    ],
    {
      ...{ cwd: ROOT, stdio: 'ignore', detached: true },
      env: {
        ...process.env,
        ...{ WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' },
        ...{ WRANGLER_HIDE_BANNER: 'true', CI: 'true' },
      },
    },
  );
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const close = async () => {
    try {
      // The group: wrangler starts workerd as a process of its own.
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
    await ended;
  };
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const answers = await fetch(`http://127.0.0.1:${port}`).then(
      () => true,
      () => false,
    );
    if (answers) break;
    if (Date.now() > deadline || child.exitCode !== null) {
      await close();
      throw new Error('wrangler dev did not start');
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    url: `http://127.0.0.1:${port}`,
    location: 's3://sltd-editions',
    environment: {
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
      ...{ AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local-secret' },
    },
    close,
  };
}

/** The project's own configuration, with the Worker that answers S3 as well. */
function writeEdgeConfig(folder: string, settings: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { mode: 0o700 });
  const text = readFileSync(join(ROOT, 'wrangler.toml'), 'utf8')
    .replace('"src/index.ts"', JSON.stringify(join(ROOT, 'test/support/r2-server/with-edge.ts')))
    .replace('"public"', JSON.stringify(join(ROOT, 'public')));
  writeFileSync(join(folder, 'wrangler.toml'), text);
  const lines = Object.entries(settings).map(([name, value]) => `${name}='${value}'\n`);
  writeFileSync(join(folder, '.dev.vars'), lines.join(''), { mode: 0o600 });
}
