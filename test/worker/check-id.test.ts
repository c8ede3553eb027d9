/** Asking again about a candidate: GET /v1/checks/{id}. */

import { beforeEach, describe, expect, it } from 'vitest';
import { Edge, type Json, SPECIMEN_FIELDS, SPECIMEN_KEY } from './edge.ts';

let edge: Edge;
let location: string;

const again = async (claims = {}) => {
  const response = await edge.get(location, claims);
  return { http: response.status, answer: (await response.json()) as Json };
};

beforeEach(async () => {
  edge = await Edge.start();
  edge.central.fault = async () => new Response('', { status: 500 });
  const response = await edge.check(SPECIMEN_FIELDS);
  location = response.headers.get('location')!;
  expect(location).toMatch(/^\/v1\/checks\/[\w.-]+$/);
  expect(((await response.json()) as Json).checkId).toBe(location.split('/').at(-1));
});

describe('a check id', () => {
  it('gives the same answer while central is down, and the hit when it is back', async () => {
    expect(await again()).toMatchObject({
      http: 202,
      answer: { status: 'candidate', checkId: location.split('/').at(-1) },
    });
    edge.central.fault = undefined;
    edge.central.list(SPECIMEN_KEY);
    const { http, answer } = await again();
    expect(http).toBe(200);
    expect(answer).toMatchObject({
      status: 'hit',
      match: { number: 'L898902C3', spelling: 'exact' },
      collections: [{ basis: 'central', sequence: 1, coverage: 'reports' }],
    });
    expect(answer.checkId).toBeUndefined();
  });

  it('is answered from the edition that made the candidate, whatever is in use since', async () => {
    const { id } = await edge.services.main.editions.current(() => {});
    await edge.publish({ records: [], sequence: 9 });
    await edge.services.main.editions.poll(() => {});
    edge.central.fault = undefined;
    const { answer } = await again();
    expect(answer).toMatchObject({ status: 'clear', collections: [{ edition: id, sequence: 1 }] });
    expect(edge.central.asked.at(-1)?.question).toMatchObject({ edition: id, sequence: 1 });
  });

  it('is not cleared by data older than the edition that made the candidate (S2)', async () => {
    edge.central.fault = undefined;
    edge.central.asOf = edge.clock.nowMs - 1;
    expect((await again()).answer.status).toBe('candidate');
  });

  it('is not cleared once its edition is too old to answer from, but still becomes a hit', async () => {
    edge.central.fault = undefined;
    edge.passSeconds(6 * 3600 + 1);
    expect(await again()).toMatchObject({
      http: 503,
      answer: { status: 'unknown', code: 'edition-expired' },
    });
    edge.central.list(SPECIMEN_KEY);
    expect((await again()).answer.status).toBe('hit');
  });

  it('is of no use to another tenant', async () => {
    expect(await again({ tenant: 'OTHER' })).toMatchObject({
      http: 404,
      answer: { status: 'unknown', code: 'check-id-invalid' },
    });
    expect((await again({ site: 'desk-2', sub: 'colleague' })).http).toBe(202);
  });

  it('shows a carrier of the same tenant nothing', async () => {
    edge.central.fault = undefined;
    edge.central.list(SPECIMEN_KEY);
    const { http, answer } = await again({ role: 'carrier' });
    expect(http).toBe(202);
    expect(JSON.stringify(answer)).not.toMatch(/L898902C3|stolen|match|central/);
  });

  it('expires after a day', async () => {
    edge.passSeconds(24 * 3600 - 1);
    expect((await again()).http).toBe(202);
    edge.passSeconds(2);
    expect(await again()).toMatchObject({ http: 410, answer: { code: 'check-id-expired' } });
  });

  it('with any character changed is refused', async () => {
    const id = location.slice('/v1/checks/'.length);
    for (let i = 0; i < id.length; i += 7) {
      const other = id[i] === 'A' ? 'B' : 'A';
      const response = await edge.get(`/v1/checks/${id.slice(0, i)}${other}${id.slice(i + 1)}`);
      // The last character of a base64url part may hold bits that are not read.
      const isSame = response.status === 202;
      if (!isSame) expect(response.status).toBe(404);
      else expect(id[i + 1] === '.' || i === id.length - 1).toBe(true);
    }
  });

  it.each(['x', 'a.b.c.d.e', '..', '%00', 'x'.repeat(13_000), 'eyJhbGciOiJub25lIn0.e30.'])(
    'that is not one of ours is refused (%#)',
    async (id) => {
      const response = await edge.get(`/v1/checks/${id}`);
      expect([404]).toContain(response.status);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
    },
  );

  it('sealed under another key is refused', async () => {
    edge.services.sealKeys = [new Uint8Array(32).fill(7)];
    expect(await again()).toMatchObject({ http: 404, answer: { code: 'check-id-invalid' } });
  });
});
