/** Before a store: an edition is held against the one in force there, if it never was before. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { build, sltd, sltdCsv, workspace } from './workspace.ts';

const space = workspace();
const store = space.path('store');

const exportOf = (name: string, count: number, state = 'UTO') =>
  space.write(
    `${name}.csv`,
    sltdCsv(...Array.from({ length: count }, (_, i) => `${state},PAS,A${i},,,lost`)),
  );
const buildIn = (dir: string, file: string, day: number) =>
  build(space, { files: [file], outDir: space.path(dir), asOf: Date.UTC(2026, 0, day) });

function publish(dir: string, file: string, ...more: string[]) {
  const args = ['publish', space.path(dir), file, '--profile', 'sltd', '--to', store];
  return sltd([...args, '--keys', space.keysPath, '--temp', space.dir, ...more]);
}

const recordsInStore = async () =>
  (await openEdition(new DirectoryStore(store), space.keys)).manifest.recordCount;

const whole = exportOf('whole', 400);
const half = exportOf('half', 150);

beforeAll(async () => {
  await buildIn('first', whole, 1);
  expect((await publish('first', whole)).code).toBe(0);
});

describe('an edition of a directory that knows nothing of the one in force in the store', () => {
  beforeAll(() => buildIn('other', half, 2));

  test('is refused if it is unlike that one, before anything is sent', async () => {
    const pages = (await new DirectoryStore(store).list('pages')).length;
    const { code, stderr } = await publish('other', half);
    expect(code).toBe(3);
    expect(stderr).toContain('gate-refused');
    expect(stderr).toContain('shrink-total (400 records before, 150 now (-62.50 %))');
    expect(await recordsInStore()).toBe(400);
    expect((await new DirectoryStore(store).list('pages')).length).toBe(pages);
  });

  test('is refused if it is older', async () => {
    await buildIn('older', whole, 0);
    const { code, stderr } = await publish('older', whole);
    expect([code, stderr]).toEqual([3, expect.stringContaining('stale (')]);
  });

  test.each([
    ['without a reason', ['--gate', 'shrink-total,shrink-state', '--by', 'A. Person'], 2],
    ['for some gates', ['--gate', 'shrink-total'], 1],
    ['for a gate that did not refuse', ['--gate', 'shrink-total,shrink-state,stale'], 1],
  ])('is not released %s', async (_, args, exitCode) => {
    const person = exitCode === 2 ? [] : ['--by', 'A. Person', '--reason', 'told by telephone'];
    expect((await publish('other', half, ...args, ...person)).code).toBe(exitCode);
    expect(await recordsInStore()).toBe(400);
  });

  test('is released by a person who names the gates, and that is noted', async () => {
    const args = ['--gate', 'shrink-total,shrink-state', '--by', 'A. Person'];
    const { code, stderr } = await publish('other', half, ...args, '--reason', 'told by telephone');
    expect(code, stderr).toBe(0);
    expect(await recordsInStore()).toBe(150);
    const { head } = await openEdition(new DirectoryStore(space.path('other')), space.keys);
    const id = Buffer.from(head.manifestSha256).toString('hex');
    const note = join(space.path('other'), 'releases', `${id}.published.json`);
    expect(JSON.parse(readFileSync(note, 'utf8'))).toMatchObject({
      ...{ edition: id, store, by: 'A. Person', reason: 'told by telephone' },
      refusals: [{ gate: 'shrink-total' }, { gate: 'shrink-state' }],
    });
  });
});

test('an edition of the directory whose edition is in force was compared when it was built', async () => {
  // Each step is within the limits; both together are not.
  await buildIn('other', exportOf('step', 1_100), 3);
  const file = exportOf('two-steps', 2_050);
  await buildIn('other', file, 4);
  const { code, stderr } = await publish('other', file);
  expect(code, stderr).toBe(0);
  expect(await recordsInStore()).toBe(2_050);
});

test('--limits says how unlike it may be', async () => {
  const file = exportOf('larger', 4_000);
  await buildIn('larger', file, 5);
  expect((await publish('larger', file)).stderr).toContain('growth-total (');
  expect((await publish('larger', file, '--limits', 'growth-total-records=2000')).code).toBe(0);
  expect(await recordsInStore()).toBe(4_000);
});
