/**
 * One suite over every host of the app but Cloudflare's own: Node over a folder, and a bare workerd
 * over an HTTP origin. Real processes or sockets, real pages, a central that signs.
 *
 * What must hold on each: the answers, the refusals, and the invariants that a host could break:
 * bytes that are missing or damaged (S4), age, and the sequence (S6).
 */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle, startWorkerd } from '../../bench/workerd.ts';
import { readMatcherModule } from '../../data-build/matcher-module.ts';
import { startOrigin } from '../../data-build/edition/origin.ts';
import { issueToken } from '../../data-build/keys/token.ts';
import { startHost } from '../../host/serve.ts';
import { TestCentral } from '../support/central.ts';
import { edgeSettings } from '../support/edge-settings.ts';
import { buildEdition, type EditionSpec, makeTestKeys, type TestKeys } from '../support/edition.ts';

const HOUR_MS = 3_600_000;
const START_TIMEOUT_MS = 120_000;
const SPECIMEN = { documentClass: 'passport', state: 'UTO', number: 'L898902C3' } as const;
const LISTED = { number: 'L898902C3', issuingState: 'UTO', documentClass: 'passport' };
const OTHER = { number: 'X4477123', issuingState: 'UTO', documentClass: 'passport' };

const temp = mkdtempSync(join(tmpdir(), 'sltd-hosts-'));
const stops: (() => Promise<void>)[] = [];
let keys: TestKeys;
let token: string;

const BUNDLE = join(temp, 'bundle');

beforeAll(async () => {
  bundle('wrangler.toml', BUNDLE);
  keys = await makeTestKeys();
  const tokenKeys = { token: keys.jwk.token } as unknown as Parameters<typeof issueToken>[0];
  token = await issueToken(tokenKeys, { role: 'officer', tenant: 'UTO', site: 'desk-1' });
}, START_TIMEOUT_MS);

afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
  rmSync(temp, { recursive: true, force: true });
}, START_TIMEOUT_MS);

/** Builds an edition into the folder; what is there already stays, but the head. */
async function publish(directory: string, spec: Partial<EditionSpec> = {}): Promise<void> {
  const whole = { records: [{ ...SPECIMEN, category: 'stolen' as const }], ...spec };
  for (const [name, bytes] of await buildEdition(whole, keys, readMatcherModule())) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), bytes);
  }
}

