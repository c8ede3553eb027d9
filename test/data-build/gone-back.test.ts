/** What somebody went back from and came back to, as the feeds of the next nights know it. */

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { headSignerOf } from '../../data-build/keys/head-signer.ts';
import { releaseFeed } from '../../data-build/nightly/feed-release.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { readHistory } from '../../publish/history.ts';
import { rollBack } from '../../publish/rollback.ts';
import { signingKey, verifyKeys } from '../../src/format/signature.ts';
import { csv, nightlyJob, rows } from './nightly-job.ts';
import { workspace } from './workspace.ts';

const space = workspace();
const feed = (name: string, state: string) =>
  `[[feed]]\nname = "${name}"\nfrom = "in/${name}"\nstates = ["${state}"]\n`;

/** Two feeds, of which each new list has one document more. */
function twoFeeds(name: string) {
  const world = nightlyJob(space, name, feed('utopia', 'UTO') + feed('france', 'FRA'));
  const edition = join(world.stateDir, 'edition');
  const counts = { utopia: 200, france: 100 };
  const deliver = () => {
    world.deliver('in/utopia/list.csv', csv(rows(counts.utopia)));
    world.deliver('in/france/list.csv', csv(rows(counts.france, 'FRA')));
  };
  return {
    ...{ world, edition },
    /** A night in which these feeds have news. */
    night: (...news: (keyof typeof counts)[]) => {
      for (const each of news) counts[each]++;
      deliver();
      return world.run();
    },
    backTo: async (to: string) => {
      await rollBack(new DirectoryStore(edition), {
        ...{ to, signer: await headSignerOf(space.keys), check: async () => {} },
        editionKey: await signingKey({ ...space.keys.edition }),
        editionKeys: await verifyKeys(space.keys.edition.x),
      });
    },
    france: async () => {
      const { coverage, recordCount } = (await world.edition()).manifest.state('FRA')!;
      return `${coverage} ${recordCount}`;
    },
  };
}

test.each([
  ['the edition before', 1],
  ['one long before', 0],
])('who goes back to %s and forward again has gone back from nothing', async (_, index) => {
  const { night, backTo, france } = twoFeeds(`undone-${index}`);
  const before = [(await night()).edition, (await night('france')).edition];
  const { edition: last } = await night('utopia');
  await backTo(before[index]!);
  await backTo(last);
  // What France has delivered since the second edition stands in the third.
  expect((await night('utopia')).feeds).toMatchObject([
    { used: 'delivered' },
    { used: 'delivered' },
  ]);
  expect(await france()).toBe('reports 101');
});

describe('if a night saw the first step alone', () => {
  const { night, backTo, france } = twoFeeds('undone-later');
  let second: string;

  test('it takes what was delivered before', async () => {
    const { edition: first } = await night();
    ({ edition: second } = await night('france'));
    await backTo(first);
    expect((await night('utopia')).feeds[1]).toMatchObject({ used: 'last-good' });
    expect(await france()).toBe('partial 100');
  });

  test('the one after the second step takes what was gone back from', async () => {
    await backTo(second);
    expect((await night('utopia')).feeds).toMatchObject([
      { used: 'delivered' },
      { used: 'delivered' },
    ]);
    expect(await france()).toBe('reports 101');
  });
});

test('what a person lets in again after that stays, night after night', async () => {
  const { world, night, backTo, france } = twoFeeds('let-in');
  const { edition: first } = await night();
  await night('france');
  await backTo(first);
  expect((await night('utopia')).feeds[1]).toMatchObject({ code: 'gate-refused' });
  const place = { stateDir: world.stateDir, name: 'france' };
  releaseFeed(place, { gates: ['replayed'], by: 'A. Person', reason: 'confirmed by telephone' });
  for (const _ of [1, 2]) {
    expect((await night('utopia')).feeds[1]).toMatchObject({ used: 'delivered' });
    expect(await france()).toBe('reports 101');
  }
});

describe('what was gone back from is known after its past heads were collected', () => {
  const { world, edition, night, backTo, france } = twoFeeds('collected');

  test('where one night saw them', async () => {
    const { edition: first } = await night();
    const { edition: bad } = await night('france');
    await backTo(first);
    await night('utopia');
    // As `sltd gc` does after seven more editions and three days.
    const store = new DirectoryStore(edition);
    for (const past of await readHistory(store)) {
      if (past.edition === bad) await store.delete(past.name);
    }
    expect((await night('utopia')).feeds[1]).toMatchObject({
      ...{ used: 'last-good', code: 'gate-refused', files: ['feeds/france.before/list.csv'] },
    });
  });

  test('and stands in for nothing', async () => {
    world.deliver('in/france/list.csv', 'no header of ours\n');
    expect((await world.run()).feeds[1]).toMatchObject({
      ...{ code: 'input-schema', files: ['feeds/france.before/list.csv'] },
    });
    expect(await france()).toBe('partial 100');
  });
});
