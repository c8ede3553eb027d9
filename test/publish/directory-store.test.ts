import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
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
