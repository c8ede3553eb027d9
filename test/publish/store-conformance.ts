/** What every place that editions are published to must do; one suite over all of them. */

import { expect, test } from 'vitest';
import type { ObjectStore } from '../../publish/object-store.ts';
import { readObject } from '../../publish/read-object.ts';
import { objectName, sha256, toHex } from '../../src/format/names.ts';

/** A store and the place behind it. */
export interface StoreUnderTest {
  store: ObjectStore;
  /** The same place, opened once more, as another process would. */
  again: ObjectStore;
  /** Puts other bytes under a name, behind the back of the store. */
  damage(name: string, bytes: Uint8Array): Promise<void>;
}

export const bytesOf = (text: string) => new TextEncoder().encode(text);

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'no failure',
    (error: { code?: string }) => error.code,
  );

/** The suite; `start` gives an empty place each time. */
export function testStore(start: () => Promise<StoreUnderTest>): void {
  test('an object is found under the name of its content, with its bytes, whatever they are', async () => {
    const { store } = await start();
    await store.prepare();
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7) & 255);
    const { sha256: hash, wasThere } = await store.put('pages', bytes);
    expect([hash, wasThere]).toEqual([await sha256(bytes), false]);
    await store.flush();
    expect(await readObject(store, 'pages', { sha256: hash, length: bytes.length })).toEqual(bytes);
    expect(await store.exists(objectName('pages', hash))).toBe(true);
    expect(await store.exists(objectName('overlays', hash))).toBe(false);
  });

  test('what was put once is there for who puts it again, and for others', async () => {
    const { store, again } = await start();
    const bytes = bytesOf('a manifest');
    const { sha256: hash } = await store.put('manifests', bytes);
    expect(await again.put('manifests', bytes)).toEqual({ sha256: hash, wasThere: true });
    expect((await again.list('manifests')).length).toBe(1);
  });

  test('there is nothing of a name, which is not the same as empty (S4)', async () => {
    const { store } = await start();
    expect(await store.get('head', 256)).toBeUndefined();
    expect(await store.get(`pages/${'0'.repeat(64)}`, 256)).toBeUndefined();
    const { sha256: hash } = await store.put('pages', new Uint8Array());
    expect((await store.get(objectName('pages', hash), 0))?.bytes).toEqual(new Uint8Array());
  });

  test('what is longer than expected is refused, and what is not its name is found out', async () => {
    const { store, damage } = await start();
    const bytes = bytesOf('a page');
    const { sha256: hash } = await store.put('pages', bytes);
    const name = objectName('pages', hash);
    expect(await codeOf(store.get(name, bytes.length - 1))).toBe('format-length');
    await damage(name, bytesOf('A PAGE'));
    const reference = { sha256: hash, length: bytes.length };
    expect(await codeOf(readObject(store, 'pages', reference))).toBe('format-digest');
    await store.put('pages', bytes, { overwrite: true });
    expect(await readObject(store, 'pages', reference)).toEqual(bytes);
  });

  test('a listing has every object of the folder, and no other, with size and time', async () => {
    const { store } = await start();
    expect(await store.list('overlays')).toEqual([]);
    const before = Date.now();
    const names: string[] = [];
    for (const text of ['one', 'three', '']) {
      names.push(objectName('overlays', (await store.put('overlays', bytesOf(text))).sha256));
    }
    await store.put('pages', bytesOf('a page'));
    await store.replaceHead(bytesOf('head'), undefined);
    const entries = await store.list('overlays');
    expect(entries.map(({ name }) => name).sort()).toEqual([...names].sort());
    expect(entries.map(({ sizeBytes }) => sizeBytes).sort()).toEqual([0, 3, 5]);
    for (const { modifiedAt } of entries) {
      // Stores tell whole seconds.
      expect(modifiedAt).toBeGreaterThanOrEqual(before - 2_000);
      expect(modifiedAt).toBeLessThanOrEqual(Date.now() + 2_000);
    }
  });

  test('what was taken away is gone, and taking it away again is no failure', async () => {
    const { store } = await start();
    const { sha256: hash } = await store.put('history', bytesOf('old head'));
    const name = objectName('history', hash);
    await store.delete(name);
    expect(await store.get(name, 100)).toBeUndefined();
    await store.delete(name);
    expect(await store.list('history')).toEqual([]);
  });

  test('the head changes only for who saw the one that is there', async () => {
    const { store, again } = await start();
    const first = await store.replaceHead(bytesOf('1'), undefined);
    expect(await codeOf(again.replaceHead(bytesOf('x'), undefined))).toBe('head-moved');
    const seen = await again.get('head', 256);
    expect(seen).toEqual({ bytes: bytesOf('1'), version: first });
    const second = await again.replaceHead(bytesOf('2'), first);
    expect(await codeOf(store.replaceHead(bytesOf('x'), first))).toBe('head-moved');
    expect(await store.get('head', 256)).toEqual({ bytes: bytesOf('2'), version: second });
  });

  test('of many who saw the same head exactly one wins, again and again', async () => {
    const { store, again } = await start();
    let version: string | undefined;
    for (let round = 0; round < 4; round++) {
      const expected = version;
      const writes = Array.from({ length: 8 }, (_, i) => {
        const bytes = bytesOf(`${round} ${i}`);
        return (i % 2 === 0 ? store : again).replaceHead(bytes, expected).then(
          (won) => ({ won, bytes }),
          (error: { code?: string }) => ({ code: error.code }),
        );
      });
      const results = await Promise.all(writes);
      const winners = results.filter((result) => 'won' in result);
      expect(winners.length).toBe(1);
      expect(
        results.filter((result) => 'code' in result && result.code === 'head-moved'),
      ).toHaveLength(7);
      version = winners[0]!.won;
      expect(await store.get('head', 256)).toEqual({ bytes: winners[0]!.bytes, version });
    }
  });

  test('its location is told without what opens it', async () => {
    const { store } = await start();
    expect(toHex(bytesOf(store.location))).not.toContain(toHex(bytesOf('secret')));
  });
}
