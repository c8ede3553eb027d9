/** One check asks every collection that its credential names, and each answers for itself. */

import { beforeEach, describe, expect, it } from 'vitest';
import { parseCheckLine } from '../../src/format/check-event.ts';
import {
  bucket,
  Edge,
  type Json,
  OTHER_FIELDS,
  SPECIMEN,
  SPECIMEN_FIELDS,
  SPECIMEN_KEY,
} from './edge.ts';

const ALL = ['sltd', 'tdawn', 'national-UTO'];
const OWN_CENTRAL = { CENTRAL_URL: 'https://central.invalid' };
/** Listed in `tdawn` alone. */
const NOTICED = { ...SPECIMEN, number: 'N7000001' };
const NOTICED_FIELDS = { ...SPECIMEN_FIELDS, number: 'N7000001' };

let edge: Edge;
beforeEach(async () => {
  const COLLECTIONS = JSON.stringify({ tdawn: OWN_CENTRAL, 'national-UTO': OWN_CENTRAL });
  edge = await Edge.start({ env: { COLLECTIONS } });
  await edge.publish({ collection: 'tdawn', records: [NOTICED], sequence: 7 });
  await edge.publish({ collection: 'national-UTO', records: [], sequence: 3 });
});

const ask = async (body: unknown, collections: unknown = ALL, role = 'officer') =>
  (await edge.ask(body, { collections, role })).answer;

describe('a check of several collections', () => {
  it('is clear only if every one of them is, each with its own edition', async () => {
    const answer = await ask(OTHER_FIELDS);
    expect(answer).toMatchObject({ status: 'clear', advice: 'not-reported' });
    const common = { freshness: 'fresh', coverage: 'reports', basis: 'edge', status: 'clear' };
    expect(answer.collections).toMatchObject([
      { collection: 'sltd', sequence: 1, ...common },
      { collection: 'tdawn', sequence: 7, ...common },
      { collection: 'national-UTO', sequence: 3, ...common },
    ]);
    expect(new Set(answer.collections.map(({ edition }: Json) => edition)).size).toBe(3);
  });

  it('is a hit if one of them is, and shows the match of that one', async () => {
    edge.central.list('PUTON7000001', { recordId: 'r' } as never);
    const answer = await ask(NOTICED_FIELDS);
    expect(answer).toMatchObject({ status: 'hit', match: { number: 'N7000001' } });
    expect(answer.collections.map(({ status }: Json) => status)).toEqual(['clear', 'hit', 'clear']);
    // Each collection's central was asked about its own list, and only where there was a match.
    expect(edge.central.asked.map(({ question }) => question.collection)).toEqual(['tdawn']);
  });

  it.each([
    ['is away', () => bucket.delete('national-UTO/head')],
    [
      'is another one',
      async () => {
        await bucket.put('national-UTO/head', await (await bucket.get('head'))!.arrayBuffer());
      },
    ],
  ])('is unknown, never clear, where one %s (S4)', async (_, spoil) => {
    await spoil();
    const clear = await ask(OTHER_FIELDS);
    expect(clear).toMatchObject({ status: 'unknown', advice: 'no-decision' });
    expect(clear.collections.map(({ status }: Json) => status)).toEqual([
      ...['clear', 'clear', 'unknown'],
    ]);
    // What another one found is still told.
    edge.central.list(SPECIMEN_KEY);
    expect((await ask(SPECIMEN_FIELDS)).status).toBe('hit');
    expect((await ask(OTHER_FIELDS, ['sltd', 'tdawn'])).status).toBe('clear');
  });

  it('is unknown where the credential names one that the edge does not hold (S4)', async () => {
    const { http, answer } = await edge.ask(OTHER_FIELDS, { collections: ['sltd', 'national-D'] });
    expect([http, answer.status, answer.code]).toEqual([503, 'unknown', 'collection-missing']);
    expect(answer.collections).toMatchObject([
      { collection: 'sltd', status: 'clear' },
      { collection: 'national-D', status: 'unknown', code: 'collection-missing' },
    ]);
  });

  it('is unknown once the edition of one of them is too old, however fresh the others are', async () => {
    edge.passSeconds(6 * 3600 + 1);
    await edge.publish({ records: [], sequence: 8, issuedAt: edge.clock.nowMs });
    await edge.services.main.editions.poll(() => {});
    const answer = await ask(OTHER_FIELDS);
    expect(answer.status).toBe('unknown');
    expect(answer.collections).toMatchObject([
      { status: 'clear', freshness: 'fresh' },
      { status: 'unknown', code: 'edition-expired', freshness: 'expired' },
      { status: 'unknown', code: 'edition-expired', freshness: 'expired' },
    ]);
  });

  it('of a batch has one result a document, each with what every collection says', async () => {
    edge.central.list('PUTON7000001');
    const { collections, results } = await ask({ documents: [OTHER_FIELDS, NOTICED_FIELDS] });
    expect(collections.map(({ collection }: Json) => collection)).toEqual(ALL);
    expect(results).toMatchObject([
      { status: 'clear', collections: ALL.map((collection) => ({ collection, status: 'clear' })) },
      {
        status: 'hit',
        match: { number: 'N7000001' },
        collections: [{ status: 'clear' }, { status: 'hit', match: {} }, { status: 'clear' }],
      },
    ]);
  });

  it('tells a carrier no more than that a second check is needed', async () => {
    edge.central.list('PUTON7000001');
    // The id is sealed: any letters may stand in it.
    const { checkId, ...answer } = await ask(NOTICED_FIELDS, ALL, 'carrier');
    expect(checkId).toBeDefined();
    expect(answer).toMatchObject({ status: 'candidate', advice: 'second-check' });
    expect(JSON.stringify(answer)).not.toMatch(/N7000001|match|hit|central|stolen/);
  });
});

