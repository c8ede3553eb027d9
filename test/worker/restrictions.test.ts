/** A source state may keep its records from other states: nothing tells them what is listed. */

import { describe, expect, it } from 'vitest';
import type { ObjectSource } from '../../src/store/object-source.ts';
import { Edge, type Json, OTHER_FIELDS, SPECIMEN, SPECIMEN_FIELDS, SPECIMEN_KEY } from './edge.ts';

const RESTRICTED = { status: 'unknown', code: 'state-restricted', advice: 'no-decision' };
const SPEC = { restrictions: [['UTO', 'D']] as const };

/** An edge of a list whose UTO keeps its records from D, and the pages that were fetched. */
async function start(options: Parameters<typeof Edge.start>[0] = {}) {
  const fetched: string[] = [];
  const counting = (source: ObjectSource): ObjectSource => ({
    get: (name, lengthMax) => {
      if (name.startsWith('pages/')) fetched.push(name);
      return source.get(name, lengthMax);
    },
  });
  const edge = await Edge.start({ spec: SPEC, source: counting, ...options });
  return { edge, fetched };
}

/** An answer without what differs between any two. */
const shapeOf = ({ requestId: _, ...answer }: Json) => answer;

describe('a caller of an excluded state', () => {
  it.each(['officer', 'ncb', 'integrator', 'carrier'])(
    'is told nothing as %s: a listed document is answered like any other',
    async (role) => {
      const { edge, fetched } = await start();
      edge.central.list(SPECIMEN_KEY);
      const claims = { state: 'D', role };
      const listed = await edge.ask(SPECIMEN_FIELDS, claims);
      const other = await edge.ask(OTHER_FIELDS, claims);
      expect(listed.http).toBe(503);
      expect(listed.answer).toMatchObject(RESTRICTED);
      expect(listed.answer.collections).toMatchObject([{ coverage: 'restricted' }]);
      expect(shapeOf(listed.answer)).toEqual(shapeOf(other.answer));
      expect(fetched).toEqual([]);
      expect(edge.central.requestCount).toBe(0);
      const [first, second] = edge.logs.map((line) => JSON.parse(line) as Json);
      const lineOf = ({ tags, time, requestId, durationMs, ...line }: Json) => line;
      expect(lineOf(first)).toEqual(lineOf(second));
      expect(first).toMatchObject({ answers: 'u', codes: { 'state-restricted': 1 }, state: 'D' });
      expect(first.tags?.length).toBe(second.tags?.length);
    },
  );

  it('is told nothing of what was reported since the edition, either', async () => {
    const { edge } = await start({
      spec: { ...SPEC, overlay: [{ ...SPECIMEN, number: 'N1', kind: 'added' }] },
    });
    const { answer } = await edge.ask({ ...SPECIMEN_FIELDS, number: 'N1' }, { state: 'D' });
    expect(answer).toMatchObject(RESTRICTED);
    const { answer: other } = await edge.ask(
      { ...SPECIMEN_FIELDS, number: 'N1' },
      { state: 'FRA' },
    );
    expect(other.collections).toMatchObject([{ basis: 'central' }]);
  });

  it('is answered about documents of other states as before, in the same batch', async () => {
    const { edge } = await start();
    const german = { ...OTHER_FIELDS, issuingState: 'D' };
    const { answer } = await edge.ask(
      { documents: [SPECIMEN_FIELDS, german, { number: '?', issuingState: 'UTO' }] },
      { state: 'D' },
    );
    expect(answer.results).toMatchObject([
      { ...RESTRICTED, coverage: 'restricted' },
      { status: 'clear', coverage: 'reports' },
      { status: 'invalid' },
    ]);
  });

  it('is excluded where a related issuer of the document restricts it', async () => {
    const { edge } = await start({ spec: { restrictions: [['GBD', 'D']] } });
    const fields = { ...OTHER_FIELDS, issuingState: 'GBR' };
    expect((await edge.ask(fields, { state: 'D' })).answer).toMatchObject(RESTRICTED);
    expect((await edge.ask(fields, { state: 'FRA' })).answer.status).toBe('clear');
  });

  it('still learns what another collection says, and is never clear', async () => {
    const COLLECTIONS = JSON.stringify({ tdawn: { CENTRAL_URL: 'https://central.invalid' } });
    const { edge } = await start({ env: { COLLECTIONS } });
    await edge.publish({ collection: 'tdawn', records: [{ ...SPECIMEN, number: 'N7000001' }] });
    const claims = { state: 'D', collections: ['sltd', 'tdawn'] };
    const clear = (await edge.ask(OTHER_FIELDS, claims)).answer;
    expect(clear).toMatchObject(RESTRICTED);
    expect(clear.collections).toMatchObject([{ coverage: 'restricted' }, { status: 'clear' }]);
    edge.central.list('PUTON7000001');
    const hit = await edge.ask({ ...SPECIMEN_FIELDS, number: 'N7000001' }, claims);
    expect(hit.answer.status).toBe('hit');
  });

  it('sees of the edition that the state is restricted, and not how much it has listed', async () => {
    const { edge } = await start();
    const statesOf = async (claims: object) => {
      const { editions } = (await (await edge.get('/v1/editions', claims)).json()) as Json;
      return editions[0].states.find(({ state }: Json) => state === 'UTO');
    };
    expect(await statesOf({ state: 'D' })).toEqual({ state: 'UTO', coverage: 'restricted' });
    expect(await statesOf({ state: 'FRA' })).toMatchObject({ recordCount: 1 });
  });
});

