import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createOrigin, startOrigin } from '../../data-build/edition/origin.ts';
import { decodeHead } from '../../src/format/head.ts';
import { build, objectNames, sltdCsv, startSltd, workspace } from './workspace.ts';

const space = workspace();
const dir = space.path('edition');

beforeAll(async () => {
  await build(space, { files: [space.write('one.csv', sltdCsv('UTO,PAS,A1,,,lost'))] });
});

describe('the origin', () => {
  test('serves every object as it lies there, to be kept for ever, and the head never kept', async () => {
    const app = createOrigin(dir);
    for (const name of objectNames(dir).slice(0, 20)) {
      const response = await app.request(`/${name}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('cache-control')).toContain('immutable');
      expect(Buffer.from(await response.arrayBuffer())).toEqual(readFileSync(join(dir, name)));
    }
    const head = await app.request('/head');
    expect(head.headers.get('cache-control')).toBe('no-store');
    expect(Buffer.from(await head.arrayBuffer())).toEqual(readFileSync(join(dir, 'head')));
  });

  test.each([
    ...['/', '/pages', '/pages/', '/keys.json', '/../keys.json', '/pages/..%2f..%2fkeys.json'],
    ...[
      '/pages/%2e%2e/keys.json',
      `/pages/${'A'.repeat(64)}`,
      `/other/${'a'.repeat(64)}`,
      '/.lock',
    ],
    ...[`/pages/${'0'.repeat(64)}`, `/pages/${'0'.repeat(65)}`],
  ])('%s is not there', async (path) => {
    const origin = await startOrigin({ directory: dir, port: 0 });
    try {
      // A URL would be tidied up before it is sent; a raw request line is not.
      const { connect } = await import('node:net');
      const answer = await new Promise<string>((resolve) => {
        const socket = connect(origin.port, '127.0.0.1');
        let text = '';
        socket.on('data', (chunk) => {
          text += chunk;
        });
        socket.on('close', () => resolve(text));
        socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      });
      expect(answer).toMatch(/^HTTP\/1.1 404 /);
    } finally {
      await origin.close();
    }
  });

  test('other methods are not allowed, and a failing disk is not "not there"', async () => {
    const app = createOrigin(dir);
    expect((await app.request('/head', { method: 'PUT' })).status).toBe(405);
    const name = `pages/${'1'.repeat(64)}`;
    mkdirSync(join(dir, name));
    expect((await app.request(`/${name}`)).status).toBe(500);
  });

  test('the command listens on loopback, signs the head and ends on Ctrl-C', async () => {
    const before = decodeHead(new Uint8Array(readFileSync(join(dir, 'head'))));
    const keys = ['--heartbeat', '--keys', space.keysPath];
    const child = startSltd(['origin', dir, '--port', '0', ...keys]);
    const address = await new Promise<string>((resolve) => {
      child.stdout.once('data', (chunk) => resolve(String(chunk).trim()));
    });
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const response = await fetch(`${address}/head`);
    const head = decodeHead(new Uint8Array(await response.arrayBuffer()));
    expect(head.sequence).toBe(before.sequence);
    expect(head.issuedAt).toBeGreaterThan(before.issuedAt);
    child.kill('SIGINT');
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
  });
});
