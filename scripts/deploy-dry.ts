/**
 * `npm run deploy:dry`: everything of a deployment but the upload, for each environment; offline.
 *
 * Wrangler reads the settings and bundles the Worker as it would be sent. Shown are its size, and how
 * long a fresh runtime takes until it answers; both are held against limits.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { parse } from 'smol-toml';
import { bundle, startWorkerd } from '../bench/workerd.ts';

const CONFIG = fileURLToPath(new URL('../wrangler.toml', import.meta.url));
/** A hundredth of what Cloudflare takes (10 MB compressed): growth is to be noticed here first. */
const COMPRESSED_BYTES_MAX = 100 * 1024;
/** Cloudflare gives one second to start-up; process and socket are in it here. */
const FIRST_ANSWER_MS_MAX = 10_000;

/** Bytes of what would be sent, as they are and compressed. */
function sizeOf(directory: string): { bytes: number; compressed: number } {
  const files = readdirSync(directory).filter((name) => /\.(js|wasm)$/.test(name));
  const parts = files.map((name) => readFileSync(join(directory, name)));
  const sum = (lengths: number[]) => lengths.reduce((total, length) => total + length, 0);
  return {
    bytes: sum(parts.map(({ length }) => length)),
    compressed: sum(parts.map((part) => gzipSync(part).length)),
  };
}

/** Milliseconds from the start of the runtime to its first answer. */
async function firstAnswerMs(directory: string): Promise<number> {
  const started = performance.now();
  const workerd = await startWorkerd(directory);
  const elapsed = performance.now() - started;
  await workerd.stop();
  return elapsed;
}

async function main(): Promise<number> {
  const { env = {} } = parse(readFileSync(CONFIG, 'utf8')) as { env?: Record<string, unknown> };
  const temp = mkdtempSync(join(tmpdir(), 'sltd-deploy-'));
  let directory = temp;
  try {
    for (const name of Object.keys(env)) {
      directory = join(temp, name);
      bundle(CONFIG, directory, name);
      const { bytes, compressed } = sizeOf(directory);
      console.log(`${name}: ${kilobytes(bytes)}, compressed ${kilobytes(compressed)}`);
      if (compressed > COMPRESSED_BYTES_MAX) {
        console.error(`over ${kilobytes(COMPRESSED_BYTES_MAX)} compressed: what was added?`);
        return 1;
      }
    }
    // One code for all environments, so the last bundle speaks for each.
    const elapsed = await firstAnswerMs(directory);
    console.log(`first answer ${elapsed.toFixed(0)} ms after the runtime was started`);
    return elapsed > FIRST_ANSWER_MS_MAX ? 1 : 0;
  } finally {
    rmSync(temp, { recursive: true, force: true });
  }
}

const kilobytes = (bytes: number) => `${(bytes / 1024).toFixed(1)} KiB`;

process.exitCode = await main();
