/** Several feeds: one that stands still, and what each of them says of its states' time. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../data-build/nightly/config.ts';
import { reportNight } from '../../data-build/nightly/report-night.ts';
import { csv, nightlyJob, rows } from './nightly-job.ts';
import { workspace } from './workspace.ts';

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

  test('stops the night once the last good delivery is too old', async () => {
    letDaysPass(world.stateDir, 'france', 0.2);
    await expect(night()).rejects.toMatchObject({
      ...{ code: 'input-unchanged', detail: expect.stringMatching(/^feed france: the same since/) },
    });
  });

  test('reports again with the first new bytes', async () => {
    world.deliver('in/france/list.csv', csv(onDay(rows(101, 'FRA'), '02-01')));
    expect(await night()).toMatchObject({ used: 'delivered' });
    expect(await france()).toBe('reports 2025-02-01');
  });
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
    ...{ outcome: 'already-published', notified: false, exitCode: 0 },
    feeds: [{ used: 'delivered', code: 'input-unchanged' }],
  });
});
