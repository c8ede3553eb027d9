/**
 * A small HTTP origin of an edition directory, for one machine: the edge reads it over loopback.
 *
 * It serves the four kinds of names of docs/format.md section 2, of the directory and of collections that
 * lie below it by their names, and nothing else, so no path reaches outside. What is named by its content may be kept for ever; the head must be asked for each time.
 */

import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { HEAD_NAME } from '../../src/format/names.ts';

const OBJECT_NAME =
  /^\/(?:[A-Za-z0-9-]{1,24}\/)?(?:head|(?:pages|manifests|overlays)\/[0-9a-f]{64})$/;
const FOREVER = 'public, max-age=31536000, immutable';

/** The HTTP application; `directory` is the edition directory. */
export function createOrigin(directory: string): Hono {
  const app = new Hono();
  app.get('*', async (context) => {
    const { path } = context.req;
    if (!OBJECT_NAME.test(path)) return context.body(null, 404);
    const isHead = path.endsWith(`/${HEAD_NAME}`);
    let bytes: Buffer;
    try {
      bytes = await readFile(join(directory, path.slice(1)));
    } catch (error) {
      // Anything but "not there" is a failure, and must not look like absence.
      const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      return context.body(null, isMissing ? 404 : 500, { 'Cache-Control': 'no-store' });
    }
    return context.body(new Uint8Array(bytes), 200, {
      'Content-Type': 'application/octet-stream',
      'Cache-Control': isHead ? 'no-store' : FOREVER,
    });
  });
  app.all('*', (context) => context.body(null, 405, { Allow: 'GET, HEAD' }));
  return app;
}

export interface RunningOrigin {
  port: number;
  close(): Promise<void>;
}

/** Serves the directory on 127.0.0.1; port 0 takes a free one. */
export function startOrigin(options: { directory: string; port: number }): Promise<RunningOrigin> {
  return new Promise((resolve, reject) => {
    const { fetch } = createOrigin(options.directory);
    const server = serve({ fetch, port: options.port, hostname: '127.0.0.1' });
    server.once('error', reject);
    server.once('listening', () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            if ('closeAllConnections' in server) server.closeAllConnections();
          }),
      });
    });
  });
}