describe('a collection that the credential does not name', () => {
  const NOTHING = /tdawn|N7000001/;
  const claims = { collections: ['sltd'] };

  it('is told of by no route of the edge', async () => {
    edge.central.list('PUTON7000001', { recordId: 'r', noticeColor: 'red' } as never);
    const said = await ask({ documents: [NOTICED_FIELDS, SPECIMEN_FIELDS] }, ['sltd']);
    expect(said.results[0].status).toBe('clear');
    expect(JSON.stringify(said)).not.toMatch(NOTHING);
    const editions = await edge.get('/v1/editions', claims);
    expect(await editions.text()).not.toMatch(NOTHING);
    for (const path of ['/healthz', '/readyz', '/']) {
      expect(await (await edge.fetch(path)).text(), path).not.toMatch(NOTHING);
    }
    // Asked of the central of the one list alone, and the line has nothing of the other.
    expect(edge.central.asked.map(({ question }) => question.collection)).toEqual(['sltd']);
    expect(edge.logs.join()).not.toMatch(NOTHING);
  });

  it('is not reached by the id of a candidate that it made', async () => {
    edge.central.fault = () => Promise.reject(new Error('line is cut'));
    const { checkId } = await ask(NOTICED_FIELDS);
    expect((await edge.get(`/v1/checks/${checkId}`, claims)).status).toBe(404);
    expect((await edge.get(`/v1/checks/${checkId}`, { collections: ALL })).status).toBe(202);
  });
});

