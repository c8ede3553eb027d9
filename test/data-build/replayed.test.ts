/** A list that was in force and was replaced does not come back by itself, under whatever name. */

import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { build, sltd, workspace } from './workspace.ts';
import { csv, nightlyJob, rows } from './nightly-job.ts';

const space = workspace();
const HOUR_MS = 60 * 60 * 1000;
const FEED = '[[feed]]\nname = "a"\nfrom = "in"\n';
const replayed = { code: 'gate-refused', quarantine: { refusals: [{ gate: 'replayed' }] } };
const rollBack = async (dir: string, to = 'previous') => {
  const args = ['rollback', dir, '--to', to, '--keys', space.keysPath];
  expect((await sltd(args)).code).toBe(0);
};

describe('an export that was replaced', () => {
  const world = nightlyJob(space, 'modified', FEED, 'as-of = "modified"\n');
  const now = Date.now();

  test('is refused when it is delivered again under a fresh time', async () => {
    for (const night of [3, 2, 1]) {
      world.deliver('in/list.csv', csv(rows(200 + 3 - night)), now - night * 24 * HOUR_MS);
      expect(await world.run()).toMatchObject({ outcome: 'published' });
    }
    world.deliver('in/list.csv', csv(rows(200)), now - HOUR_MS);
    await expect(world.run()).rejects.toMatchObject(replayed);
    expect((await world.edition()).manifest.recordCount).toBe(202);
  });

  test('comes in force by a person who names the gate', async () => {
    const edition = join(world.stateDir, 'edition');
    const waiting = await sltd(['release', edition]);
    const id = /edition ([0-9a-f]{64})/.exec(waiting.stdout)![1]!;
    const args = ['--gate', 'replayed', '--by', 'Me', '--reason', 'the reports were withdrawn'];
    const released = await sltd(['release', edition, id, '--keys', space.keysPath, ...args]);
    expect(released.code, released.stderr).toBe(0);
    expect((await world.edition()).manifest.recordCount).toBe(200);
  });
});

describe('a list that somebody went back from', () => {
  const settings = `${FEED}[publish]\nstore = "store"\n`;
  const world = nightlyJob(space, 'gone-back', settings, 'restrictions = "restrictions.csv"\n');
  const store = join(world.dir, 'store');
  let good: string;
  const restrict = (...pairs: string[]) =>
    world.deliver('restrictions.csv', ['issuing_state,excluded_state', ...pairs, ''].join('\n'));
  const inStore = async () =>
    (await openEdition(new DirectoryStore(store), space.keys)).manifest.recordCount;

  beforeAll(async () => {
    restrict();
    world.deliver('in/1.csv', csv(rows(200)));
    good = (await world.run()).edition;
    world.deliver('in/2.csv', csv(rows(199)));
    await world.run();
  });

  test('in the store stays away under other restrictions', async () => {
    await rollBack(store);
    restrict('UTO,D');
    await expect(world.run()).rejects.toMatchObject({
      ...{ code: 'gate-refused', detail: expect.stringContaining('replayed (these very files') },
    });
    expect(await inStore()).toBe(200);
  });

  test('where it is built stays away as well', async () => {
    const edition = join(world.stateDir, 'edition');
    await rollBack(edition, good);
    expect((await world.edition()).manifest.recordCount).toBe(200);
    restrict('UTO,D', 'UTO,FRA');
    await expect(world.run()).rejects.toMatchObject(replayed);
    expect((await world.edition()).manifest.recordCount).toBe(200);
  });
});

test('the list in force is built anew under other restrictions, as often as they change', async () => {
  const world = nightlyJob(space, 'present', FEED, 'restrictions = "restrictions.csv"\n');
  world.deliver('in/1.csv', csv(rows(50)));
  const pairs = ['issuing_state,excluded_state', 'UTO,D', 'UTO,FRA', 'UTO,BEL'];
  for (const count of [1, 2, 3, 4]) {
    world.deliver('restrictions.csv', `${pairs.slice(0, count).join('\n')}\n`);
    expect(await world.run()).toMatchObject({ outcome: 'published', sequence: count });
  }
});

test('a list whose feed failed for a night comes back as it was, here and in the store', async () => {
  const feeds = ['utopia', 'france'].map(
    (name, index) =>
      `[[feed]]\nname = "${name}"\nfrom = "in/${name}"\nstates = ["${['UTO', 'FRA'][index]}"]\n`,
  );
  const world = nightlyJob(space, 'back', `${feeds.join('')}[publish]\nstore = "store"\n`);
  const deliver = (text: string) => world.deliver('in/france/list.csv', text);
  world.deliver('in/utopia/list.csv', csv(rows(50)));
  deliver(csv(rows(40, 'FRA')));
  const { edition } = await world.run();
  deliver('no header of ours\n');
  expect((await world.run()).edition).not.toBe(edition);
  deliver(csv(rows(40, 'FRA')));
  expect(await world.run()).toMatchObject({
    ...{ outcome: 'published', edition, published: { edition } },
    feeds: [{ used: 'delivered' }, { used: 'delivered' }],
  });
});

test('sltd publish asks for the name of the gate as well', async () => {
  const store = space.path('published');
  const files = [199, 200].map((count) => space.write(`${count}.csv`, csv(rows(count))));
  const publish = async (dir: string, file: string, ...more: string[]) => {
    const args = ['publish', space.path(dir), file, '--profile', 'sltd', '--to', store];
    return sltd([...args, '--keys', space.keysPath, '--temp', space.dir, ...more]);
  };
  for (const [index, file] of files.entries()) {
    await build(space, {
      files: [file],
      outDir: space.path('first'),
      asOf: Date.UTC(2026, 0, 1 + index),
    });
    expect((await publish('first', file)).code).toBe(0);
  }
  // Another directory, which knows nothing of the store.
  const [old] = files as [string];
  await build(space, { files: [old], outDir: space.path('second'), asOf: Date.UTC(2026, 0, 3) });
  const refused = await publish('second', old);
  expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining('replayed (')]);
  const person = ['--by', 'A. Person', '--reason', 'told by telephone'];
  const released = await publish('second', old, '--gate', 'replayed', ...person);
  expect(released.code, released.stderr).toBe(0);
});