describe('the state of a caller', () => {
  it.each([
    ['is the claim', { state: 'FRA' }, 'candidate'],
    ['is that of its bureau', { tenant: 'NCB-FRA', role: 'ncb' }, 'candidate'],
    ['is that of its bureau', { tenant: 'NCB-D', role: 'ncb' }, 'unknown'],
    ['is its own for the bureau of the source', { tenant: 'NCB-UTO', role: 'ncb' }, 'candidate'],
    ['is not known without either: doubt never widens access', {}, 'unknown'],
    ['is not known from a tenant that is no bureau', { tenant: 'BORDER-FRA' }, 'unknown'],
  ])('%s', async (_, claims, status) => {
    const { edge } = await start({ withoutCentral: true });
    expect((await edge.ask(SPECIMEN_FIELDS, claims)).answer.status).toBe(status);
  });

  it.each([
    ['is no code', { state: 'Utopia' }],
    ['is not written as the code is', { state: 'd' }],
    ['is no text', { state: 7 }],
    ['is not that of the bureau', { tenant: 'NCB-D', state: 'FRA' }],
  ])('that %s makes the credential none', async (_, claims) => {
    const { edge } = await start();
    expect((await edge.ask(OTHER_FIELDS, claims)).http).toBe(401);
  });

  it('does not matter where no source restricts anybody', async () => {
    const edge = await Edge.start();
    expect((await edge.ask(OTHER_FIELDS)).answer.status).toBe('clear');
  });

  it('is vouched for to central', async () => {
    const edge = await Edge.start();
    await edge.ask(SPECIMEN_FIELDS, { state: 'FRA' });
    expect(edge.central.asked[0]!.claims).toMatchObject({ state: 'FRA' });
  });
});

describe('a restriction that central knows and the edition not yet', () => {
  it('ends in unknown, listed or not', async () => {
    const edge = await Edge.start();
    edge.central.restricted.add('UTO');
    const { answer } = await edge.ask(SPECIMEN_FIELDS, { state: 'D' });
    expect(answer).toMatchObject(RESTRICTED);
    expect(answer.collections).toMatchObject([{ coverage: 'restricted' }]);
    expect(answer).not.toHaveProperty('match');
    expect(answer).not.toHaveProperty('checkId');
  });

  it('holds for a candidate that is asked about again', async () => {
    const edge = await Edge.start();
    edge.central.fault = () => Promise.reject(new Error('line is cut'));
    const { checkId } = (await edge.ask(SPECIMEN_FIELDS, { state: 'D' })).answer;
    edge.central.fault = undefined;
    edge.central.restricted.add('UTO');
    edge.passSeconds(60);
    const again = await edge.get(`/v1/checks/${checkId}`, { state: 'D' });
    expect(await again.json()).toMatchObject(RESTRICTED);
    // Nor is the id a way around the state of whoever holds it.
    const other = await edge.get(`/v1/checks/${checkId}`, { state: 'FRA' });
    expect(other.status).toBe(404);
  });

  it('leaves a candidate at an edge that does not know such an answer', async () => {
    // To it, what it does not know is left out, and a result without `listed` is no result.
    const edge = await Edge.start();
    edge.central.change = (answer) => ({ ...answer, results: answer.results.map(() => ({})) });
    const { http, answer } = await edge.ask(SPECIMEN_FIELDS, { state: 'D' });
    expect([http, answer.status]).toEqual([202, 'candidate']);
  });

  it.each([
    ['restricted and listed at once', { restricted: true, listed: false } as const],
    ['restricted as anything but true', { restricted: false } as never],
  ])('said to be %s is no answer', async (_, result) => {
    const edge = await Edge.start();
    edge.central.change = (answer) => ({ ...answer, results: answer.results.map(() => result) });
    expect((await edge.ask(SPECIMEN_FIELDS, { state: 'D' })).answer.status).toBe('candidate');
  });
});
