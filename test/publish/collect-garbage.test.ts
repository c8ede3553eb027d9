/** What garbage collection takes, and what it never does. */

import { readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GC } from '../../data-build/commands/gc.ts';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { collectGarbage, type KeptEdition } from '../../publish/collect-garbage.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { provePages } from '../../publish/prove-pages.ts';
import { readManifest } from '../../publish/read-manifest.ts';
import { fromHex } from '../../src/format/names.ts';
import { verifyKeys } from '../../src/format/signature.ts';
import { runAt, sltd, workspace } from '../data-build/workspace.ts';
import { age, buildNight, publishNight } from './nights.ts';

const HOUR_MS = 60 * 60 * 1000;
const space = workspace();
const headKeys = await verifyKeys(space.keys.head.x);
const nights: { dir: string; edition: string }[] = [];

beforeAll(async () => {
  for (let night = 1; night <= 9; night++) {
    nights.push(await buildNight(space, night, [`FRA,PAS,N${night},,,lost`]));
  }
});

let store: DirectoryStore;
let count = 0;
beforeEach(() => {
  store = new DirectoryStore(space.path(`store-${count++}`));
});

/** Puts the nights in force, one after the other, `hoursApart`; the last one just now. */
async function pass(chosen: readonly number[], hoursApart: number): Promise<void> {
  for (const night of chosen) {
    if (night !== chosen[0]) ageBy(store, hoursApart);
    await publishNight(space, nights[night - 1]!.dir, store);
  }
}

/** Every object is so many hours older than it was. */
function ageBy({ location }: DirectoryStore, hours: number): void {
  for (const folder of ['pages', 'manifests', 'overlays', 'history']) {
    for (const name of readdirSync(join(location, folder))) {
      const path = join(location, folder, name);
      const at = new Date(statSync(path).mtimeMs - hours * HOUR_MS);
      utimesSync(path, at, at);
    }
  }
}

const keptNights = (kept: readonly KeptEdition[]) =>
  nights.flatMap((night, i) =>
    kept.some(({ edition }) => edition === night.edition) ? [i + 1] : [],
  );

async function areWhole(chosen: readonly number[]): Promise<boolean> {
  for (const night of chosen) {
    const { head } = await openEdition(new DirectoryStore(nights[night - 1]!.dir), space.keys);
    const { manifest } = await readManifest(store, head, await verifyKeys(space.keys.edition.x));
    await provePages(store, manifest);
  }
  return true;
}