describe('a document that belongs to a notice', () => {
  const colors = [
    ...[
      ['blue', 'discreet'],
      ['green', 'discreet'],
      ['purple', 'discreet'],
    ],
    ...[
      ['red', undefined],
      ['yellow', undefined],
      ['un-special', undefined],
    ],
    // Nobody knows that it asks for no discretion.
    [undefined, 'discreet'],
  ] as const;

  it.each(colors)('of color %s is handled so: %s', async (noticeColor, handling) => {
    edge.central.list('PUTON7000001', { noticeColor });
    const answer = await ask(NOTICED_FIELDS);
    expect(answer).toMatchObject({ status: 'hit', advice: 'verify-with-issuer' });
    expect(answer.handling).toBe(handling);
    expect(answer.match.record.noticeColor).toBe(noticeColor);
    expect(answer.collections[1].handling).toBe(handling);
    expect(answer.collections[0].handling).toBeUndefined();
  });

  it('is handled discreetly while central has not confirmed it', async () => {
    edge.central.fault = async () => new Response('', { status: 500 });
    expect(await ask(NOTICED_FIELDS)).toMatchObject({
      ...{ status: 'candidate', advice: 'second-check', handling: 'discreet' },
    });
  });

  describe('and that another list has as well', () => {
    const BOTH = ['sltd', 'tdawn'];
    beforeEach(async () => {
      await edge.publish({ records: [NOTICED], sequence: 2 });
      // Without a color it asks for discretion in `tdawn` alone.
      edge.central.list('PUTON7000001');
    });
    const decidedByOther = (ofTdawn: string) => ({
      ...{ status: 'hit', advice: 'verify-with-issuer', handling: 'discreet' },
      collections: [
        { collection: 'sltd', status: 'hit', advice: 'verify-with-issuer' },
        { collection: 'tdawn', status: ofTdawn, handling: 'discreet' },
      ],
    });
    /** Central answers for `sltd` alone. */
    const spoilTdawn = () => {
      edge.central.fault = async (request, answer) =>
        (await request.clone().text()).includes('"tdawn"')
          ? new Response('', { status: 500 })
          : answer(request);
    };

    it.each(['hit', 'candidate'])('is handled discreetly, a %s of its own list', async (status) => {
      if (status === 'candidate') spoilTdawn();
      const answer = await ask(NOTICED_FIELDS, BOTH);
      expect(answer).toMatchObject(decidedByOther(status));
      expect(answer.collections[0]).not.toHaveProperty('handling');
      const batch = await ask({ documents: [OTHER_FIELDS, NOTICED_FIELDS] }, BOTH);
      expect(batch.results[0]).not.toHaveProperty('handling');
      expect(batch.results[1]).toMatchObject(decidedByOther(status));
    });

    it('is handled discreetly as well when it is asked about again', async () => {
      edge.central.fault = async () => new Response('', { status: 500 });
      const { checkId } = await ask(NOTICED_FIELDS, BOTH);
      spoilTdawn();
      const again = await edge.get(`/v1/checks/${checkId}`, { collections: BOTH });
      expect(await again.json()).toMatchObject(decidedByOther('candidate'));
    });

    it('is told to no carrier', async () => {
      const { handling } = await ask(NOTICED_FIELDS, BOTH, 'carrier');
      expect(handling).toBeUndefined();
    });
  });

  it('looks to a carrier like any other that needs a second check, in whatever list it is', async () => {
    edge.central.list(SPECIMEN_KEY);
    edge.central.list('PUTON7000001', { noticeColor: 'blue' });
    const shape = async (fields: Json) => {
      const { checkId, collections, ...rest } = await ask(fields, ALL, 'carrier');
      return { ...rest, collections: collections.map(({ edition, ...list }: Json) => list) };
    };
    expect(await shape(NOTICED_FIELDS)).toEqual(await shape(SPECIMEN_FIELDS));
    expect((await shape(NOTICED_FIELDS)).collections).toMatchObject(
      ALL.map(() => ({ status: 'candidate' })),
    );
  });
});

describe('what a caller may ask', () => {
  it('is what the credential names, and `sltd` if it names nothing', async () => {
    const names = async (claims: object) =>
      (await edge.ask(NOTICED_FIELDS, claims)).answer.collections.map(
        ({ collection }: Json) => collection,
      );
    expect(await names({})).toEqual(['sltd']);
    expect(await names({ collections: ['tdawn'] })).toEqual(['tdawn']);
    expect(edge.central.asked.map(({ question }) => question.collection)).toEqual(['tdawn']);
  });

  it.each([
    ...['sltd', [], ['sltd', 'sltd'], ['a', 'b', 'c', 'd', 'e'], [''], ['x y'], [1], {}, null],
  ])('is nothing where the claim is no list of one to four names (%j)', async (collections) => {
    const { http, answer } = await edge.ask(OTHER_FIELDS, { collections });
    expect([http, answer.code]).toEqual([401, 'unauthenticated']);
  });

  it('is what it is told of the editions as well', async () => {
    const told = async (collections: unknown) =>
      ((await (await edge.get('/v1/editions', { collections })).json()) as Json).editions;
    expect(await told(undefined)).toMatchObject([{ collection: 'sltd', sequence: 1 }]);
    expect(await told(['national-UTO', 'national-D'])).toMatchObject([
      { collection: 'national-UTO', sequence: 3 },
      { collection: 'national-D', code: 'collection-missing' },
    ]);
  });
});

describe('a candidate of one of several collections', () => {
  const again = async (location: string, collections: unknown = ALL) => {
    const response = await edge.get(location, { collections });
    return { http: response.status, answer: (await response.json()) as Json };
  };
  const candidate = async () => {
    edge.central.fault = async () => new Response('', { status: 500 });
    const response = await edge.check(NOTICED_FIELDS, { collections: ALL });
    expect(response.status).toBe(202);
    edge.central.fault = undefined;
    return response.headers.get('location')!;
  };

  it('becomes clear when its own central clears it, and the others were clear', async () => {
    const { answer } = await again(await candidate());
    expect(answer).toMatchObject({ status: 'clear' });
    expect(answer.collections).toMatchObject([
      { collection: 'sltd', status: 'clear', basis: 'edge', sequence: 1 },
      { collection: 'tdawn', status: 'clear', basis: 'central', sequence: 7 },
      { collection: 'national-UTO', status: 'clear', basis: 'edge', sequence: 3 },
    ]);
  });

  it('does not become clear where another collection could not answer (S4)', async () => {
    await bucket.delete('national-UTO/head');
    const { http, answer } = await again(await candidate());
    expect([http, answer.status]).toEqual([503, 'unknown']);
  });

  it('is of no use to a credential that may not ask all of them', async () => {
    const location = await candidate();
    expect((await again(location, ['sltd'])).answer.code).toBe('check-id-invalid');
    expect((await again(location)).http).toBe(200);
  });
});

