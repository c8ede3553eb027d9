/**
 * What every source of objects must do; one suite over all of them.
 */

import { describe, expect, it } from 'vitest';
import type { ObjectSource } from '../../src/store/object-source.ts';

/** A source and the place behind it. */
export interface SourceUnderTest {
  source: ObjectSource;
  put(name: string, bytes: Uint8Array): Promise<void>;
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'no failure',
    (error: { code?: string }) => error.code,
  );

export function describeSource(name: string, start: () => Promise<SourceUnderTest>): void {
  describe(name, () => {
    it('gives the bytes that were put, whatever they are', async () => {
      const { source, put } = await start();
      const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7) & 255);
      await put('pages/aa', bytes);
      expect(await source.get('pages/aa', bytes.length)).toEqual(bytes);
    });

    it('says that there is nothing of a name, which is not the same as empty (S4)', async () => {
      const { source, put } = await start();
      await put('pages/empty', new Uint8Array());
      expect(await source.get('pages/nothing', 100)).toBeUndefined();
      expect(await source.get('pages/empty', 100)).toEqual(new Uint8Array());
    });

    it('refuses what is longer than expected', async () => {
      const { source, put } = await start();
      await put('head', new Uint8Array(257));
      expect(await codeOf(source.get('head', 256))).toBe('format-length');
      expect((await source.get('head', 257))?.length).toBe(257);
    });

    it('gives the newest bytes of a name that changes', async () => {
      const { source, put } = await start();
      await put('head', Uint8Array.of(1));
      expect(await source.get('head', 256)).toEqual(Uint8Array.of(1));
      await put('head', Uint8Array.of(2, 3));
      expect(await source.get('head', 256)).toEqual(Uint8Array.of(2, 3));
    });
  });
}

/** The code with which a source fails; a test gives it sources that must. */
export const failureOf = (source: ObjectSource): Promise<string | undefined> =>
  codeOf(source.get('head', 256));