async function startCentral(): Promise<string> {
  const now = Date.now;
  const central = new TestCentral({ signingJwk: keys.jwk.central, edgeJwk: keys.jwk.edge, now });
  central.listed.set('PUTOL898902C3', { id: 'r1', category: 'stolen' } as never);
  const server = createServer(getRequestListener((request) => central.fetch(request)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(async () => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type Settings = Record<string, string>;
interface Host {
  /** Starts the app over a folder and gives its URL. */
  start(directory: string, settings: Settings): Promise<string>;
}

const HOSTS: Readonly<Record<string, Host>> = {
  Node: {
    start: async (directory, settings) => {
      const host = await startHost({
        ...{ directory, settings, matcherModule: readMatcherModule() },
        ...{ hostname: '127.0.0.1', port: 0, log: () => {} },
      });
      stops.push(host.stop);
      return `http://127.0.0.1:${host.port}`;
    },
  },
  workerd: {
    start: async (directory, settings) => {
      const origin = await startOrigin({ directory, port: 0 });
      stops.push(origin.close);
      const EDITIONS_ORIGIN = `http://127.0.0.1:${origin.port}`;
      const floorsDir = join(directory, 'floors');
      mkdirSync(floorsDir, { recursive: true });
      const workerd = await startWorkerd(BUNDLE, { ...settings, EDITIONS_ORIGIN }, floorsDir);
      stops.push(workerd.stop);
      return workerd.url;
    },
  },
};

describe.each(Object.entries(HOSTS))('on %s', (name, host) => {
  let folders = 0;
  /** A host of its own over a new edition. */
  async function start(spec: Partial<EditionSpec> = {}, settings: Settings = {}) {
    const directory = join(temp, `${name}-${folders++}`);
    await publish(directory, spec);
    const url = await host.start(directory, { ...edgeSettings(keys), ...settings });
    return { directory, url };
  }
  const post = (url: string, body: string | Uint8Array<ArrayBuffer>, headers: Settings = {}) =>
    fetch(`${url}/v1/checks`, {
      method: 'POST',
      headers: {
        ...{ authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...headers,
      },
      body,
    });
  async function ask(url: string, document: object) {
    const response = await post(url, JSON.stringify(document));
    // biome-ignore lint/suspicious/noExplicitAny: tests read whatever an answer holds
    const answer = (await response.json()) as any;
    return { http: response.status, status: answer.status, code: answer.code, answer };
  }

  let edge: { directory: string; url: string };
  beforeAll(async () => {
    edge = await start({}, { CENTRAL_URL: await startCentral() });
  }, START_TIMEOUT_MS);

  it('a document is clear, a hit by central, or invalid', async () => {
    expect(await ask(edge.url, OTHER)).toMatchObject({ http: 200, status: 'clear' });
    expect(await ask(edge.url, LISTED)).toMatchObject({ http: 200, status: 'hit' });
    const lookAlike = { ...LISTED, number: '1898902C3' };
    expect(await ask(edge.url, lookAlike)).toMatchObject({ http: 202, status: 'candidate' });
    const invalid = { ...LISTED, number: 'A☃' };
    expect(await ask(edge.url, invalid)).toMatchObject({ http: 422, status: 'invalid' });
    const batch = await ask(edge.url, { documents: [OTHER, LISTED, invalid] });
    const statuses = batch.answer.results.map(({ status }: { status: string }) => status);
    expect(statuses).toEqual(['clear', 'hit', 'invalid']);
  });

  it.each<[string, string | Uint8Array<ArrayBuffer>, Settings, number, string]>([
    ['that is not JSON', 'S3CRET{', {}, 400, 'body-not-json'],
    ['that is not UTF-8', Uint8Array.of(0x22, 0xff, 0x22), {}, 400, 'body-not-json'],
    ['with a field that is unknown', '{"S3CRET":1}', {}, 422, 'request-invalid'],
    ['that is too large', `"${'x'.repeat(2 * 1024 * 1024)}"`, {}, 413, 'body-too-large'],
    ['of another type', '{}', { 'content-type': 'text/plain' }, 415, 'content-type'],
    ['without a token', '{}', { authorization: '' }, 401, 'unauthenticated'],
    ['with a token of nobody', '{}', { authorization: 'Bearer S3CRET' }, 401, 'unauthenticated'],
  ])(
    'a body %s is refused with its code, and not repeated',
    async (_, body, headers, http, code) => {
      const response = await post(edge.url, body, headers);
      const text = await response.text();
      expect(response.status).toBe(http);
      expect(JSON.parse(text).code).toBe(code);
      expect(text).not.toContain('S3CRET');
      expect(response.headers.get('content-type')).toBe('application/problem+json');
    },
  );

  it('an address has its methods, and every response may not be stored', async () => {
    const wrong = await fetch(`${edge.url}/v1/checks`);
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
    const head = await fetch(`${edge.url}/readyz`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const missing = await fetch(`${edge.url}/nothing`);
    expect(missing.status).toBe(404);
    const page = await fetch(`${edge.url}/`);
    expect(await page.text()).toContain('ago: the newest');
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    for (const { headers } of [wrong, head, missing, page]) {
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it('a listed document without central stays a candidate', async () => {
    const { url } = await start();
    expect(await ask(url, LISTED)).toMatchObject({ http: 202, status: 'candidate' });
    const away = await start({}, { CENTRAL_URL: 'http://127.0.0.1:9' });
    expect(await ask(away.url, LISTED)).toMatchObject({ http: 202, status: 'candidate' });
  });

  it('what was reported since the edition is a candidate, what was withdrawn stays one (S5)', async () => {
    const reported = {
      ...SPECIMEN,
      number: OTHER.number,
      category: 'stolen',
      kind: 'added',
    } as const;
    const withdrawn = { ...SPECIMEN, category: 'unspecified', kind: 'withdrawn' } as const;
    const { url } = await start({ overlay: [reported, withdrawn] });
    expect((await ask(url, OTHER)).status).toBe('candidate');
    expect((await ask(url, LISTED)).status).toBe('candidate');
    expect((await ask(url, { ...OTHER, number: 'X4477124' })).status).toBe('clear');
  });

  it('a client that has seen a newer edition is not answered from this one', async () => {
    expect((await ask(edge.url, { ...OTHER, minSequence: 1 })).status).toBe('clear');
    const later = await ask(edge.url, { ...OTHER, minSequence: 2 });
    expect(later).toMatchObject({ status: 'unknown', code: 'edition-rollback' });
  });

  it('a candidate is asked about again by its id, and by nobody else', async () => {
    const { url } = await start();
    const { headers } = await post(url, JSON.stringify(LISTED));
    const again = (bearer: string) =>
      fetch(new URL(headers.get('location')!, url), {
        headers: { authorization: `Bearer ${bearer}` },
      });
    const own = await again(token);
    expect([own.status, await own.json()]).toMatchObject([202, { status: 'candidate' }]);
    const others = { token: keys.jwk.token } as unknown as Parameters<typeof issueToken>[0];
    const who = { role: 'officer', tenant: 'D', site: 'desk-1' } as const;
    expect((await again(await issueToken(others, who))).status).toBe(404);
  });

  it('several collections lie beside each other, and one that is away makes nothing clear', async () => {
    const directory = join(temp, `${name}-collections`);
    await publish(directory, { records: [] });
    await publish(join(directory, 'tdawn'), { collection: 'tdawn' });
    const url = await host.start(directory, { ...edgeSettings(keys), COLLECTIONS: '{"tdawn":{}}' });
    const of = { token: keys.jwk.token } as unknown as Parameters<typeof issueToken>[0];
    const who = { role: 'officer', tenant: 'UTO', site: 'desk-1' } as const;
    const both = await issueToken(of, { ...who, collections: ['sltd', 'tdawn'] });
    const askBoth = async (document: object) => {
      const headers = { authorization: `Bearer ${both}` };
      const response = await post(url, JSON.stringify(document), headers);
      // biome-ignore lint/suspicious/noExplicitAny: tests read whatever an answer holds
      const { status, collections } = (await response.json()) as any;
      return [status, ...collections.map((each: { status: string }) => each.status)];
    };
    expect(await askBoth(LISTED)).toEqual(['candidate', 'clear', 'candidate']);
    expect(await askBoth(OTHER)).toEqual(['clear', 'clear', 'clear']);
    for (const page of readdirSync(join(directory, 'tdawn/pages'))) {
      rmSync(join(directory, 'tdawn/pages', page));
    }
    const another = { ...OTHER, issuingState: 'D' };
    expect(await askBoth(another)).toEqual(['unknown', 'clear', 'unknown']);
  });

  it('an edition answers with its age, and after six hours no longer', async () => {
    const old = await start({ issuedAt: Date.now() - HOUR_MS });
    const { status, answer } = await ask(old.url, OTHER);
    expect(status).toBe('clear');
    expect(answer.collections[0].freshness).toBe('stale');
    expect(answer.collections[0].ageSeconds).toBeGreaterThanOrEqual(3_600);
    const expired = await start({ issuedAt: Date.now() - 7 * HOUR_MS });
    for (const document of [OTHER, LISTED]) {
      const late = await ask(expired.url, document);
      expect(late).toMatchObject({ http: 503, status: 'unknown', code: 'edition-expired' });
    }
  });

  it('pages that are gone, empty or damaged make nothing clear (S4)', async () => {
    const { directory, url } = await start();
    const pages = readdirSync(join(directory, 'pages')).map((page) =>
      join(directory, 'pages', page),
    );
    const before = pages.map((page) => readFileSync(page));
    for (const page of pages) rmSync(page);
    expect((await ask(url, OTHER)).status).toBe('unknown');
    for (const page of pages) writeFileSync(page, '');
    expect((await ask(url, OTHER)).status).toBe('unknown');
    pages.forEach((page, i) => {
      const bytes = Buffer.from(before[i]!);
      bytes[bytes.length - 1]! ^= 1;
      writeFileSync(page, bytes);
    });
    expect(await ask(url, OTHER)).toMatchObject({ http: 503, code: 'page-corrupt' });
  });

  it('the sequence never goes down (S6), and without a head there is no answer', async () => {
    const { directory, url } = await start({ sequence: 5 }, { POLL_SECONDS: '1' });
    expect((await ask(url, OTHER)).answer.collections[0].sequence).toBe(5);
    await publish(directory, { sequence: 4, records: [] });
    const until = Date.now() + 2_500;
    while (Date.now() < until) {
      expect((await ask(url, LISTED)).status).toBe('candidate');
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    await publish(directory, { sequence: 6, records: [] });
    await expect
      .poll(async () => (await ask(url, LISTED)).status, { timeout: 20_000 })
      .toBe('clear');
    const empty = await start();
    rmSync(join(empty.directory, 'head'));
    expect((await ask(empty.url, OTHER)).status).toBe('unknown');
    expect((await fetch(`${empty.url}/readyz`)).status).toBe(503);
  });
});

it('on workerd the floor outlasts a restart (S6)', async () => {
  const directory = join(temp, 'restarted');
  const host = HOSTS.workerd!;
  const stateOf = async (url: string) => (await fetch(`${url}/readyz`)).status;
  await publish(directory, { sequence: 5 });
  expect(await stateOf(await host.start(directory, edgeSettings(keys)))).toBe(200);
  // The object is told after the answer.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await stops.pop()!();
  await publish(directory, { sequence: 4, issuedAt: Date.now() - HOUR_MS });
  expect(await stateOf(await host.start(directory, edgeSettings(keys)))).toBe(503);
  await stops.pop()!();
  await publish(directory, { sequence: 6 });
  expect(await stateOf(await host.start(directory, edgeSettings(keys)))).toBe(200);
});
