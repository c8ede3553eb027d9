/** Which edition is answered from, and when none is: freshness, changes, torn and hostile stores. */

import { describe, expect, it } from 'vitest';
import { objectName } from '../../src/format/names.ts';
import type { PageCache } from '../../src/store/page-store.ts';
import { buildEdition, makeTestKeys } from '../support/edition.ts';
import { bucket, Edge, matcherModule, OTHER_FIELDS, SPECIMEN, SPECIMEN_FIELDS } from './edge.ts';

const HOUR_SECONDS = 3_600;

/** Status and freshness of one answer. */
async function stateOf(edge: Edge) {
  const { answer } = await edge.ask(OTHER_FIELDS);
  const list = answer.collections?.[0];
  return [answer.status, list?.freshness ?? answer.code, list?.ageSeconds];
}

describe('freshness', () => {
  it('is fresh up to 300 s, stale up to 6 h, then there is no answer', async () => {
    const edge = await Edge.start({ spec: { notAfter: Date.now() + 24 * HOUR_SECONDS * 1000 } });
    expect(await stateOf(edge)).toEqual(['clear', 'fresh', 0]);
    edge.passSeconds(300);
    expect(await stateOf(edge)).toEqual(['clear', 'fresh', 300]);
    edge.clock.nowMs += 1;
    expect(await stateOf(edge)).toEqual(['clear', 'stale', 300]);
    edge.passSeconds(6 * HOUR_SECONDS - 300);
    edge.clock.nowMs -= 1;
    expect(await stateOf(edge)).toEqual(['clear', 'stale', 6 * HOUR_SECONDS]);
    edge.clock.nowMs += 1;
    expect(await stateOf(edge)).toEqual(['unknown', 'expired', 6 * HOUR_SECONDS]);
    expect((await edge.fetch('/readyz')).status).toBe(503);
    expect((await edge.fetch('/healthz')).status).toBe(200);
  });

  it('a heartbeat makes it fresh again', async () => {
    const asOf = Date.now();
    const spec = { asOf, permittedAt: asOf };
    const edge = await Edge.start({ spec });
    await stateOf(edge);
    edge.passSeconds(7 * HOUR_SECONDS);
    expect((await stateOf(edge))[0]).toBe('unknown');
    // The same edition under the same sequence: only the head is signed anew.
    await edge.publish(spec);
    edge.passSeconds(11);
    expect(await stateOf(edge)).toEqual(['clear', 'fresh', 11]);
  });

  it('ends at notAfter, to the millisecond', async () => {
    const issuedAt = Date.now();
    const edge = await Edge.start({ spec: { issuedAt, notAfter: issuedAt + 1_000 } });
    edge.clock.nowMs = issuedAt + 999;
    expect((await stateOf(edge))[0]).toBe('clear');
    edge.clock.nowMs = issuedAt + 1_000;
    expect((await stateOf(edge)).slice(0, 2)).toEqual(['unknown', 'expired']);
  });

  it('a head up to 60 s ahead of our clock is used, one beyond is not', async () => {
    const edge = await Edge.start();
    edge.clock.nowMs -= 60_000;
    expect(await stateOf(edge)).toEqual(['clear', 'fresh', 0]);
    edge.clock.nowMs -= 1;
    expect((await stateOf(edge)).slice(0, 2)).toEqual(['unknown', 'expired']);
  });

  it('can be made stricter by settings, never looser', async () => {
    const edge = await Edge.start({ env: { FRESH_SECONDS: '10', STALE_SECONDS: '20' } });
    edge.passSeconds(11);
    expect((await stateOf(edge))[1]).toBe('stale');
    edge.passSeconds(10);
    expect((await stateOf(edge))[1]).toBe('expired');
    for (const env of [
      { STALE_SECONDS: '21601' },
      { FRESH_SECONDS: '301' },
      { FRESH_SECONDS: '20', STALE_SECONDS: '10' },
      { POLL_SECONDS: '11' },
      { STALE_SECONDS: '-1' },
      { STALE_SECONDS: 'x' },
    ]) {
      await expect(Edge.start({ env })).rejects.toMatchObject({ code: 'config-invalid' });
    }
  });

  it('an invalid document is told so even without an edition', async () => {
    const edge = await Edge.start({ source: () => ({ get: async () => undefined }) });
    expect((await edge.ask({ mrz: 'x' })).answer.code).toBe('mrz-unreadable');
    expect((await edge.ask(OTHER_FIELDS)).answer).toEqual({
      type: 'urn:sltd-edge:problem:edition-missing',
      title: 'No edition of the list is loaded.',
      ...{ status: 'unknown', code: 'edition-missing', advice: 'no-decision' },
      collections: [{ collection: 'sltd' }],
    });
  });
});

