/** A bucket: on a server that checks signatures, on local R2, and on one where things go wrong. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { openStore, type StoreEnvironment } from '../../publish/open-store.ts';
import { S3Client } from '../../publish/s3-client.ts';
import { S3Store } from '../../publish/s3-store.ts';
import { startR2Server } from '../support/r2-server.ts';
import { startS3Server } from '../support/s3-server.ts';
import { bytesOf, testStore } from './store-conformance.ts';

const root = mkdtempSync(join(tmpdir(), 'sltd-test-'));
const s3 = await startS3Server(join(root, 's3'));
const r2 = await startR2Server(root);
afterAll(async () => {
  await Promise.all([s3.close(), r2.close()]);
  rmSync(root, { recursive: true, force: true });
});
beforeEach(() => {
  s3.fault = () => undefined;
  s3.requests.length = 0;
});

let count = 0;

/** A prefix of its own for every test. */
function emptyBucket({
  location,
  environment,
}: {
  location: string;
  environment: StoreEnvironment;
}) {
  const prefix = `test-${count++}`;
  const open = () => openStore(`${location}/nightly/${prefix}`, environment);
  return async () => ({
    ...{ store: open(), again: open() },
    damage: async (name: string, bytes: Uint8Array) => {
      await clientOf(environment).send({
        ...{ method: 'PUT', key: `nightly/${prefix}/${name}`, body: bytes },
      });
    },
  });
}

const clientOf = (environment: StoreEnvironment, options = {}) =>
  new S3Client(
    {
      endpoint: environment.AWS_ENDPOINT_URL_S3!,
      region: environment.AWS_REGION ?? 'auto',
      bucket: 'sltd-editions',
      accessKeyId: environment.AWS_ACCESS_KEY_ID!,
      secretAccessKey: environment.AWS_SECRET_ACCESS_KEY!,
    },
    { pauseMs: 1, ...options },
  );

describe.each([
  ['a bucket of an S3-compatible server', s3],
  ['a bucket of local R2', r2],
])('%s', (_, server) => {
  testStore(() => emptyBucket(server)());

  test('another prefix of the bucket is another store', async () => {
    const [one, other] = [await emptyBucket(server)(), await emptyBucket(server)()];
    await one.store.put('pages', bytesOf('a page'));
    await one.store.replaceHead(bytesOf('1'), undefined);
    expect(await other.store.list('pages')).toEqual([]);
    expect(await other.store.get('head', 10)).toBeUndefined();
  });

  test('a listing of many objects is whole', async () => {
    const { store } = await emptyBucket(server)();
    const puts = Array.from({ length: 10 }, (_, i) => store.put('pages', bytesOf(`page ${i}`)));
    await Promise.all(puts);
    expect(new Set((await store.list('pages')).map(({ name }) => name)).size).toBe(10);
  });
});

describe('a bucket where things go wrong', () => {
  const storeWith = (options = {}, environment = s3.environment) =>
    new S3Store(clientOf(environment, options), {
      ...{ location: 's3://sltd-editions', prefix: `faults-${count++}/` },
    });

  /** The first `times` requests of a method have the fault. */
  const first = (method: string, times: number, fault: number | 'hang' | 'lost-answer') => {
    let left = times;
    s3.fault = (request) => (request.method === method && left-- > 0 ? fault : undefined);
  };

  test.each([429, 500, 503, 'lost-answer', 'hang'] as const)('%s passes by', async (fault) => {
    const store = storeWith(fault === 'hang' ? { timeoutMs: 300 } : {});
    first('PUT', 2, fault);
    const { sha256 } = await store.put('pages', bytesOf(`page ${fault}`));
    const name = `pages/${Buffer.from(sha256).toString('hex')}`;
    first('GET', 2, fault);
    expect((await store.get(name, 100))?.bytes).toEqual(bytesOf(`page ${fault}`));
  });

  test('a service that stays away is told after five tries, without its words', async () => {
    const store = storeWith();
    s3.fault = () => 503;
    await expect(store.get('head', 256)).rejects.toMatchObject({
      ...{ code: 'store-unavailable', detail: 'GET: answered 503' },
    });
    expect(s3.requests.length).toBe(5);
  });

  test('a head whose answer got lost is in force, and is not taken for that of another', async () => {
    const store = storeWith();
    first('PUT', 1, 'lost-answer');
    const version = await store.replaceHead(bytesOf('1'), undefined);
    expect(await store.get('head', 10)).toEqual({ bytes: bytesOf('1'), version });
    first('PUT', 1, 'lost-answer');
    await store.replaceHead(bytesOf('2'), version);
    expect((await store.get('head', 10))?.bytes).toEqual(bytesOf('2'));
  });

  test('a wrong secret is refused at once, and not told', async () => {
    const environment = { ...s3.environment, AWS_SECRET_ACCESS_KEY: 'WRONG-SECRET' };
    const error = await storeWith({}, environment)
      .get('head', 256)
      .catch((error: Error) => error);
    expect(error).toMatchObject({ code: 'store-unavailable', detail: 'GET: answered 403' });
    expect(String(error)).not.toContain('WRONG');
    expect(s3.requests.length).toBe(1);
  });

  test('a listing that is none is a failure, not an empty one', async () => {
    const store = storeWith();
    s3.fault = () => 204;
    await expect(store.list('pages')).rejects.toMatchObject({ code: 'store-unavailable' });
  });

  test('a service that ignores conditions is refused before anything is published', async () => {
    await storeWith().prepare();
    s3.fault = ({ method }) => (method === 'PUT' ? 200 : undefined);
    await expect(storeWith().prepare()).rejects.toMatchObject({ code: 'config-invalid' });
  });

  test('a bucket that is not there is called so', async () => {
    await expect(openStore('s3://no-such-bucket', s3.environment).prepare()).rejects.toMatchObject({
      ...{ code: 'config-invalid', detail: 'there is no such bucket' },
    });
  });
});

