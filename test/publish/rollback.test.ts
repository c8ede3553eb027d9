/** Going back to an earlier edition. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { headSignerOf } from '../../data-build/keys/head-signer.ts';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { asCollector } from '../../publish/collectors.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { rollBack } from '../../publish/rollback.ts';
import { objectName, toHex } from '../../src/format/names.ts';
import { signingKey, verifyKeys } from '../../src/format/signature.ts';
import { sltd, workspace } from '../data-build/workspace.ts';
import { buildNight, publishNight } from './nights.ts';

const space = workspace();
const store = new DirectoryStore(space.path('store'));
const nights: { dir: string; edition: string }[] = [];

beforeAll(async () => {
  for (const night of [1, 2, 3]) {
    const rows = Array.from({ length: night }, (_, i) => `FRA,PAS,N${i},,,lost`);
    nights.push(await buildNight(space, night, rows));
    await publishNight(space, nights.at(-1)!.dir, store);
  }
});

const rollback = (...args: string[]) =>
  sltd(['rollback', store.location, '--keys', space.keysPath, ...args]);

const inForce = async () => {
  const { head } = await openEdition(store, space.keys);
  return [head.sequence, nights.findIndex(({ edition }) => edition === toHex(head.manifestSha256))];
};

describe('sltd rollback', () => {
  test('to the previous edition puts it in force, under a higher sequence', async () => {
    expect(await inForce()).toEqual([3, 2]);
    const { code, stdout, stderr } = await rollback('--to', 'previous');
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ sequence: 4, edition: nights[1]!.edition });
    expect(await inForce()).toEqual([4, 1]);
  });

  test('a second time is refused: "previous" is then the one that was gone back from', async () => {
    const { code, stderr } = await rollback('--to', 'previous');
    expect([code, stderr]).toEqual([2, expect.stringContaining('config-invalid')]);
    expect(await inForce()).toEqual([4, 1]);
  });

  test('an id finds any edition, also the one that was gone back from', async () => {
    expect((await rollback('--to', nights[2]!.edition)).code).toBe(0);
    expect(await inForce()).toEqual([5, 2]);
    expect((await rollback('--to', nights[0]!.edition.slice(0, 8))).code).toBe(0);
    expect(await inForce()).toEqual([6, 0]);
  });

  test.each([
    ['the one in force', () => nights[0]!.edition, 2, 'config-invalid'],
    ['none of that name', () => '0'.repeat(64), 1, 'edition-missing'],
    ['a name that is too short', () => 'abc', 2, 'config-invalid'],
  ])('%s is refused with its code', async (_, to, exitCode, text) => {
    const { code, stderr } = await rollback('--to', to());
    expect(code).toBe(exitCode);
    expect(stderr).toContain(text);
    expect(await inForce()).toEqual([6, 0]);
  });

  test('an edition of which a page is missing does not come in force', async () => {
    const { manifest } = await openEdition(new DirectoryStore(nights[2]!.dir), space.keys);
    const { sha256 } = manifest.page('filter', manifest.state('FRA')!.firstShard);
    rmSync(join(store.location, objectName('pages', sha256)));
    const { code, stderr } = await rollback('--to', nights[2]!.edition);
    expect([code, stderr]).toEqual([1, expect.stringContaining('page-unavailable')]);
    expect(await inForce()).toEqual([6, 0]);
  });
});

test('a collector at work is waited for, and one that was killed is forgotten', async () => {
  const options = {
    ...{ signer: await headSignerOf(space.keys), check: async () => {} },
    editionKey: await signingKey({ ...space.keys.edition }),
    editionKeys: await verifyKeys(space.keys.edition.x),
  };
  const left = () => store.list('gc').then(({ length }) => length);
  let rolling: Promise<unknown> = Promise.resolve();
  await asCollector(store, async () => {
    rolling = rollBack(store, { ...options, to: nights[1]!.edition });
    await setTimeout(1_500);
    // Not in force while the collector may still take something away.
    expect((await inForce())[1]).toBe(0);
  });
  await rolling;
  expect(await left()).toBe(0);
  expect((await inForce())[1]).toBe(1);
  await store.put('gc', new Uint8Array(16));
  await rollBack(store, { ...options, to: nights[0]!.edition, settleMs: 100 });
  expect([await left(), (await inForce())[1]]).toEqual([0, 0]);
});
