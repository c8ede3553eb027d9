/** The line that every check leaves, and its way to central. */

import { beforeAll, describe, expect, it } from 'vitest';
import { parseCheckLine, tagBytesOf } from '../../src/format/check-event.ts';
import { Edge, type Json, OTHER_FIELDS, SPECIMEN_FIELDS } from './edge.ts';

const OPERATION = 'o'.repeat(22);

let edge: Edge;
beforeAll(async () => {
  // Without central the specimen stays a candidate.
  edge = await Edge.start({ withoutCentral: true });
});

const lastEvent = (from = edge) => parseCheckLine(JSON.parse(from.logs.at(-1)!))![0]!;

describe('an audit line', () => {
  it('has one letter and one tag a document, in order', async () => {
    await edge.check({
      documents: [OTHER_FIELDS, { number: '', issuingState: 'UTO' }, SPECIMEN_FIELDS, OTHER_FIELDS],
      ...{ purpose: 'border-check', direction: 'entry', operation: OPERATION },
    });
    const event = lastEvent();
    expect(event).toMatchObject({
      ...{ answers: 'ciac', direction: 'entry', operation: OPERATION, sequence: 1 },
      codes: { 'number-missing': 1 },
    });
    const tags = tagBytesOf(event)!;
    const tag = (place: number) => tags.subarray(8 * place, 8 * place + 8).join();
    expect(tags.length).toBe(32);
    expect(tag(0)).toBe(tag(3));
    expect(tag(0)).not.toBe(tag(2));
    expect(tag(1)).toBe('0,0,0,0,0,0,0,0');
  });

  it('has a digit for the classes of each document, and one for all that are asked alike', async () => {
    const passport = { number: 'X1234567', issuingState: 'UTO', documentClass: 'passport' };
    const card = { ...passport, documentClass: 'identity' };
    const { documentClass: _, ...any } = passport;
    const unread = { number: '', issuingState: 'UTO' };
    await edge.check({ documents: [passport, card, any, unread] });
    expect(lastEvent().classes).toBe('12f0');
    await edge.check({ documents: [card, card, card] });
    expect(lastEvent().classes).toBe('2');
  });

  it('of 1,000 documents is not cut by the log', async () => {
    await edge.check({ documents: Array(1_000).fill(OTHER_FIELDS) });
    expect(edge.logs.at(-1)!.length).toBeLessThan(16_384);
    expect(lastEvent().answers.length).toBe(1_000);
  });

  it('of a candidate asked about again names the first question and its operation', async () => {
    const { answer } = await edge.ask({ ...SPECIMEN_FIELDS, operation: OPERATION });
    const first = lastEvent();
    await edge.get(`/v1/checks/${answer.checkId}`);
    const again = lastEvent();
    expect(again).toMatchObject({
      ...{ route: 'GET /v1/checks/:id', operation: OPERATION, tags: first.tags },
      first: { requestId: first.requestId, place: 0, time: first.time },
    });
  });

  it('of a candidate asked about again has the purpose of the first, so that training stays training', async () => {
    const fields = { ...SPECIMEN_FIELDS, purpose: 'training', direction: 'entry' };
    const { answer } = await edge.ask(fields);
    await edge.get(`/v1/checks/${answer.checkId}`);
    expect(lastEvent()).toMatchObject({ purpose: 'training', direction: 'entry' });
  });

  it('has no tag without a key, and an operation is an opaque id or refused', async () => {
    const own = await Edge.start({ env: { TAG_KEY: '' } });
    await own.check(OTHER_FIELDS);
    expect(lastEvent(own).tags).toBeUndefined();
    for (const operation of ['', 'L898902C3', 'x'.repeat(23), 7, null]) {
      expect((await edge.check({ ...OTHER_FIELDS, operation })).status).toBe(422);
    }
  });

  it('is refused as a setting where it is none', async () => {
    for (const env of [{ TAG_KEY: 'x' }, { CHECK_EVENTS: 'sometimes' }]) {
      await expect(Edge.start({ env })).rejects.toMatchObject({ code: 'config-invalid' });
    }
  });
});

describe('the way to central', () => {
  const posted = async (statuses: number[]) => {
    const own = await Edge.start({ env: { CHECK_EVENTS: 'post' } });
    const bodies: string[][] = [];
    const tokens = new Set<string>();
    own.central.fault = async (request, central) => {
      if (!request.url.endsWith('/v1/check-events')) return central(request);
      tokens.add(request.headers.get('authorization')!);
      bodies.push((await request.text()).trimEnd().split('\n'));
      return new Response(null, { status: statuses.shift() ?? 200 });
    };
    return { own, bodies, tokens };
  };

  it('takes lines as they are in the log, many together, with one token', async () => {
    const { own, bodies, tokens } = await posted([]);
    for (let i = 0; i < 10; i++) await own.check(OTHER_FIELDS);
    await expect.poll(() => bodies.flat()).toEqual(own.logs);
    expect(bodies.length).toBeLessThan(5);
    expect(tokens.size).toBe(1);
    own.passSeconds(50);
    await own.check(OTHER_FIELDS);
    await expect.poll(() => tokens.size).toBe(2);
    expect(bodies.flat()).toEqual(own.logs);
  });

  it('is tried again after a failure, and never holds up or fails the answer', async () => {
    const { own, bodies } = await posted([503, 503]);
    const { http, answer } = await own.ask(OTHER_FIELDS);
    expect([http, (answer as Json).status]).toEqual([200, 'clear']);
    await expect.poll(() => bodies.length, { timeout: 5_000 }).toBe(3);
    await own.check(OTHER_FIELDS);
    await expect.poll(() => bodies.length).toBe(4);
    expect(bodies.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => [own.logs[0]]));
    expect(bodies[3]).toEqual([own.logs[1]]);
  });

  it('is taken up by a later request where an earlier one was broken off', async () => {
    const { own, bodies } = await posted([]);
    const real = own.central.fault!;
    own.central.fault = () => new Promise(() => {});
    await own.check(OTHER_FIELDS);
    own.passSeconds(60);
    own.central.fault = real;
    await own.check(OTHER_FIELDS);
    await expect.poll(() => bodies.flat()).toContain(own.logs[1]);
  });
});
