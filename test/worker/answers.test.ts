/** The answers of the edge, each status once, in the Workers runtime. */

import { beforeAll, describe, expect, it } from 'vitest';
import { Edge, OTHER_FIELDS, SPECIMEN_FIELDS, SPECIMEN_KEY, SPECIMEN_MRZ } from './edge.ts';

let edge: Edge;
beforeAll(async () => {
  edge = await Edge.start();
});

describe('one document', () => {
  it('that is not listed is clear by the edge alone', async () => {
    const { http, answer } = await edge.ask({ ...OTHER_FIELDS, id: 'a "b"' });
    expect(http).toBe(200);
    expect(answer).toEqual({
      id: 'a "b"',
      status: 'clear',
      advice: 'not-reported',
      collections: [
        {
          collection: 'sltd',
          edition: expect.stringMatching(/^[0-9a-f]{64}$/),
          sequence: 1,
          asOf: new Date(edge.clock.nowMs).toISOString(),
          ageSeconds: 0,
          freshness: 'fresh',
          coverage: 'reports',
          basis: 'edge',
        },
      ],
    });
    expect(edge.central.requestCount).toBe(0);
  });

  it('that is listed and confirmed is a hit', async () => {
    edge.central.list(SPECIMEN_KEY, { nationalReference: 'UTO-1', ncb: 'NCB-UTO' });
    const { http, answer } = await edge.ask({ mrz: SPECIMEN_MRZ });
    expect(http).toBe(200);
    expect(answer).toMatchObject({
      status: 'hit',
      advice: 'verify-with-issuer',
      collections: [{ basis: 'central' }],
      match: {
        spelling: 'exact',
        number: 'L898902C3',
        category: 'stolen',
        record: { nationalReference: 'UTO-1' },
      },
      mrz: { format: 'TD3', checks: { documentNumber: true } },
    });
  });

  it('that is not readable is a problem that asks for a re-read', async () => {
    const response = await edge.check({ mrz: SPECIMEN_MRZ.replace('L898902C36', 'L898902C37') });
    expect(response.status).toBe(422);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({
      type: 'urn:sltd-edge:problem:number-check-digit',
      code: 'number-check-digit',
      status: 'invalid',
      advice: 're-read',
    });
  });
});

describe('a batch', () => {
  it('gives one result a document, in order, each with its own status', async () => {
    const { http, answer } = await edge.ask({
      purpose: 'border-check',
      direction: 'entry',
      documents: [
        { id: '1', ...OTHER_FIELDS },
        { id: '2', ...SPECIMEN_FIELDS },
        { id: '3', number: '', issuingState: 'UTO' },
        { ...OTHER_FIELDS, issuingState: 'XYZ' },
      ],
    });
    expect(http).toBe(200);
    expect(answer.collections).toHaveLength(1);
    expect(answer.results).toMatchObject([
      { id: '1', status: 'clear', coverage: 'reports', basis: 'edge', advice: 'not-reported' },
      { id: '2', status: 'hit', basis: 'central', match: { number: 'L898902C3' } },
      { id: '3', status: 'invalid', code: 'number-missing', advice: 're-read' },
      { status: 'invalid', code: 'state-unknown' },
    ]);
  });
});
