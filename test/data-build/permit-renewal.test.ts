/** A list without news stays in force: in time its edition is permitted anew, here and in the store. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { headSignerOf } from '../../data-build/keys/head-signer.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { heartbeat } from '../../publish/head.ts';
import { PERMIT_DAYS } from '../../publish/permit.ts';
import { decodePermit } from '../../src/format/permit.ts';
import { publishNight } from '../publish/nights.ts';
import { csv, nightlyJob, rows } from './nightly-job.ts';
import { build, workspace } from './workspace.ts';

const space = workspace();
const DAY_MS = 24 * 60 * 60 * 1000;
const startedAt = Date.now();
const onDay = (days: number) => vi.setSystemTime(startedAt + days * DAY_MS);

beforeAll(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: startedAt });
});
afterAll(() => {
  vi.useRealTimers();
});

/** Sequence of a store's head, and how many days its permit lasts from the start. */
async function permitIn(store: DirectoryStore): Promise<[number, number]> {
  const { head } = await openEdition(store, space.keys);
  const days = (decodePermit(head.permit).notAfter - startedAt) / DAY_MS;
  return [head.sequence, Math.round(10 * days) / 10];
}

const sign = async (store: DirectoryStore) => heartbeat(store, await headSignerOf(space.keys));

const feed = (days: number, name = 'a', state = 'UTO') =>
  `[[feed]]\nname = "${name}"\nfrom = "in/${name}"\nstates = ["${state}"]\nunchanged-days = ${days}\n`;

describe('a job whose files are the same night after night', () => {
  const settings = `${feed(30)}[publish]\nstore = "store"\n`;
  const world = nightlyJob(space, 'no-news', settings);
  const store = new DirectoryStore(join(world.dir, 'store'));
  const both = async () => [
    await permitIn(new DirectoryStore(join(world.stateDir, 'edition'))),
    await permitIn(store),
  ];

  test('leaves a permit alone of which half is left', async () => {
    world.deliver('in/a/list.csv', csv(rows(50)));
    await world.run();
    onDay(PERMIT_DAYS / 2 - 0.1);
    const again = await world.run();
    expect(again).toMatchObject({ outcome: 'already-published', sequence: 1 });
    expect(again).not.toHaveProperty('permittedUntil');
    expect(await both()).toEqual([
      [1, 7],
      [1, 7],
    ]);
  });

  test('permits the edition anew after that, here and in the store', async () => {
    onDay(PERMIT_DAYS / 2 + 0.1);
    expect(await world.run()).toMatchObject({
      ...{ outcome: 'published', sequence: 2, published: { wasInForce: true, sequence: 2 } },
      permittedUntil: new Date(startedAt + 10.6 * DAY_MS).toISOString(),
    });
    expect(await both()).toEqual([
      [2, 10.6],
      [2, 10.6],
    ]);
    expect((await world.run()).outcome).toBe('already-published');
  });

  test('does so also after its end, when no head could be signed any more', async () => {
    onDay(11);
    await expect(sign(store)).rejects.toMatchObject({ code: 'edition-expired' });
    expect(await world.run()).toMatchObject({ outcome: 'published', sequence: 3 });
    expect(await both()).toEqual([
      [3, 18],
      [3, 18],
    ]);
    expect((await sign(store)).sequence).toBe(3);
  });
});

describe('a list of feeds that all stand still for too long', () => {
  const more = 'last-good-days = 2\n';
  const alone = nightlyJob(space, 'frozen', feed(1), more);
  const settings = readFileSync(alone.file, 'utf8');
  const several = nightlyJob(space, 'one-of-two', feed(1) + feed(30, 'b', 'FRA'), more);
  const permit = ({ stateDir }: typeof alone) =>
    permitIn(new DirectoryStore(join(stateDir, 'edition')));

  test('is not permitted anew, and the night says until when it is in force', async () => {
    onDay(0);
    for (const { deliver } of [alone, several]) deliver('in/a/list.csv', csv(rows(50)));
    several.deliver('in/b/list.csv', csv(rows(50, 'FRA')));
    await alone.run();
    await several.run();
    onDay(3.6);
    const night = await alone.run();
    expect(night).toMatchObject({
      ...{ outcome: 'already-published', feeds: [{ code: 'input-unchanged' }] },
      permitEndsAt: new Date(startedAt + 7 * DAY_MS).toISOString(),
    });
    expect(night).not.toHaveProperty('permittedUntil');
    expect(await permit(alone)).toEqual([1, 7]);
  });

  test('is if one of them may stand still for longer', async () => {
    // The first one is partial, which makes another edition of the same files.
    expect(await several.run()).toMatchObject({
      outcome: 'published',
      feeds: [{ name: 'a', code: 'input-unchanged' }, {}],
    });
    onDay(7.5);
    expect(await several.run()).not.toHaveProperty('permitEndsAt');
    expect(await permit(several)).toEqual([3, 14.5]);
  });

  test('is again once a person gives the feed more days, or it has news', async () => {
    writeFileSync(alone.file, settings.replace('unchanged-days = 1', 'unchanged-days = 30'));
    expect(await alone.run()).toHaveProperty('permittedUntil');
    expect(await permit(alone)).toEqual([2, 14.5]);
    writeFileSync(alone.file, settings);
    expect(await alone.run()).toHaveProperty('permitEndsAt');
    alone.deliver('in/a/list.csv', csv(rows(51)));
    expect(await alone.run()).toMatchObject({ outcome: 'published', sequence: 3 });
  });
});

test('publishing an edition again brings the newer permit that its directory has', async () => {
  onDay(0);
  const dir = space.path('by-hand');
  const store = new DirectoryStore(space.path('by-hand-store'));
  const options = { files: [space.write('list.csv', csv(rows(50)))], outDir: dir };
  await build(space, options);
  await publishNight(space, dir, store);
  expect(await permitIn(store)).toEqual([1, 7]);
  onDay(8);
  await build(space, options);
  await publishNight(space, dir, store);
  expect(await permitIn(store)).toEqual([2, 15]);
  // The same once more is a heartbeat.
  await publishNight(space, dir, store);
  expect(await permitIn(store)).toEqual([2, 15]);
});
