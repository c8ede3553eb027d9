/** When central is slow, down or strange, and what each role is told. */

import { beforeEach, describe, expect, it } from 'vitest';
import type { Fault } from '../support/central.ts';
import { Edge, OTHER_FIELDS, SPECIMEN, SPECIMEN_FIELDS, SPECIMEN_KEY } from './edge.ts';

const text =
  (body: string, status = 200): Fault =>
  async () =>
    new Response(body, { status });

describe('central', () => {
  let edge: Edge;
  beforeEach(async () => {
    edge = await Edge.start();
    edge.central.list(SPECIMEN_KEY);
  });

  it.each<[string, Fault, number]>([
    ['answers 500', text('{}', 500), 2],
    ['answers 503 with a problem', text('{"code":"edition-missing"}', 503), 2],
    ['answers 404', text('{}', 404), 1],
    ['answers 401', text('{}', 401), 1],
    ['sends a redirect', async () => Response.redirect('https://elsewhere.invalid/', 302), 1],
    ['answers with garbage', text('garbage'), 1],
    ['answers with nothing', text(''), 1],
    ['answers with null', text('null'), 1],
    ['answers with another member', text('{"answers":"e30.e30.e30"}'), 1],
    ['answers with what is no JWS', text('{"answer":"no"}'), 1],
    ['answers with an unsigned JWS', text('{"answer":"eyJhbGciOiJub25lIn0.e30."}'), 1],
    ['answers without end', text(`{"answer":"${'A'.repeat(5 * 1024 * 1024)}"}`), 1],
    ['is cut off', () => Promise.reject(new TypeError('cut')), 2],
    ['is cut off in its body', async () => new Response(brokenBody()), 2],
  ])('that %s leaves the document a candidate', async (_, fault, requestCount) => {
    edge.central.fault = fault;
    const { http, answer } = await edge.ask(SPECIMEN_FIELDS);
    expect(http).toBe(202);
    expect(answer).toMatchObject({ status: 'candidate', advice: 'second-check' });
    expect(edge.central.requestCount).toBe(requestCount);
  });

  it('that is too slow is not waited for, and not asked twice', async () => {
    edge.central.fault = () => new Promise(() => {});
    const startedMs = Date.now();
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('candidate');
    expect(Date.now() - startedMs).toBeLessThan(3_000);
    expect(edge.central.requestCount).toBe(1);
    expect(JSON.parse(edge.logs.at(-1)!).central).toBe('timeout');
  });

  it('that fails late and then hangs costs one wait, not two', async () => {
    const startedMs = Date.now();
    edge.central.fault = async () => {
      if (edge.central.requestCount > 1) return new Promise(() => {});
      await new Promise((resolve) => setTimeout(resolve, 1_400));
      throw new TypeError('cut');
    };
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('candidate');
    expect(Date.now() - startedMs).toBeLessThan(2_800);
    expect(edge.central.requestCount).toBe(2);
    expect(JSON.parse(edge.logs.at(-1)!).central).toBe('timeout');
  });

  it('that fails once is asked again', async () => {
    edge.central.fault = async (request, central) =>
      edge.central.requestCount === 1 ? new Response('', { status: 502 }) : central(request);
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('hit');
  });

  it('that keeps failing is left alone for five seconds, then tried once', async () => {
    edge.central.fault = text('', 500);
    for (let i = 0; i < 5; i++) await edge.ask(SPECIMEN_FIELDS);
    expect(edge.central.requestCount).toBe(10);
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('candidate');
    expect(edge.central.requestCount).toBe(10);
    expect(JSON.parse(edge.logs.at(-1)!).central).toBe('open-circuit');
    edge.passSeconds(5);
    await edge.ask(SPECIMEN_FIELDS);
    await edge.ask(SPECIMEN_FIELDS);
    expect(edge.central.requestCount).toBe(12);
    edge.central.fault = undefined;
    edge.passSeconds(5);
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('hit');
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('hit');
  });

  it('is not asked about documents that are not listed', async () => {
    await edge.ask({ documents: [OTHER_FIELDS, { number: '', issuingState: 'UTO' }] });
    expect(edge.central.requestCount).toBe(0);
  });

  it('is asked once for a whole flight, and each key once', async () => {
    const documents = Array.from({ length: 50 }, () => SPECIMEN_FIELDS);
    const { answer } = await edge.ask({ documents: [...documents, OTHER_FIELDS] });
    expect(edge.central.asked).toHaveLength(1);
    expect(edge.central.asked[0]?.question.keys).toEqual([SPECIMEN_KEY]);
    expect(
      answer.results.filter(({ status }: { status: string }) => status === 'hit'),
    ).toHaveLength(50);
  });
});

