/** A person lets in what the gates refused of one feed: these very files, and once. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { GateRefusal } from '../../data-build/gates/quarantine.ts';
import { csv, nightlyJob, rows } from './nightly-job.ts';
import { sltd, workspace } from './workspace.ts';

const space = workspace();
const feed = (name: string, state: string) =>
  `[[feed]]\nname = "${name}"\nfrom = "in/${name}"\nstates = ["${state}"]\n`;
const world = nightlyJob(space, 'released', feed('utopia', 'UTO') + feed('france', 'FRA'));
const france = async () => (await world.run()).feeds[1]!;
const records = async () => (await world.edition()).manifest.state('FRA')!.recordCount;
const deliver = (count: number) => world.deliver('in/france/list.csv', csv(rows(count, 'FRA')));
const release = (...args: string[]) => sltd(['release', world.stateDir, '--feed', ...args]);
const WHO = ['--by', 'A. Person', '--reason', 'confirmed by telephone'];

test('what a gate refused waits, is let in by name of its gates, and is taken the next night', async () => {
  world.deliver('in/utopia/list.csv', csv(rows(5_000)));
  deliver(400);
  await france();
  expect((await release('france')).stderr).toContain('release-invalid');

  deliver(100);
  expect(await france()).toMatchObject({ used: 'last-good', code: 'gate-refused' });
  expect((await release('france')).stdout).toMatch(
    /^feed france waits since \S+\n {2}shrink-total: [^\n]+\n(.|\n)*shrink-state: /,
  );
  const unnamed = await release('france', '--gate', 'shrink-state', ...WHO);
  expect([unnamed.code, unnamed.stderr]).toEqual([
    expect.any(Number),
    expect.stringContaining('also refused by shrink-total'),
  ]);
  expect(await france()).toMatchObject({ used: 'last-good' });
  expect(await records()).toBe(400);

  const both = await release('france', '--gate', 'shrink-total,shrink-state', ...WHO);
  expect([both.code, both.stderr]).toEqual([0, '']);
  // The whole list has lost as many of that state: its edition is looked at as well.
  const { quarantine } = (await world.run().catch((error) => error)) as GateRefusal;
  const edition = ['release', join(world.stateDir, 'edition'), quarantine.edition];
  const keys = ['--keys', space.keysPath, '--gate', 'shrink-total,shrink-state'];
  expect((await sltd([...edition, ...keys, ...WHO])).code).toBe(0);
  expect(await france()).toMatchObject({ used: 'delivered' });
  expect(await records()).toBe(100);
  const kept = join(world.stateDir, 'feeds/france/.released.json');
  expect(JSON.parse(readFileSync(kept, 'utf8'))).toMatchObject({ by: 'A. Person' });
  expect((await release('france')).stderr).toContain('no delivery of such a feed waits');
});

test('a release is good for these very files alone', async () => {
  deliver(20);
  expect(await france()).toMatchObject({ code: 'gate-refused' });
  expect((await release('france', '--gate', 'shrink-total,shrink-state', ...WHO)).code).toBe(0);
  deliver(10);
  expect(await france()).toMatchObject({ code: 'gate-refused' });
  expect(await records()).toBe(100);
});

test('and ends with the first delivery that comes in force', async () => {
  deliver(101);
  expect(await france()).toMatchObject({ used: 'delivered' });
  expect(existsSync(join(world.stateDir, 'feeds/france.released.json'))).toBe(false);
  deliver(20);
  expect(await france()).toMatchObject({ code: 'gate-refused' });
});

test('a feed is named as the settings name it, and no path', async () => {
  expect((await release('../edition')).stderr).toContain('release-invalid');
});