describe('an edition', () => {
  it('comes into use within ten seconds, without a wait for who asks', async () => {
    const edge = await Edge.start();
    await edge.ask(OTHER_FIELDS);
    await edge.publish({ sequence: 2 });
    edge.passSeconds(9);
    expect((await edge.ask(OTHER_FIELDS)).answer.collections[0].sequence).toBe(1);
    edge.passSeconds(1);
    await edge.ask(OTHER_FIELDS);
    await expect
      .poll(async () => (await edge.ask(OTHER_FIELDS)).answer.collections[0].sequence)
      .toBe(2);
  });

  it('that cannot be loaded leaves the one before in use, until that is too old', async () => {
    const edge = await Edge.start();
    await edge.ask(OTHER_FIELDS);
    const objects = await edge.publish({ records: [], sequence: 2 });
    const manifest = [...objects.keys()].find((name) => name.startsWith('manifests/'))!;
    await bucket.delete(manifest);
    edge.passSeconds(400);
    expect((await edge.ask(OTHER_FIELDS)).answer).toMatchObject({
      status: 'clear',
      collections: [{ sequence: 1, freshness: 'stale' }],
    });
    expect(edge.services.main.editions.lastFailure).toBe('edition-missing');
    // The head of the one before would now be a step back.
    edge.passSeconds(6 * HOUR_SECONDS);
    expect((await edge.ask(OTHER_FIELDS)).answer.status).toBe('unknown');
  });

  it.each(['head', 'manifests/', 'overlays/'])(
    'with any byte of its %s changed is not used',
    async (folder) => {
      const keys = await makeTestKeys();
      const overlay = [{ ...SPECIMEN, number: 'NEW1', kind: 'added' as const }];
      const records = [SPECIMEN];
      const objects = await buildEdition({ records, overlay }, keys, matcherModule);
      const [name, bytes] = [...objects].find(([key]) => key.startsWith(folder))!;
      const step = Math.max(1, Math.floor(bytes.length / 64));
      for (let at = 0; at < bytes.length; at += step) {
        const torn = bytes.slice();
        torn[at]! ^= 1;
        const source = {
          get: async (asked: string) => (asked === name ? torn : objects.get(asked)),
        };
        const edge = await Edge.start({ keys, source: () => source, withoutCentral: true });
        const { answer } = await edge.ask(SPECIMEN_FIELDS);
        expect([at, answer.status]).toEqual([at, 'unknown']);
      }
    },
  );

  it('with any byte of its pages changed answers unknown', async () => {
    const keys = await makeTestKeys();
    const objects = await buildEdition({ records: [SPECIMEN] }, keys, matcherModule);
    const probing = await Edge.start({
      keys,
      source: () => ({ get: async (n) => objects.get(n) }),
    });
    const { manifest } = await probing.services.main.editions.current(() => {});
    for (const kind of ['filter', 'match'] as const) {
      const { sha256 } = manifest.page(kind, manifest.state('UTO')!.firstShard);
      const name = objectName('pages', sha256);
      const bytes = objects.get(name)!;
      for (let at = 0; at < bytes.length; at++) {
        const torn = bytes.slice();
        torn[at]! ^= 0x80;
        const get = async (asked: string) => (asked === name ? torn : objects.get(asked));
        const edge = await Edge.start({ keys, source: () => ({ get }), withoutCentral: true });
        const { answer } = await edge.ask(SPECIMEN_FIELDS);
        expect([kind, at, answer.status, answer.code]).toEqual([
          kind,
          at,
          'unknown',
          'page-corrupt',
        ]);
      }
    }
  });

  it.each(['edition', 'overlay', 'head'] as const)(
    'signed with another %s key is not used',
    async (role) => {
      const keys = await makeTestKeys();
      const forged = { ...keys, [role]: (await makeTestKeys())[role] };
      const overlay = [{ ...SPECIMEN, number: 'NEW1', kind: 'added' as const }];
      const objects = await buildEdition({ records: [], overlay }, forged, matcherModule);
      const get = async (name: string) => objects.get(name);
      const edge = await Edge.start({ keys, source: () => ({ get }) });
      expect((await edge.ask(OTHER_FIELDS)).answer.code).toBe('edition-missing');
      expect(edge.services.main.editions.lastFailure).toBe('format-signature');
    },
  );

  it('of another collection, or under an epoch key that is not held, is not used', async () => {
    const other = await Edge.start({ spec: { collection: 'tdawn' } });
    expect((await other.ask(OTHER_FIELDS)).answer.code).toBe('edition-missing');
    const epoch = await Edge.start({ env: { EPOCH_KEYS: '00'.repeat(16) } });
    expect((await epoch.ask(OTHER_FIELDS)).answer.code).toBe('edition-missing');
  });

  it('under the epoch key before is still answered from', async () => {
    const keys = await makeTestKeys();
    const { toHex } = await import('../../src/format/names.ts');
    const env = { EPOCH_KEYS: `${'00'.repeat(16)},${toHex(keys.epochKey)}` };
    const edge = await Edge.start({ keys, env });
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('clear');
    expect(edge.central.asked).toHaveLength(1);
  });

  it('that is not there is not asked for with every request', async () => {
    let headCount = 0;
    const edge = await Edge.start({
      source: () => ({
        get: async () => {
          headCount++;
          return undefined;
        },
      }),
    });
    for (let i = 0; i < 10; i++) await edge.ask(OTHER_FIELDS);
    expect(headCount).toBe(1);
    edge.passSeconds(1);
    await edge.ask(OTHER_FIELDS);
    expect(headCount).toBe(2);
  });
});

