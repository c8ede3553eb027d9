/**
 * The edge on Node: the app of the Worker over a folder, on one address of this machine.
 *
 * What must hold: the same answers as at Cloudflare, by the same rules of freshness; settings that are
 * not usable are told before anything listens; a stop lets requests under way end. There is no cache,
 * because the folder is near, and no TLS, because a proxy in front has the certificates.
 */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import xxhash from 'xxhash-wasm';
import { createApp } from '../src/app.ts';
import { createServices } from '../src/services.ts';
import type { Env } from '../src/world.ts';
import { SltdError } from '../src/errors.ts';
import { readAssets } from './assets.ts';
import { DirectorySource } from './directory-source.ts';

/** Bodies are small: whoever sends one for longer than this is not a reader of documents. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Requests under way may end within this after a stop. */
const STOP_MS = 10_000;

export interface HostOptions {
  /** The edition directory. */
  directory: string;
  /** By the names of docs/api.md; bindings of Cloudflare are left out. */
  settings: Readonly<Record<string, string | undefined>>;
  matcherModule: WebAssembly.Module;
  hostname: string;
  /** 0 takes a free one. */
  port: number;
  /** Takes one line of JSON. */
  log: (line: string) => void;
  /** Milliseconds since 1970; the machine's clock if not given. */
  now?: () => number;
}

export interface RunningHost {
  port: number;
  /** Takes no more requests, lets those under way end within 10 s. */
  stop(): Promise<void>;
}

/** Serves a directory; throws 'config-invalid' if a setting or the address is not usable. */
export async function startHost(options: HostOptions): Promise<RunningHost> {
  const { directory, matcherModule, hostname, port, log, now = Date.now } = options;
  // In the environment of a process these two could only be text.
  const env: Env = { ...options.settings, EDITIONS: undefined, FLOORS: undefined } as Env;
  const { h64Raw: hash64 } = await xxhash();
  const source = new DirectorySource(directory);
  const world = { matcherModule, hash64, now, fetch, source, log };
  const services = await createServices(env, world);
  const app = createApp(() => services);
  const assets = readAssets();
  const server = serve({
    fetch: (request) => assets(request) ?? app.fetch(request, env),
    ...{ hostname, port },
    // The app meets the platform's own Request and Response, as at Cloudflare.
    overrideGlobalObjects: false,
    serverOptions: { requestTimeout: REQUEST_TIMEOUT_MS },
  });
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new SltdError('config-invalid', { detail: 'the address cannot be listened on', cause });
  }
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      if ('closeIdleConnections' in server) server.closeIdleConnections();
      const cut = setTimeout(() => {
        if ('closeAllConnections' in server) server.closeAllConnections();
      }, STOP_MS);
      await closed;
      clearTimeout(cut);
    },
  };
}
