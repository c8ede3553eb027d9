/** Several feeds: one that stands still, and what each of them says of its states' time. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../data-build/nightly/config.ts';
import { reportNight } from '../../data-build/nightly/report-night.ts';
import { csv, nightlyJob, rows } from './nightly-job.ts';
import { sltd, workspace } from './workspace.ts';

const space = workspace();
const DAY_MS = 24 * 60 * 60 * 1000;
const feed = (name: string, state: string) =>
  `[[feed]]\nname = "${name}"\nfrom = "in/${name}"\nstates = ["${state}"]\n`;
const onDay = (lines: string[], day: string) => lines.map((row) => row.replace('01-30', day));

/** As if so many days had gone by for a feed. */
function letDaysPass(stateDir: string, name: string, days: number): void {
  const path = join(stateDir, 'feeds', name, '.feed.json');
  const record = JSON.parse(readFileSync(path, 'utf8'));
  for (const time of ['acceptedAt', 'deliveredAt']) record[time] -= days * DAY_MS;
  writeFileSync(path, JSON.stringify(record));
}

describe('a feed among several that delivers the same bytes', () => {
  const world = nightlyJob(space, 'still', feed('utopia', 'UTO') + feed('france', 'FRA'));
  let count = 200;
  /** A night with news of the other feed. */
  const night = async () => {
    count++;
    world.deliver('in/utopia/list.csv', csv(onDay(rows(count), '02-02')));
    return (await world.run()).feeds[1]!;
  };
  const france = async () => {
    const { coverage, asOf } = (await world.edition()).manifest.state('FRA')!;
    return `${coverage} ${new Date(asOf).toISOString().slice(0, 10)}`;
  };

  test('reports as of its own list, not as of the other one', async () => {
    world.deliver('in/france/list.csv', csv(rows(100, 'FRA')));
    expect(await night()).not.toHaveProperty('unchangedSince');
    expect(await france()).toBe('reports 2025-01-30');
  });

  test('is taken for good for three days, and its time goes on from the first', async () => {
    letDaysPass(world.stateDir, 'france', 2);
    expect(await night()).toMatchObject({
      used: 'delivered',
      unchangedSince: expect.stringMatching(/^\d{4}-/),
    });
    letDaysPass(world.stateDir, 'france', 0.9);
    expect(await night()).toMatchObject({ used: 'delivered' });
    expect(await france()).toBe('reports 2025-01-30');
  });

  test('has failed after that: its states are partial, and whoever is to know is told', async () => {
    letDaysPass(world.stateDir, 'france', 0.2);
    const failed = { used: 'last-good', code: 'input-unchanged' };
    expect(await night()).toMatchObject(failed);
    expect(await france()).toBe('partial 2025-01-30');
    letDaysPass(world.stateDir, 'france', 6.7);
    expect(await night()).toMatchObject(failed);
  });

  test('stays so without an end, for what it delivers is whole', async () => {
    letDaysPass(world.stateDir, 'france', 40);
    expect(await night()).toMatchObject({ used: 'last-good', code: 'input-unchanged' });
    expect(await france()).toBe('partial 2025-01-30');
  });

  test('ends the command with 3, though the night went out, and is named', async () => {
    const { code, stdout, stderr } = await sltd(['nightly', '--config', world.file]);
    expect([code, JSON.parse(stdout)]).toMatchObject([3, { outcome: 'already-published' }]);
    expect(stderr).toContain('sltd: feed france: input-unchanged: the same since 20');
  });

  test('stops the night once it has delivered nothing good for longer than its last one may stand in', async () => {
    world.deliver('in/france/list.csv', 'no header of ours\n');
    letDaysPass(world.stateDir, 'france', 6.9);
    expect(await night()).toMatchObject({ used: 'last-good', code: 'input-schema' });
    letDaysPass(world.stateDir, 'france', 0.2);
    await expect(night()).rejects.toMatchObject({
      ...{ code: 'input-schema', detail: expect.stringMatching(/^feed france: /) },
    });
  });

  test('reports again with the first new bytes', async () => {
    world.deliver('in/france/list.csv', csv(onDay(rows(101, 'FRA'), '02-01')));
    expect(await night()).toMatchObject({ used: 'delivered' });
    expect(await france()).toBe('reports 2025-02-01');
  });
});

test('a record of the first form is one to compare with and to fall back on', async () => {
  const world = nightlyJob(space, 'first-form', feed('utopia', 'UTO') + feed('france', 'FRA'));
  world.deliver('in/utopia/list.csv', csv(rows(200)));
  world.deliver('in/france/list.csv', csv(rows(100, 'FRA')));
  await world.run();
  const path = join(world.stateDir, 'feeds/france/.feed.json');
  const { acceptedAt, files, shape } = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ acceptedAt, files, shape }));
  world.deliver('in/utopia/list.csv', csv(rows(201)));
  world.deliver('in/france/list.csv', csv(rows(20, 'FRA')));
  expect((await world.run()).feeds[1]).toMatchObject({
    ...{ used: 'last-good', details: [expect.stringContaining('100 records before, 20 now')] },
  });
});

