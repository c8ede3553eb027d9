/** Objects from a real HTTP server. */

import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpSource } from '../../src/store/http-source.ts';
import { describeSource, failureOf } from '../support/source-conformance.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

async function serve(listener: RequestListener): Promise<string> {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => {
    started.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}/editions`;
}

describeSource('a directory over HTTP', async () => {
  const objects = new Map<string, Uint8Array>();
  const origin = await serve((request, response) => {
    const bytes = objects.get(request.url ?? '');
    response.statusCode = bytes ? 200 : 404;
    response.end(bytes ?? 'nothing');
  });
  return {
    source: new HttpSource(origin),
    put: async (name, bytes) => {
      objects.set(`/editions/${name}`, bytes);
    },
  };
});

describe('an origin that', () => {
  it.each<[string, RequestListener, string]>([
    ['answers 500', (_, response) => response.writeHead(500).end(), 'page-unavailable'],
    ['answers 403', (_, response) => response.writeHead(403).end(), 'page-unavailable'],
    ['answers 204', (_, response) => response.writeHead(204).end(), 'page-unavailable'],
    ['answers 206', (_, response) => response.writeHead(206).end('x'), 'page-unavailable'],
    [
      'redirects',
      (_, response) => response.writeHead(302, { location: '/head' }).end(),
      'page-unavailable',
    ],
    ['hangs up', (request) => request.socket.destroy(), 'page-unavailable'],
    [
      'breaks off in the body',
      (_, response) => {
        response.writeHead(200, { 'content-length': '256' });
        response.write('x');
        setTimeout(() => response.destroy(), 10);
      },
      'page-unavailable',
    ],
    ['never answers', () => {}, 'page-unavailable'],
    [
      'never ends',
      (_, response) => {
        response.writeHead(200);
        response.write('x');
      },
      'page-unavailable',
    ],
    [
      'declares too much',
      (_, response) => response.writeHead(200, { 'content-length': '1000000' }).write('x'),
      'format-length',
    ],
    [
      'sends too much undeclared',
      (_, response) => {
        response.writeHead(200);
        response.write(new Uint8Array(1000));
      },
      'format-length',
    ],
  ])('%s has failed, and has not said that there is nothing', async (_, listener, code) => {
    const source = new HttpSource(await serve(listener), { timeoutMs: 300 });
    expect(await failureOf(source)).toBe(code);
  });

  it('is not there has failed', async () => {
    expect(await failureOf(new HttpSource('http://127.0.0.1:9/'))).toBe('page-unavailable');
  });
});
