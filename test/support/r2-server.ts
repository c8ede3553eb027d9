/** wrangler's local R2 behind a small Worker (r2-server/index.ts), as its own process on loopback. */

import { spawn } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StoreEnvironment } from '../../publish/open-store.ts';
import { freePort } from '../../scripts/system.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const READY_TIMEOUT_MS = 60_000;

export interface R2Server {
  location: string;
  environment: StoreEnvironment;
  close(): Promise<void>;
}

/** Starts it; `directory` is where the bucket is kept. */
export async function startR2Server(directory: string): Promise<R2Server> {
  const port = await freePort();
  // wrangler writes beside its configuration.
  const config = join(directory, 'r2-server');
  cpSync(join(ROOT, 'test/support/r2-server'), config, { recursive: true });
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
    location: 's3://sltd-editions',
    environment: {
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
      ...{ AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local-secret' },
    },
    close,
  };
}