describe('the probe for conditional writes', () => {
  const store = () => openStore(`${s3.location}/probe-${count++}`, s3.environment);

  test('counts a conflict as refused: nothing was written', async () => {
    let puts = 0;
    s3.fault = ({ method }) => (method === 'PUT' && puts++ > 0 ? 409 : undefined);
    await store().prepare();
    expect(puts).toBe(3);
  });

  test('is of one publisher alone, one request after the other, and leaves nothing behind', async () => {
    const [one, other] = [store(), store()];
    const turns = new Map<string, string[]>();
    s3.fault = ({ method, key }) => {
      turns.set(key, [...(turns.get(key) ?? []), method]);
      return undefined;
    };
    await Promise.all([one.prepare(), one.prepare(), other.prepare()]);
    expect(turns.size).toBe(3);
    for (const methods of turns.values()) {
      expect(methods).toEqual(['PUT', 'PUT', 'PUT', 'DELETE']);
    }
    for (const key of turns.keys()) {
      const name = key.slice(key.indexOf('/') + 1);
      expect([await one.exists(name), await other.exists(name)]).toEqual([false, false]);
    }
  });

  test('goes away also where the service ignores conditions', async () => {
    const deleted: string[] = [];
    s3.fault = ({ method, key }) => {
      if (method === 'DELETE') deleted.push(key);
      return method === 'PUT' ? 200 : undefined;
    };
    await expect(store().prepare()).rejects.toMatchObject({ code: 'config-invalid' });
    expect(deleted).toHaveLength(1);
  });
});

describe('a location', () => {
  const environment = { ...s3.environment, AWS_REGION: 'eu-central-1' };

  test.each([
    ['s3://B/x', {}],
    ['s3://', {}],
    ['s3://bucket/../other', {}],
    ['s3://bucket/a b', {}],
    ['https://example.org/editions', {}],
    ['', {}],
    ['s3://bucket', { AWS_ACCESS_KEY_ID: '' }],
    ['s3://bucket', { AWS_SECRET_ACCESS_KEY: undefined }],
    ['s3://bucket', { AWS_ENDPOINT_URL_S3: 'http://storage.example.org' }],
    ['s3://bucket', { AWS_ENDPOINT_URL_S3: 'https://user:word@storage.example.org' }],
    ['s3://bucket', { AWS_ENDPOINT_URL_S3: 'nonsense' }],
    ['s3://bucket', { AWS_ENDPOINT_URL_S3: '', AWS_REGION: '' }],
  ])('%s with %o is refused', (location, change) => {
    const open = () => openStore(location, { ...environment, ...change });
    expect(open).toThrow(expect.objectContaining({ code: 'config-invalid' }));
  });

  test.each([
    ['s3://bucket', {}],
    ['s3://bucket/a/b.c/', { AWS_ENDPOINT_URL_S3: 'https://account.r2.cloudflarestorage.com' }],
    ['s3://bucket', { AWS_ENDPOINT_URL_S3: '' }],
    [root, {}],
    ['editions', {}],
    [`file://${root}`, {}],
  ])('%s with %o is taken', (location, change) => {
    const store = openStore(location, { ...environment, ...change });
    expect(store.location).toBe(location.startsWith('file:') ? root : location);
  });
});