describe('the audit line', () => {
  it('says what each collection answered, with the tags once', async () => {
    await ask({ documents: [OTHER_FIELDS, NOTICED_FIELDS] });
    const line = JSON.parse(edge.logs.at(-1)!);
    const events = parseCheckLine(line)!;
    expect(events.map(({ collection, answers }) => [collection, answers])).toEqual([
      ...[
        ['sltd', 'cc'],
        ['tdawn', 'cc'],
        ['national-UTO', 'cc'],
      ],
    ]);
    expect(events.map(({ central }) => central)).toEqual(['not-asked', 'answered', 'not-asked']);
    expect(events.map(({ sequence }) => sequence)).toEqual([1, 7, 3]);
    expect(edge.logs.at(-1)!.split(line.tags)).toHaveLength(2);
  });

  it('of 1,000 documents in four collections is shorter than what Logpush cuts', async () => {
    const alike = Array.from({ length: 1_000 }, () => OTHER_FIELDS);
    const mixed = alike.with(0, { ...OTHER_FIELDS, documentClass: 'identity' });
    for (const documents of [alike, mixed]) {
      await edge.check({ documents }, { collections: [...ALL, 'national-D'] });
      expect(edge.logs.at(-1)!.length).toBeLessThan(16_384);
      expect(parseCheckLine(JSON.parse(edge.logs.at(-1)!))).toHaveLength(4);
    }
    // With a digit for each document it would be longer: they are left out.
    expect(edge.logs.at(-1)).not.toContain('"classes"');
  });

  it('goes to each central as far as it is about its own list', async () => {
    const posted: Json[] = [];
    const COLLECTIONS = JSON.stringify({ tdawn: { CENTRAL_URL: 'https://tdawn.invalid' } });
    const own = await Edge.start({ env: { COLLECTIONS, CHECK_EVENTS: 'post' }, keys: edge.keys });
    own.central.fault = async (request) => {
      posted.push([new URL(request.url).host, JSON.parse(await request.text())]);
      return new Response('{}', { status: 200 });
    };
    await own.check(OTHER_FIELDS, { collections: ['sltd', 'tdawn'] });
    await expect.poll(() => posted.length).toBe(2);
    expect(posted.map(([host, event]) => [host, event.collection, event.also])).toEqual([
      ['central.invalid', 'sltd', undefined],
      ['tdawn.invalid', 'tdawn', undefined],
    ]);
  });
});

describe('the setting COLLECTIONS', () => {
  it.each([
    ...['x', '[]', '{"a b":{}}', '{"sltd":{}}', '{"tdawn":{"TOKEN_KEYS":"x"}}'],
    ...['{"tdawn":{"HEAD_KEYS":"x"}}', '{"tdawn":{"CENTRAL_URL":"http://far.invalid"}}'],
    ...['{"tdawn":{"SEQUENCE_FLOOR":"-1"}}'],
  ])('that is not usable stops the start (%s)', async (COLLECTIONS) => {
    const refused = Edge.start({ env: { COLLECTIONS }, keys: edge.keys });
    await expect(refused).rejects.toMatchObject({ code: 'config-invalid' });
  });

  it('trusts for a list only the keys that it names, and asks no central that it does not', async () => {
    const stranger = (await Edge.start()).keys;
    const COLLECTIONS = JSON.stringify({ tdawn: { HEAD_KEYS: stranger.jwk.head.x } });
    const own = await Edge.start({ env: { COLLECTIONS }, keys: edge.keys });
    await own.publish({ collection: 'tdawn', records: [NOTICED] });
    const refused = await own.ask(NOTICED_FIELDS, { collections: ['tdawn'] });
    expect(refused.answer.status).toBe('unknown');
    const { editions } = own.services.collections.get('tdawn')!;
    expect(editions.lastFailure).toBe('format-signature');
    const alone = await Edge.start({ env: { COLLECTIONS: '{"tdawn":{}}' }, keys: edge.keys });
    await alone.publish({ collection: 'tdawn', records: [NOTICED] });
    const { answer } = await alone.ask(NOTICED_FIELDS, { collections: ['tdawn'] });
    expect(answer.status).toBe('candidate');
    expect(alone.central.requestCount).toBe(0);
  });
});