describe('what stays', () => {
  test('the last seven editions, whole, and what they alone need', async () => {
    await pass([1, 2, 3, 4, 5, 6, 7, 8, 9], 24);
    const { kept, taken } = await collectGarbage(store, { headKeys, dryRun: false });
    expect(keptNights(kept)).toEqual([3, 4, 5, 6, 7, 8, 9]);
    // Two editions: each with a filter page and a match page of its own, and the head that named it.
    expect(taken).toMatchObject({
      ...{ manifests: { objects: 2 }, pages: { objects: 4 }, history: { objects: 2 } },
      overlays: { objects: 0 },
    });
    expect(await areWhole([3, 4, 5, 6, 7, 8, 9])).toBe(true);
    expect((await store.list('manifests')).length).toBe(7);
    const again = await collectGarbage(store, { headKeys, dryRun: false });
    expect(Object.values(again.taken).every(({ objects }) => objects === 0)).toBe(true);
  });

  test('all editions of 72 hours, however many', async () => {
    await pass([1, 2, 3, 4, 5, 6, 7, 8, 9], 9);
    const { kept } = await collectGarbage(store, { headKeys, dryRun: false });
    expect(keptNights(kept).length).toBe(9);
  });

  test('an edition that left force within 72 hours, however old it is', async () => {
    await pass([1], 0);
    ageBy(store, 500);
    await pass([2, 3, 4, 5, 6, 7, 8, 9], 1);
    age(store, 80 * HOUR_MS);
    for (const { name } of await store.list('history')) {
      const path = join(store.location, name);
      utimesSync(path, new Date(), new Date());
    }
    const { kept } = await collectGarbage(store, { headKeys, dryRun: false });
    expect(keptNights(kept)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('the edition in force, even if it is the oldest of all', async () => {
    await pass([1, 2, 3, 4, 5, 6, 7, 8, 9], 24);
    const to = nights[0]!.edition;
    const back = ['rollback', store.location, '--keys', space.keysPath, '--to', to];
    expect((await sltd(back)).code).toBe(0);
    ageBy(store, 1_000);
    const { kept } = await collectGarbage(store, { headKeys, dryRun: false });
    expect(keptNights(kept)).toContain(1);
    expect(await areWhole(keptNights(kept))).toBe(true);
  });

  test('what was put within the grace time, named or not; and what is not ours', async () => {
    await pass([1], 0);
    const put = async (text: string) =>
      (await store.put('pages', new TextEncoder().encode(text))).sha256;
    const old = await put('a page of a copy that ended long ago');
    ageBy(store, 25);
    await put('a page of a copy that goes on');
    writeFileSync(join(store.location, 'pages', 'notes.txt'), 'not ours');
    utimesSync(join(store.location, 'pages', 'notes.txt'), 0, 0);
    const { taken } = await collectGarbage(store, { headKeys, dryRun: false });
    expect(taken.pages.objects).toBe(1);
    expect(await store.exists(`pages/${Buffer.from(old).toString('hex')}`)).toBe(false);
    expect(await store.exists('pages/notes.txt')).toBe(true);
  });
});

describe('nothing is taken', () => {
  test('without a head, or with one that no trusted key signed', async () => {
    await expect(collectGarbage(store, { headKeys, dryRun: false })).rejects.toMatchObject({
      code: 'edition-missing',
    });
    await pass([1], 0);
    const others = await verifyKeys(space.keys.overlay.x);
    const collecting = collectGarbage(store, { headKeys: others, dryRun: false });
    await expect(collecting).rejects.toMatchObject({ code: 'format-signature' });
  });

  test('when a manifest that stays cannot be read', async () => {
    await pass([1, 2, 3, 4, 5, 6, 7, 8, 9], 24);
    const before = (await store.list('pages')).length;
    writeFileSync(join(store.location, 'manifests', nights[4]!.edition), 'damaged');
    await expect(collectGarbage(store, { headKeys, dryRun: false })).rejects.toMatchObject({
      code: 'format-digest',
    });
    rmSync(join(store.location, 'manifests', nights[8]!.edition));
    await expect(collectGarbage(store, { headKeys, dryRun: false })).rejects.toThrow();
    expect((await store.list('pages')).length).toBe(before);
  });

  test('by sltd gc unless it is told --yes', async () => {
    await pass([1, 2, 3, 4, 5, 6, 7, 8, 9], 24);
    const gc = async (...args: string[]) => {
      const { code, stdout } = await sltd([
        'gc',
        store.location,
        '--keys',
        space.keysPath,
        ...args,
      ]);
      expect(code).toBe(0);
      return JSON.parse(stdout);
    };
    const told = await gc();
    expect(told).toMatchObject({ dryRun: true, taken: { pages: { objects: 4 } } });
    expect((await store.list('manifests')).length).toBe(9);
    expect((await gc('--yes')).taken).toEqual(told.taken);
    expect(fromHex(told.kept[0].edition)).toHaveLength(32);
    expect((await store.list('manifests')).length).toBe(7);
  });

  test('at a terminal names what can be gone back to, and what cannot', async () => {
    await pass([1, 2], 24);
    const never = new DirectoryStore(nights[2]!.dir);
    const { head } = await openEdition(never, space.keys);
    const { bytes } = await readManifest(never, head, await verifyKeys(space.keys.edition.x));
    await store.put('manifests', bytes);
    const { text, error } = await runAt('terminal', GC, {
      ...{ values: { keys: space.keysPath }, operands: [store.location] },
    });
    expect(error).toBeUndefined();
    expect(text.trimEnd().split('\n').slice(-3)).toEqual([
      `${nights[1]!.edition}  2026-01-02T00:00:00.000Z  in force`,
      `${nights[2]!.edition}  2026-01-03T00:00:00.000Z  never in force`,
      `${nights[0]!.edition}  2026-01-01T00:00:00.000Z  was in force`,
    ]);
  });
});
