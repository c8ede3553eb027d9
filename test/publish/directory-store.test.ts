import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { bytesOf, testStore } from './store-conformance.ts';

const root = mkdtempSync(join(tmpdir(), 'sltd-test-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
const emptyPath = (): string => join(root, `store-${count++}`);

describe('a directory', () => {
  testStore(async () => {
    const path = emptyPath();
    return {
      ...{ store: new DirectoryStore(path), again: new DirectoryStore(path) },
      damage: async (name, bytes) => writeFileSync(join(path, name), bytes),
    };
  });

  test('an object that was damaged is written again when it is put', async () => {
    const path = emptyPath();
    const store = new DirectoryStore(path);
    const { sha256 } = await store.put('pages', bytesOf('a page'));
    const file = join(path, 'pages', Buffer.from(sha256).toString('hex'));
    writeFileSync(file, 'A PAGE');
    expect((await store.put('pages', bytesOf('a page'))).wasThere).toBe(false);
    expect((await store.put('pages', bytesOf('a page'))).wasThere).toBe(true);
  });

  test('what a dead writer of this host left is taken away, and nothing else', async () => {
    const path = emptyPath();
    const store = new DirectoryStore(path);
    await store.prepare();
    const left = [
      `.partial-${hostname()}-999999999-0`,
      `.partial-${hostname()}-${process.pid}-77777`,
      '.partial-elsewhere.example-999999999-0',
    ];
    for (const name of left) writeFileSync(join(path, 'pages', name), 'half');
    await store.prepare();
    expect(readdirSync(join(path, 'pages')).sort()).toEqual(left.slice(1).sort());
    expect(await store.list('pages')).toEqual([]);
  });

  test('a lock of a writer on another host is waited for, and then it is told', async () => {
    const path = emptyPath();
    const store = new DirectoryStore(path, { lockTimeoutMs: 100 });
    await store.prepare();
    writeFileSync(join(path, '.lock'), 'elsewhere.example 1 0');
    const waiting = store.replaceHead(bytesOf('1'), undefined);
    await expect(waiting).rejects.toMatchObject({ code: 'store-unavailable' });
    expect(existsSync(join(path, 'head'))).toBe(false);
  });

  describe('of a writer whose files are its own (umask 077)', () => {
    const umask = process.umask();
    beforeAll(() => void process.umask(0o077));
    afterAll(() => void process.umask(umask));

    /** Modes of all that is in a folder, by path. */
    const modesIn = (path: string) =>
      Object.fromEntries(
        ['.', ...readdirSync(path, { recursive: true, encoding: 'utf8' })].map((name) => [
          name,
          (statSync(join(path, name)).mode & 0o777).toString(8),
        ]),
      );

    test('is an edition that an edge of another account can read', async () => {
      const path = join(emptyPath(), 'national');
      const store = new DirectoryStore(path);
      await store.prepare();
      await store.replaceHead(bytesOf('head'), undefined);
      const folders = ['pages', 'manifests', 'overlays', 'history'] as const;
      for (const folder of folders) await store.put(folder, bytesOf('an object'));
      const modes = modesIn(path);
      for (const name of ['.', ...folders]) expect([name, modes[name]]).toEqual([name, '755']);
      const files = Object.keys(modes).filter((name) => /^head$|\//.test(name));
      expect(files).toHaveLength(5);
      for (const name of files) expect([name, modes[name]]).toEqual([name, '644']);
      expect(modesIn(join(path, '..'))['.']).toBe('755');
    });

    test('keeps the images of cards, and a folder that was there, as they are', async () => {
      const path = emptyPath();
      mkdirSync(path);
      const store = new DirectoryStore(path);
      await store.prepare();
      const { sha256 } = await store.put('images', bytesOf('an image'));
      const modes = modesIn(path);
      const image = `images/${Buffer.from(sha256).toString('hex')}`;
      expect([modes['.'], modes.images, modes[image]]).toEqual(['700', '700', '600']);
    });
  });

  test('a place that cannot be written is a failure with its code, and leaves nothing', async () => {
    const path = join(root, 'a-file');
    writeFileSync(path, '');
    const store = new DirectoryStore(path);
    for (const work of [
      () => store.put('pages', bytesOf('a page')),
      () => store.get('head', 256),
      () => store.list('pages'),
      () => store.replaceHead(bytesOf('1'), undefined),
      () => store.prepare(),
      () => store.flush(),
    ]) {
      await expect(work()).rejects.toMatchObject({ code: 'store-unavailable' });
    }
  });
});
