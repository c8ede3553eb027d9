/** Going back to an earlier edition. */

import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { headSignerOf } from '../../data-build/keys/head-signer.ts';
import { retireKey, rotateKey } from '../../data-build/keys/key-rotation.ts';
import { createKeys, type KeysFile, writeKeys } from '../../data-build/keys/keys.ts';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { GateRefusal, listQuarantine } from '../../data-build/gates/quarantine.ts';
import { releaseEdition } from '../../data-build/gates/release.ts';
import { asCollector } from '../../publish/collectors.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { readHead } from '../../publish/head.ts';
import { rollBack } from '../../publish/rollback.ts';
import { encodeHead } from '../../src/format/head.ts';
import { objectName, toHex } from '../../src/format/names.ts';
import { signingKey, signObject, verifyKeys } from '../../src/format/signature.ts';
import { build, sltd, sltdCsv, workspace } from '../data-build/workspace.ts';
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

  test('an id finds any edition that was in force, also the one that was gone back from', async () => {
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

test('an edition that waits in quarantine is not gone back to: only its release puts it in force', async () => {
  const outDir = space.path('with-quarantine');
  const directory = new DirectoryStore(outDir);
  const buildOf = (count: number, night: number) => {
    const rows = Array.from({ length: count }, (_, i) => `FRA,PAS,A${i},,,lost`);
    const file = space.write(`rows-${count}-${night}.csv`, sltdCsv(...rows));
    return build(space, { files: [file], outDir, asOf: Date.UTC(2026, 1, night) });
  };
  const idInForce = async () =>
    toHex((await openEdition(directory, space.keys)).head.manifestSha256);
  const backTo = (edition: string) =>
    sltd(['rollback', outDir, '--keys', space.keysPath, '--to', edition]);
  const { edition: whole } = await buildOf(100, 1);
  await buildOf(10, 2).catch((error) => expect(error).toBeInstanceOf(GateRefusal));
  const truncated = listQuarantine(directory)[0]!.edition;
  for (const name of [truncated, truncated.slice(0, 8)]) {
    const { code, stderr } = await backTo(name);
    expect([code, stderr]).toEqual([2, expect.stringContaining('never in force')]);
    expect(await idInForce()).toBe(whole);
  }
  // Released it was in force, and can be gone back to like any other.
  await releaseEdition({
    ...{ directory, keys: space.keys, edition: truncated, signal: new AbortController().signal },
    ...{ gates: ['shrink-total', 'shrink-state'], by: 'Duty officer', reason: 'it is meant' },
  });
  await buildOf(11, 3);
  expect((await backTo(truncated)).code).toBe(0);
  expect(await idInForce()).toBe(truncated);
});

test('a past head that no trusted key signed makes no edition one to go back to', async () => {
  const stranger = createKeys();
  const never = await buildNight(space, 4, ['FRA,PAS,N4,,,lost']);
  const { head } = await openEdition(new DirectoryStore(never.dir), space.keys);
  cpSync(join(never.dir, 'manifests'), join(store.location, 'manifests'), { recursive: true });
  const signer = await signingKey({ ...stranger.head });
  await store.put('history', await signObject(encodeHead(head), signer));
  const { code, stderr } = await rollback('--to', never.edition);
  expect([code, stderr]).toEqual([2, expect.stringContaining('never in force')]);
});

test('after a change of the head key, the file of the rotation goes back past it, and the error says so', async () => {
  const rotated = rotateKey(space.keys, 'head');
  const [withOld, without] = [space.path('rotated.json'), space.path('retired.json')];
  writeKeys(withOld, rotated);
  writeKeys(without, retireKey(rotated, 'head'));
  const outDir = space.path('rotated');
  const buildOf = (count: number, keys: KeysFile) => {
    const rows = Array.from({ length: count }, (_, i) => `FRA,PAS,R${i},,,lost`);
    const file = space.write(`rotated-${count}.csv`, sltdCsv(...rows));
    return build(space, { files: [file], outDir, keys, asOf: Date.UTC(2026, 2, count) });
  };
  const { edition } = await buildOf(1, space.keys);
  await buildOf(2, rotated);
  const back = (keysPath: string, to: string) =>
    sltd(['rollback', outDir, '--keys', keysPath, '--to', to]);
  expect((await back(without, edition)).stderr).toContain('from before that key was retired');
  expect((await back(without, 'previous')).stderr).toContain('that the keys file knows');
  expect((await back(withOld, edition)).code).toBe(0);
  const after = await readHead(new DirectoryStore(outDir), await verifyKeys(rotated.head.x));
  expect(toHex(after!.manifestSha256)).toBe(edition);
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
