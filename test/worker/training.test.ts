/** A training at the edge: a collection that is asked alone, and answers that nobody takes for live. */

import { beforeEach, describe, expect, it } from 'vitest';
import { parseCheckLine } from '../../src/format/check-event.ts';
import { Edge, OTHER_FIELDS, SPECIMEN, SPECIMEN_FIELDS, SPECIMEN_KEY } from './edge.ts';

const TRAINING = ['training'];
/** Listed for training alone. */
const TRAINED = { ...SPECIMEN, number: 'T7000001' };
const TRAINED_FIELDS = { ...SPECIMEN_FIELDS, number: 'T7000001' };
const TRAINED_KEY = 'PUTOT7000001';

describe('a training', () => {
  let edge: Edge;
  let posted: string[];
  beforeEach(async () => {
    const COLLECTIONS = JSON.stringify({ training: { CENTRAL_URL: 'https://training.invalid' } });
    edge = await Edge.start({ env: { COLLECTIONS, CHECK_EVENTS: 'post' } });
    await edge.publish({ collection: 'training', records: [TRAINED], sequence: 5 });
    edge.central.list(SPECIMEN_KEY);
    edge.central.list(TRAINED_KEY);
    edge.central.change = (answer) => {
      const isTraining = edge.central.asked.at(-1)!.question.collection === 'training';
      return isTraining ? { ...answer, training: true } : answer;
    };
    // Lines of a test before may still be on their way: they belong to its own list.
    const hosts: string[] = [];
    posted = hosts;
    edge.central.fault = async (request, central) => {
      const url = new URL(request.url);
      if (url.pathname !== '/v1/check-events') return central(request);
      hosts.push(url.hostname);
      return new Response('{}');
    };
  });

  it('answers from its own list alone, and a live check from the live one', async () => {
    const trained = await edge.ask(TRAINED_FIELDS, { collections: TRAINING });
    expect(trained.answer).toMatchObject({
      ...{ training: true, status: 'hit' },
      collections: [{ collection: 'training', sequence: 5 }],
    });
    const live = await edge.ask(SPECIMEN_FIELDS, { collections: TRAINING });
    expect(live.answer).toMatchObject({ training: true, status: 'clear' });
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('hit');
    expect((await edge.ask(TRAINED_FIELDS)).answer.status).toBe('clear');
  });

  it('marks every answer, single, batch, problem, candidate and state of the list; a live one none', async () => {
    const requests: [string, (collections: string[]) => Promise<Response>][] = [
      ['clear', (collections) => edge.check(OTHER_FIELDS, { collections })],
      ['batch', (collections) => edge.check({ documents: [OTHER_FIELDS] }, { collections })],
      [
        'not a document',
        (collections) => edge.check({ ...OTHER_FIELDS, number: '' }, { collections }),
      ],
      ['not a request', (collections) => edge.check('{', { collections })],
      ['forbidden', (collections) => edge.check(OTHER_FIELDS, { collections, role: 'carrier' })],
      ['editions', (collections) => edge.get('/v1/editions', { collections })],
      ['no check id', (collections) => edge.get('/v1/checks/x', { collections })],
    ];
    for (const [name, request] of requests) {
      for (const isTraining of [true, false]) {
        const response = await request([isTraining ? 'training' : 'sltd']);
        expect([name, response.headers.get('x-training')]).toEqual([
          name,
          isTraining ? 'true' : null,
        ]);
        const text = await response.text();
        expect([name, text.startsWith('{"training":true,')]).toEqual([name, isTraining]);
      }
    }
  });

  it.each([[['sltd', 'training']], [['training', 'sltd']], [['training', 'training']]])(
    'is never asked together with others: %s',
    async (collections) => {
      const { http, answer } = await edge.ask(OTHER_FIELDS, { collections });
      expect([http, answer.code]).toEqual([401, 'unauthenticated']);
    },
  );

  it('takes no check id of a live check, nor gives one to it', async () => {
    const fault = edge.central.fault;
    edge.central.fault = async () => new Response('', { status: 500 });
    const live = await edge.check(SPECIMEN_FIELDS);
    const trained = await edge.check(TRAINED_FIELDS, { collections: TRAINING });
    edge.central.fault = fault;
    const liveId = live.headers.get('location')!;
    const trainedId = trained.headers.get('location')!;
    expect((await edge.get(liveId, { collections: TRAINING })).status).toBe(404);
    expect((await edge.get(trainedId)).status).toBe(404);
    expect((await edge.get(trainedId, { collections: TRAINING })).status).toBe(200);
  });

  it('leaves its line to its own central, with its name in it', async () => {
    await edge.check(OTHER_FIELDS, { collections: TRAINING });
    await expect.poll(() => posted).toEqual(['training.invalid']);
    const [event] = parseCheckLine(JSON.parse(edge.logs.at(-1)!))!;
    expect(event!.collection).toBe('training');
    await edge.check(OTHER_FIELDS);
    await expect.poll(() => posted).toEqual(['training.invalid', 'central.invalid']);
  });

  it('believes no live central, and a live check none of a training', async () => {
    edge.central.change = (answer) => answer;
    const trained = await edge.ask(TRAINED_FIELDS, { collections: TRAINING });
    expect(trained.answer.status).toBe('candidate');
    edge.central.change = (answer) => ({ ...answer, training: true });
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('candidate');
  });
});
