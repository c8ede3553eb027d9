/**
 * Two test projects: `node` for everything pure, the build and central; `worker` for what runs at
 * the edge, inside the real Workers runtime.
 *
 * The wasm is built before (`npm run wasm`); `npm test` does both.
 */

import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

// Quiet and offline: no look-up of request.cf, no metrics, no banner.
process.env.CLOUDFLARE_CF_FETCH_ENABLED ??= 'false';
process.env.WRANGLER_SEND_METRICS ??= 'false';
process.env.WRANGLER_HIDE_BANNER ??= 'true';

const TIMEOUT_MS = 60_000;

export default defineConfig({
  test: {
    // Most files wait for a process of their own half of the time: a worker a core, none kept free.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/worker/**', 'node_modules/**'],
          testTimeout: TIMEOUT_MS,
          hookTimeout: TIMEOUT_MS,
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: './wrangler.toml' } })],
        test: {
          name: 'worker',
          include: ['test/worker/**/*.test.ts'],
          testTimeout: TIMEOUT_MS,
          hookTimeout: TIMEOUT_MS,
        },
      },
    ],
  },
});