test('the same bytes under a new time are as old as they were, whatever else changes', async () => {
  const more = 'as-of = "modified"\nrestrictions = "restrictions.csv"\n';
  const feeds = feed('utopia', 'UTO') + feed('france', 'FRA');
  const world = nightlyJob(space, 'touched', feeds, more);
  const first = Date.now() - 3 * DAY_MS;
  const restrict = (...pairs: string[]) =>
    world.deliver('restrictions.csv', ['issuing_state,excluded_state', ...pairs, ''].join('\n'));
  /** Both files written on that day; France has no news. */
  const night = (day: number, count: number) => {
    const at = first + day * DAY_MS;
    world.deliver('in/utopia/list.csv', csv(rows(count)), at);
    world.deliver('in/france/list.csv', csv(rows(100, 'FRA')), at);
    return world.run();
  };
  const franceAsOf = async () => (await world.edition()).manifest.state('FRA')!;
  restrict();
  await night(0, 200);
  const { asOf } = await franceAsOf();

  expect((await night(1, 201)).feeds[1]).toMatchObject({ used: 'delivered' });
  expect(await franceAsOf()).toMatchObject({ coverage: 'reports', asOf });
  restrict('UTO,D');
  expect(await night(2, 201)).toMatchObject({
    ...{ outcome: 'published', asOf: new Date(asOf).toISOString() },
    feeds: [{ used: 'delivered' }, { used: 'delivered' }],
  });
  expect(await night(3, 201)).toMatchObject({ outcome: 'already-published' });
});

test('a feed alone that stands still stays in force, and the webhook is told', async () => {
  const notify = '[notify]\nurl = "http://127.0.0.1:9/"\n';
  const world = nightlyJob(space, 'alone', `[[feed]]\nname = "a"\nfrom = "in"\n${notify}`);
  const told = async () => {
    const result = await world.run();
    const night = { config: readConfig(world.file), startedAt: new Date(), secret: undefined };
    return reportNight({ ...night, times: [] }, { result });
  };
  world.deliver('in/list.csv', csv(rows(20)));
  expect(await told()).not.toHaveProperty('notified');
  letDaysPass(world.stateDir, 'a', 4);
  // Nobody listens there, but it was tried.
  expect(await told()).toMatchObject({
    ...{ outcome: 'already-published', notified: false, exitCode: 3 },
    feeds: [{ used: 'delivered', code: 'input-unchanged' }],
  });
});

describe('a delivery among several that somebody went back from', () => {
  const world = nightlyJob(space, 'gone-back', feed('utopia', 'UTO') + feed('france', 'FRA'));
  const edition = join(world.stateDir, 'edition');
  const inForce = async (code: string) => {
    const { coverage, recordCount } = (await world.edition()).manifest.state(code as 'FRA')!;
    return `${coverage} ${recordCount}`;
  };

  test('is not let in again, and the one before it stands in', async () => {
    world.deliver('in/utopia/1.csv', csv(rows(200)));
    world.deliver('in/france/1.csv', csv(rows(120, 'FRA')));
    await world.run();
    world.deliver('in/utopia/2.csv', csv(rows(201)));
    world.deliver('in/france/2.csv', csv(rows(100, 'FRA')));
    expect(await world.run()).toMatchObject({ outcome: 'published', records: 301 });
    const args = ['rollback', edition, '--to', 'previous', '--keys', space.keysPath];
    expect((await sltd(args)).code).toBe(0);
    world.deliver('in/utopia/3.csv', csv(rows(202)));
    const night = await world.run();
    expect(night.feeds).toMatchObject([
      { used: 'delivered' },
      { used: 'last-good', code: 'gate-refused', files: ['feeds/france.before/1.csv'] },
    ]);
    expect(night.feeds[1]!.details![0]).toContain('somebody went back from them');
    expect(await inForce('FRA')).toBe('partial 120');
  });

  test('stands in for nothing when a later one fails', async () => {
    world.deliver('in/france/3.csv', 'no header of ours\n');
    expect((await world.run()).feeds[1]).toMatchObject({
      ...{ used: 'last-good', code: 'input-schema', files: ['feeds/france.before/1.csv'] },
    });
  });

  test('is what no later one is compared with', async () => {
    // 120 were in force, 100 in what was gone back from.
    world.deliver('in/france/4.csv', csv(rows(59, 'FRA')));
    expect((await world.run()).feeds[1]).toMatchObject({
      ...{ used: 'last-good', details: [expect.stringContaining('120 records before, 59 now')] },
    });
    world.deliver('in/france/5.csv', csv(rows(121, 'FRA')));
    expect((await world.run()).feeds[1]).toMatchObject({ used: 'delivered' });
    expect(await inForce('FRA')).toBe('reports 121');
  });

  test('that others replaced is not let in under a later name', async () => {
    world.deliver('in/france/6.csv', csv(rows(120, 'FRA')));
    const { feeds } = await world.run();
    expect(feeds[1]).toMatchObject({ used: 'last-good', code: 'gate-refused' });
    expect(feeds[1]!.details![0]).toContain('others took their place');
    expect(await inForce('FRA')).toBe('partial 121');
  });
});