describe('the data-centre cache', () => {
  class MapCache implements PageCache {
    readonly kept = new Map<string, Uint8Array>();
    async match(url: string) {
      const bytes = this.kept.get(url);
      return bytes && new Response(bytes);
    }
    async put(url: string, response: Response) {
      this.kept.set(url, new Uint8Array(await response.arrayBuffer()));
    }
    async delete(url: string) {
      return this.kept.delete(url);
    }
  }

  /** An edge with empty arenas, as after a restart, over the same bucket and cache. */
  const restart = async (keys: Awaited<ReturnType<typeof makeTestKeys>>, cache: PageCache) => {
    const fetched: string[] = [];
    const edge = await Edge.start({
      ...{ keys, cache, withoutCentral: true },
      source: (source) => ({
        get: (name, lengthMax) => {
          fetched.push(name);
          return source.get(name, lengthMax);
        },
      }),
    });
    const { answer } = await edge.ask(SPECIMEN_FIELDS);
    return { status: answer.status, pages: fetched.filter((name) => name.startsWith('pages/')) };
  };

  it('spares the source, and a bad copy in it is dropped and fetched anew', async () => {
    const keys = await makeTestKeys();
    const cache = new MapCache();
    const first = await restart(keys, cache);
    expect(first.status).toBe('candidate');
    expect(first.pages.length).toBeGreaterThanOrEqual(2);
    await expect.poll(() => cache.kept.size).toBe(first.pages.length);
    expect(await restart(keys, cache)).toEqual({ status: 'candidate', pages: [] });
    for (const bytes of cache.kept.values()) bytes[bytes.length - 1]! ^= 1;
    expect((await restart(keys, cache)).pages.length).toBe(first.pages.length);
    await expect.poll(async () => (await restart(keys, cache)).pages.length).toBe(0);
    for (const [url, bytes] of cache.kept) cache.kept.set(url, bytes.subarray(0, 64));
    expect((await restart(keys, cache)).status).toBe('candidate');
  });

  it('that fails is as if it were not there', async () => {
    const fail = () => Promise.reject(new Error('no cache'));
    const cache = { match: fail, put: fail, delete: fail };
    expect((await restart(await makeTestKeys(), cache)).status).toBe('candidate');
  });

  it('of the runtime keeps pages', async () => {
    const keys = await makeTestKeys();
    const first = await restart(keys, caches.default as unknown as PageCache);
    await expect
      .poll(async () => (await restart(keys, caches.default as unknown as PageCache)).pages.length)
      .toBeLessThan(first.pages.length);
  });
});
