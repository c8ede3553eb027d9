/** How two editions differ, as their pages tell. */

import { expect, test } from 'vitest';
import { rotateKey } from '../../data-build/keys/key-rotation.ts';
import { writeKeys } from '../../data-build/keys/keys.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { sltd, workspace } from '../data-build/workspace.ts';
import { buildNight, publishNight } from './nights.ts';

const space = workspace();
const store = new DirectoryStore(space.path('store'));
const rows = (state: string, from: number, to: number, category = 'lost') =>
  Array.from({ length: to - from }, (_, i) => `${state},PAS,${state}${from + i},,,${category}`);

const diff = async (a: string, b: string, keysPath = space.keysPath) => {
  const { code, stdout, stderr } = await sltd([
    'diff',
    store.location,
    a,
    b,
    '--json',
    '--keys',
    keysPath,
  ]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
};

test('records added, gone and of another category are counted, over any number of shards', async () => {
  const first = [...rows('FRA', 0, 500), ...rows('UTO', 0, 60), ...rows('D', 0, 200)];
  // France: 100 gone, 400 added, so that it has more shards. Utopia: 10 changed. Germany: as it was.
  const second = [
    ...rows('FRA', 100, 900),
    ...rows('UTO', 0, 10, 'stolen'),
    ...rows('UTO', 10, 60),
    ...rows('D', 0, 200),
  ];
  await publishNight(space, (await buildNight(space, 1, first)).dir, store);
  await publishNight(space, (await buildNight(space, 2, second)).dir, store);
  expect(await diff('previous', 'current')).toEqual({
    isComparable: true,
    restrictions: { added: [], gone: [] },
    states: [
      { state: 'FRA', before: 500, after: 800, added: 400, gone: 100, changed: 0 },
      { state: 'UTO', before: 60, after: 60, added: 0, gone: 0, changed: 10 },
    ],
    total: { before: 760, after: 1060, added: 400, gone: 100, changed: 10 },
  });
  const back = await diff('current', 'previous');
  expect(back.total).toEqual({ before: 1060, after: 760, added: 100, gone: 400, changed: 10 });
  expect((await diff('current', 'current')).states).toEqual([]);
});

test('between two epoch keys only the counts are told', async () => {
  const keys = rotateKey(space.keys, 'epoch');
  const keysPath = space.path('next-keys.json');
  writeKeys(keysPath, keys);
  const next = { ...space, keys, keysPath };
  const { dir } = await buildNight(next, 3, rows('FRA', 0, 70));
  await publishNight(next, dir, store);
  const { isComparable, states, total } = await diff('previous', 'current', keysPath);
  expect([isComparable, total]).toEqual([false, { before: 1060, after: 70 }]);
  expect(states).toContainEqual({ state: 'FRA', before: 800, after: 70 });
  const text = await sltd(['diff', store.location, 'previous', 'current', '--keys', keysPath]);
  expect(text.stdout).toContain('only counts can be compared');
});
