/** The Worker as it is deployed: its own services, its page, and settings that are not usable. */

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../src/world.ts';
import { createServices } from '../../src/services.ts';
import worker from '../../src/index.ts';
import { bucket, Edge, matcherModule, OTHER_FIELDS } from './edge.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the Worker', () => {
  it('answers from its bucket, and shows its page', async () => {
    const lines: string[] = [];
    for (const name of ['log', 'error'] as const) {
      vi.spyOn(console, name).mockImplementation((line: string) => lines.push(line));
    }
    const edge = await Edge.start();
    const env = { ...edge.env, EDITIONS: bucket };
    const send = async (path: string, init?: RequestInit) => {
      const ctx = createExecutionContext();
      const response = await worker.fetch(
        new Request(`https://edge.invalid${path}`, init),
        env,
        ctx,
      );
      await waitOnExecutionContext(ctx);
      return response;
    };
    const broken = await worker.fetch(
      new Request('https://edge.invalid/readyz'),
      {} as Env,
      createExecutionContext(),
    );
    expect(broken.status).toBe(500);
    expect(await broken.json()).toMatchObject({ code: 'config-invalid', status: 'unknown' });

    expect((await send('/readyz')).status).toBe(200);
    const headers = {
      authorization: `Bearer ${await edge.token()}`,
      'content-type': 'application/json',
    };
    const body = JSON.stringify(OTHER_FIELDS);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => send('/v1/checks', { method: 'POST', headers, body })),
    );
    for (const answer of answers) expect(await answer.json()).toMatchObject({ status: 'clear' });
    // One line for the settings that were not usable, and one for each check.
    expect(lines.map((line) => JSON.parse(line).event).sort()).toEqual([
      ...Array(20).fill('check'),
      'error',
    ]);

    const page = await send('/');
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const html = await page.text();
    const { id } = await edge.services.main.editions.current(() => {});
    expect(html).toContain(id.slice(0, 12));
    expect(html).toContain('ago: the newest');
    expect(html).not.toMatch(/https?:\/\//);
    expect(html).not.toMatch(/\son\w+=|style=/);
    for (const [, name] of html.matchAll(/<label for="([\w-]+)"/g)) {
      expect(html).toContain(`id="${name}"`);
    }
  });

  it('shows on its page that no edition is loaded', async () => {
    const edge = await Edge.start({ source: () => ({ get: async () => undefined }) });
    const page = await edge.fetch('/');
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('No edition of the list is loaded');
    expect((await edge.fetch('/readyz')).status).toBe(503);
  });
});

describe('a setting', () => {
  const world = {
    ...{ matcherModule, hash64: () => 0n, now: Date.now, fetch, log: () => {} },
  };

  it.each<keyof Env>([
    ...(['EPOCH_KEYS', 'EDITION_KEYS', 'OVERLAY_KEYS', 'HEAD_KEYS', 'TOKEN_KEYS'] as const),
    ...(['SEAL_KEY', 'CENTRAL_KEYS', 'EDGE_SIGNING_KEY'] as const),
  ])('%s that is missing or not usable is named, its value is not', async (name) => {
    const { env } = await Edge.start();
    for (const value of [undefined, 'S3CRET', 'S3CRET'.repeat(20)]) {
      const made = createServices({ ...env, EDITIONS: bucket, [name]: value }, world);
      const error = await made.then(
        () => undefined,
        (reason) => reason,
      );
      expect(error).toMatchObject({ code: 'config-invalid', detail: name });
      expect(String(error)).not.toContain('S3CRET');
    }
  });

  it('for the place of the editions must be there, and be an address of HTTP', async () => {
    const { env } = await Edge.start();
    const make = (more: Partial<Env>) => createServices({ ...env, ...more }, world);
    for (const more of [{}, { EDITIONS_ORIGIN: 'x' }, { EDITIONS_ORIGIN: 'file:///etc' }]) {
      await expect(make(more)).rejects.toMatchObject({ code: 'config-invalid' });
    }
    await expect(make({ EDITIONS: bucket, CENTRAL_URL: 'x' })).rejects.toMatchObject({
      code: 'config-invalid',
    });
    await expect(make({ EDITIONS_ORIGIN: 'http://127.0.0.1:1/' })).resolves.toBeDefined();
  });
});