describe('the question', () => {
  it('says which keys were read so, and what for, the first time and when asked again', async () => {
    const edge = await Edge.start();
    // With I for 1 it is a look-alike of what is listed.
    const lookAlike = { ...SPECIMEN_FIELDS, number: '1898902C3' };
    edge.central.fault = text('', 500);
    await edge.ask({ documents: [lookAlike] });
    const fields = { ...SPECIMEN_FIELDS, purpose: 'border-check', direction: 'exit' };
    const first = await edge.check(fields);
    edge.central.fault = undefined;
    await edge.get(first.headers.get('location')!);
    await edge.ask({ documents: [SPECIMEN_FIELDS, lookAlike], purpose: 'test' });
    const [again, both] = edge.central.asked.map(({ question }) => question);
    expect(again?.encounter).toEqual({ exact: [0], purpose: 'border-check', direction: 'exit' });
    expect(both?.keys[0]).toBe(SPECIMEN_KEY);
    const exactKeys = both?.encounter?.exact.map((index) => both.keys[index]);
    expect(exactKeys).toEqual([SPECIMEN_KEY, 'PUTO1898902C3']);
    expect(both?.encounter?.purpose).toBe('test');
  });
});

describe('carriers and integrators', () => {
  it.each(['carrier', 'integrator'])('%s cannot tell a hit from a candidate', async (role) => {
    const edge = await Edge.start();
    edge.central.list(SPECIMEN_KEY);
    const bodyOf = async () => {
      const response = await edge.check({ id: 'x', ...SPECIMEN_FIELDS }, { role });
      const { checkId, ...answer } = (await response.json()) as { checkId: string };
      expect(checkId.length).toBeGreaterThan(100);
      const { location, 'retry-after': retryAfter } = Object.fromEntries(response.headers);
      expect(location).toBe(`/v1/checks/${checkId}`);
      return { http: response.status, answer, retryAfter, length: checkId.length };
    };
    const hit = await bodyOf();
    edge.central.fault = text('', 500);
    const candidate = await bodyOf();
    expect(hit).toEqual(candidate);
    expect(hit.answer).toMatchObject({ id: 'x', status: 'candidate', advice: 'second-check' });
    expect(JSON.stringify(hit.answer)).not.toMatch(/L898902C3|stolen|match|record|central/);
  });

  it('in a batch as well, and they do see what is clear', async () => {
    const edge = await Edge.start();
    edge.central.list(SPECIMEN_KEY);
    const { answer } = await edge.ask(
      { documents: [SPECIMEN_FIELDS, OTHER_FIELDS] },
      { role: 'carrier' },
    );
    expect(answer.results).toEqual([
      {
        ...{ status: 'candidate', advice: 'second-check', coverage: 'reports', basis: 'edge' },
        checkId: expect.any(String),
      },
      { status: 'clear', advice: 'not-reported', coverage: 'reports', basis: 'edge' },
    ]);
  });
});

describe('a record', () => {
  it('of a state that hardly reports is told with its coverage', async () => {
    const edge = await Edge.start({ spec: { coverage: { FRA: 'does-not-report', D: 'partial' } } });
    const coverageOf = async (issuingState: string) =>
      (await edge.ask({ ...OTHER_FIELDS, issuingState })).answer.collections[0].coverage;
    expect(await coverageOf('FRA')).toBe('does-not-report');
    expect(await coverageOf('D')).toBe('partial');
  });

  it('shows the NCB what it shows an officer', async () => {
    const edge = await Edge.start({ spec: { records: [SPECIMEN] } });
    edge.central.list(SPECIMEN_KEY, { ncb: 'NCB-UTO' });
    const { answer } = await edge.ask(SPECIMEN_FIELDS, { role: 'ncb' });
    expect(answer).toMatchObject({ status: 'hit', match: { record: { ncb: 'NCB-UTO' } } });
  });
});

function brokenBody(): ReadableStream {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"ans'));
      controller.error(new TypeError('cut'));
    },
  });
}
