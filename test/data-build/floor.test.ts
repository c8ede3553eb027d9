/** `sltd floor`: what a store has, an edge can be held to from its deployment on. */

import { cpSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import xxhash from 'xxhash-wasm';
import { headSignerOf } from '../../data-build/keys/head-signer.ts';
import { readMatcherModule } from '../../data-build/matcher-module.ts';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { publishOverlay } from '../../publish/head.ts';
import { createServices } from '../../src/services.ts';
import type { Env } from '../../src/world.ts';
import { encodeOverlay } from '../../src/format/overlay.ts';
import { signingKey, signObject } from '../../src/format/signature.ts';
import { buildNight, publishNight } from '../publish/nights.ts';
import { sltd, workspace } from './workspace.ts';

const space = workspace();
const store = new DirectoryStore(space.path('store'));
const before = space.path('store-before');

const floor = async (...args: string[]) => {
  const { code, stdout, stderr } = await sltd([
    ...['floor', store.location, '--keys', space.keysPath],
    ...args,
  ]);
  expect(code, stderr).toBe(0);
  return stdout;
};

/** What an edge with these settings uses of a directory: its sequence, or why it uses nothing. */
async function inUse(dir: string, settings: Partial<Env>) {
  const { keys } = space;
  const source = new DirectoryStore(dir);
  const { h64Raw: hash64 } = await xxhash();
  const env: Env = {
    ...{ EPOCH_KEYS: keys.epochKey, EDITION_KEYS: keys.edition.x, OVERLAY_KEYS: keys.overlay.x },
    ...{ HEAD_KEYS: keys.head.x, TOKEN_KEYS: keys.token.x, SEAL_KEY: keys.seal },
    ...{ FILTER_ARENA_BYTES: String(2 ** 18), MATCH_ARENA_BYTES: String(2 ** 18) },
    ...settings,
  };
  const { main } = await createServices(env, {
    source: { get: async (name, lengthMax) => (await source.get(name, lengthMax))?.bytes },
    ...{ matcherModule: readMatcherModule(), hash64, now: Date.now, log: () => {} },
    fetch: () => Promise.reject(new Error('no network')),
    cache: undefined,
  });
  const { editions } = main;
  await editions.poll(() => {});
  return editions.edition?.head.sequence ?? editions.lastFailure;
}

beforeAll(async () => {
  await publishNight(space, (await buildNight(space, 1, ['FRA,PAS,N1,,,lost'])).dir, store);
  cpSync(store.location, before, { recursive: true });
  await publishNight(space, (await buildNight(space, 2, ['FRA,PAS,N2,,,lost'])).dir, store);
});

test('an edge with these settings takes the store, and not as it was before', async () => {
  const settings = Object.fromEntries(
    (await floor())
      .trimEnd()
      .split('\n')
      .map((line) => line.split('=')),
  );
  expect(Object.keys(settings)).toEqual(['SEQUENCE_FLOOR', 'PERMIT_FLOOR']);
  expect(await inUse(before, {})).toBe(1);
  for (const name of Object.keys(settings)) {
    expect(await inUse(before, { [name]: settings[name] })).toBe('edition-rollback');
  }
  expect(await inUse(store.location, settings)).toBe(2);
});

test('for wrangler they are options, the overlay in force included', async () => {
  const { head, manifest } = await openEdition(store, space.keys);
  const asOf = manifest.asOf + 60_000;
  const facts = { epochKeyId: manifest.epochKeyId, collection: 'sltd', from: manifest.asOf, asOf };
  const overlay = await signObject(
    encodeOverlay({ ...facts, lastOperation: 1, operations: [] }),
    await signingKey({ ...space.keys.overlay }),
  );
  const { manifestSha256 } = head;
  const edition = { manifestSha256, manifest };
  await publishOverlay(store, await headSignerOf(space.keys), { overlay, edition });
  expect(await floor('--as', 'vars')).toBe(
    `--var SEQUENCE_FLOOR:3 --var PERMIT_FLOOR:${new Date(head.permittedAt).toISOString()} ` +
      `--var OVERLAY_FLOOR:${new Date(asOf).toISOString()} `,
  );
});
