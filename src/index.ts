/**
 * The Worker: services made once an isolate, then every request through the app.
 */

import xxhash from 'xxhash-wasm';
import matcherModule from '../build/matcher.wasm';
import { createApp } from './app.ts';
import { createServices, type Services } from './services.ts';
import type { Env } from './world.ts';

export { FloorObject } from './store/floor-object.ts';

let services: Services | undefined;

/**
 * The services of this isolate. Requests that come before they are there make their own and keep
 * the first: a promise of another request may hang, a finished thing does not.
 */
async function makeServices(env: Env): Promise<Services> {
  const { h64Raw } = await xxhash();
  const made = await createServices(env, {
    matcherModule,
    hash64: h64Raw,
    now: Date.now,
    fetch: (input, init) => fetch(input, init),
    cache: caches.default,
    log: console.log,
  });
  services ??= made;
  return services;
}

const app = createApp((env) => services ?? makeServices(env));

export default { fetch: app.fetch };
