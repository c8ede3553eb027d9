/** `sltd serve` as a command, and what Node alone has: assets, a start that fails, a stop. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMatcherModule } from '../../data-build/matcher-module.ts';
import { DirectorySource } from '../../host/directory-source.ts';
import { startHost } from '../../host/serve.ts';
import { edgeSettings } from '../support/edge-settings.ts';
import { buildEdition, makeTestKeys, type TestKeys } from '../support/edition.ts';
import { describeSource } from '../support/source-conformance.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const temp = mkdtempSync(join(tmpdir(), 'sltd-serve-'));
const shore = join(temp, 'shore');
let keys: TestKeys;

beforeAll(async () => {
  keys = await makeTestKeys();
  for (const [name, bytes] of await buildEdition({ records: [] }, keys, readMatcherModule())) {
    put(shore, name, bytes);
  }
});
afterAll(() => rmSync(temp, { recursive: true, force: true }));

function put(directory: string, name: string, bytes: Uint8Array): void {
  mkdirSync(dirname(join(directory, name)), { recursive: true });
  writeFileSync(join(directory, name), bytes);
}

const start = (settings: Record<string, string> = {}, directory = shore) =>
  startHost({
    ...{ directory, settings: { ...edgeSettings(keys), ...settings } },
    ...{ matcherModule: readMatcherModule(), hostname: '127.0.0.1', port: 0, log: () => {} },
  });

let folders = 0;
describeSource('a folder as a source', async () => {
  const directory = join(temp, `source-${folders++}`);
  return {
    source: new DirectorySource(directory),
    put: async (name, bytes) => put(directory, name, bytes),
  };
});

it('a folder that cannot be read is a failure, never absence (S4)', async () => {
  const directory = join(temp, 'odd');
  mkdirSync(join(directory, 'head'), { recursive: true });
  const reading = new DirectorySource(directory).get('head', 4096);
  await expect(reading).rejects.toMatchObject({ code: 'page-unavailable' });
});

describe('the host', () => {
  it('serves script and style of the page as Workers does, and nothing beside', async () => {
    const host = await start();
    const url = `http://127.0.0.1:${host.port}`;
    const script = await fetch(`${url}/console.js`);
    expect(await script.text()).toBe(readFileSync(join(ROOT, 'public/console.js'), 'utf8'));
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(script.headers.get('content-security-policy')).toContain("default-src 'none'");
    const head = await fetch(`${url}/console.css`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    for (const path of ['/_headers', '/package.json', '/..%2fpackage.json', '/head', '/pages']) {
      expect((await fetch(url + path)).status).toBe(404);
    }
    expect((await fetch(`${url}/console.js`, { method: 'POST' })).status).toBe(404);
    await host.stop();
  });

  it('takes no bindings from the environment', async () => {
    const host = await start({ FLOORS: 'x', EDITIONS: 'x' });
    expect((await fetch(`http://127.0.0.1:${host.port}/readyz`)).status).toBe(200);
    await host.stop();
  });

  it('lets a request under way end when it is stopped', async () => {
    const host = await start();
    const socket = connect(host.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.write('POST /v1/checks HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n');
    socket.write('Connection: close\r\nContent-Type: application/json\r\n\r\n{');
    await new Promise((resolve) => setTimeout(resolve, 200));
    const stopped = host.stop();
    socket.write('}');
    await stopped;
    expect(text).toContain('HTTP/1.1 401');
    await expect(fetch(`http://127.0.0.1:${host.port}/healthz`)).rejects.toThrow();
  });

  it('says which setting or address is not usable, before it listens', async () => {
    await expect(start({ SEAL_KEY: 'S3CRET' })).rejects.toMatchObject({
      ...{ code: 'config-invalid', detail: 'SEAL_KEY' },
    });
    const host = await start();
    const again = startHost({
      ...{ directory: shore, settings: edgeSettings(keys), matcherModule: readMatcherModule() },
      ...{ hostname: '127.0.0.1', port: host.port, log: () => {} },
    });
    await expect(again).rejects.toMatchObject({ code: 'config-invalid' });
    await host.stop();
  });

  it('answers from a copy without a line, and goes on when a newer one is put beside', async () => {
    const ship = join(temp, 'ship');
    cpSync(shore, ship, { recursive: true });
    const host = await start({}, ship);
    rmSync(shore, { recursive: true });
    const ready = await fetch(`http://127.0.0.1:${host.port}/readyz`);
    expect(await ready.json()).toMatchObject({ health: 'ready', freshness: 'fresh' });
    await host.stop();
    cpSync(ship, shore, { recursive: true });
  });
});

describe('the command', () => {
  const run = (args: string[], env: Record<string, string>): ChildProcess =>
    spawn(process.execPath, ['data-build/cli.ts', 'serve', ...args], {
      ...{ cwd: ROOT, env: { PATH: process.env.PATH, ...env }, stdio: 'pipe' },
    });

  it('serves until it is told to stop, and ends with 0', async () => {
    const child = run(['--editions', shore, '--port', '0'], edgeSettings(keys));
    const [first] = await once(child.stdout!, 'data');
    const { event, port, hasFloor } = JSON.parse(String(first));
    expect([event, hasFloor]).toEqual(['start', false]);
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect((await ended)[0]).toBe(0);
  });

  it('names a setting that is not usable, not its value, and ends with 2', async () => {
    const child = run(['--editions', shore], { ...edgeSettings(keys), HEAD_KEYS: 'S3CRET' });
    let text = '';
    child.stderr!.on('data', (chunk) => {
      text += chunk;
    });
    expect((await once(child, 'close'))[0]).toBe(2);
    expect(text).toContain('HEAD_KEYS');
    expect(text).not.toContain('S3CRET');
  });
});
