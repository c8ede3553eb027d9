/** The invariants S1 to S8 of docs/architecture.md, each by name, in the Workers runtime. */

import { beforeEach, describe, expect, it } from 'vitest';
import { canonicalKey } from '../../src/document/canonical-key.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { objectName } from '../../src/format/names.ts';
import type { ObjectSource } from '../../src/store/object-source.ts';
import { signAnswer } from '../support/central.ts';
import { makeSigningJwk, type TestRecord } from '../support/edition.ts';
import {
  bucket,
  Edge,
  type Json,
  OTHER_FIELDS,
  SPECIMEN,
  SPECIMEN_FIELDS,
  SPECIMEN_KEY,
  SPECIMEN_MRZ,
} from './edge.ts';

const RECORDS: TestRecord[] = Array.from({ length: 400 }, (_, i) => ({
  documentClass: (['passport', 'identity', 'visa', 'other'] as const)[i % 4]!,
  state: ['UTO', 'D', 'FRA', 'GBR'][(i >> 2) % 4]!,
  number: `QX${1_000_003 * (i + 1)}`,
  category: (['lost', 'stolen', 'revoked'] as const)[i % 3]!,
}));

const statusesOf = (answer: Json): string[] => answer.results.map(({ status }: Json) => status);

/** A source whose answer to a name can be changed. */
function changing(
  source: ObjectSource,
  change: Map<string, () => Promise<Uint8Array | undefined>>,
) {
  return {
    get: (name: string, lengthMax: number) => {
      const other =
        change.get(name) ?? (name.startsWith('pages/') ? change.get('pages') : undefined);
      return other ? other() : source.get(name, lengthMax);
    },
  };
}

describe('S1 a record in the edition named in the answer never gets clear', () => {
  it('for every record, from many shards, central up', async () => {
    const edge = await Edge.start({ spec: { records: RECORDS, keysPerShard: 10 } });
    for (const { documentClass, state, number } of RECORDS) {
      edge.central.list(canonicalKey(documentClass, state as StateCode, number));
    }
    const documents = RECORDS.map(({ documentClass, state, number }) => ({
      ...{ documentClass, number, issuingState: state },
    }));
    const { answer } = await edge.ask({ documents });
    expect(new Set(statusesOf(answer))).toEqual(new Set(['hit']));
    expect(edge.central.requestCount).toBe(1);
  });

  it('for every record, central down, the arenas too small for its pages', async () => {
    const env = { FILTER_ARENA_BYTES: '512', MATCH_ARENA_BYTES: '512' };
    const edge = await Edge.start({
      ...{ spec: { records: RECORDS, keysPerShard: 10 }, env, withoutCentral: true },
    });
    const documents = RECORDS.map(({ number, state }) => ({ number, issuingState: state }));
    for (let round = 0; round < 2; round++) {
      const { answer } = await edge.ask({ documents });
      expect(new Set(statusesOf(answer))).toEqual(new Set(['candidate']));
    }
    expect(edge.services.matcher.filters.evictions).toBeGreaterThan(0);
  });
});

describe('S2 a candidate becomes clear only by a signed, fresh, bound negative of central', () => {
  let edge: Edge;
  beforeEach(async () => {
    edge = await Edge.start();
  });
  const ask = async () => (await edge.ask(SPECIMEN_FIELDS)).answer;

  it('a proper negative clears, and the answer says that central said so', async () => {
    expect(await ask()).toMatchObject({ status: 'clear', collections: [{ basis: 'central' }] });
    expect(edge.central.asked[0]?.question).toMatchObject({
      collection: 'sltd',
      sequence: 1,
      keys: [SPECIMEN_KEY],
    });
    expect(edge.central.asked[0]?.claims).toMatchObject({ tenant: 'UTO', role: 'officer' });
  });

  it.each([
    ['signed 61 s ago', (now: number) => ({ issuedAt: now - 61_000 })],
    ['signed 61 s ahead', (now: number) => ({ issuedAt: now + 61_000 })],
    ['for another nonce', () => ({ nonce: 'A'.repeat(22) })],
    ['to another question', () => ({ questionSha256: 'A'.repeat(43) })],
    ['of a training', () => ({ training: true as const })],
    ['without a result', () => ({ results: [] })],
    ['with a result too many', () => ({ results: [{ listed: false }, { listed: false }] })],
    ['from older data', (now: number) => ({ asOf: now - 1, inputsSha256: 'f'.repeat(64) })],
    ['from another export of that time', (now: number) => ({ asOf: now, inputsSha256: undefined })],
  ])('a negative %s leaves it a candidate', async (_, change) => {
    edge.central.change = (answer) => ({ ...answer, ...change(edge.clock.nowMs) });
    expect(await ask()).toMatchObject({ status: 'candidate', collections: [{ basis: 'edge' }] });
  });

  // What central's data are against the edge's: an edition of some time and export, and an overlay
  // up to operation 7. Central has to know all of both.
  const exportsHeld = [
    ['the same export', 0, '0'.repeat(64), true],
    ['the same export, said to be older', -1, '0'.repeat(64), true],
    ['another export of that time', 0, 'f'.repeat(64), false],
    ['an older export', -1, 'f'.repeat(64), false],
    ['a later export', 1, 'f'.repeat(64), true],
    ['a later list that is of no export', 1, undefined, true],
    ['a list of that time that is of no export', 0, undefined, false],
  ] as const;
  const operationsHeld = [
    ['without operations', undefined, false],
    ['with operations up to the one before', 6, false],
    ['with all operations', 7, true],
    ['with more operations', 8, true],
  ] as const;
  it.each(
    exportsHeld.flatMap(([list, later, inputsSha256, hasEdition]) =>
      operationsHeld.map(([log, operationSequence, hasOverlay]) => ({
        ...{ list, log, later, inputsSha256, operationSequence },
        status: hasEdition && hasOverlay ? 'clear' : 'candidate',
      })),
    ),
  )('a negative from $list, $log: $status', async (held) => {
    const { later, inputsSha256, operationSequence, status } = held;
    const asOf = edge.clock.nowMs - 60_000;
    await edge.publish({
      ...{ sequence: 2, asOf, lastOperation: 7 },
      overlay: [{ ...SPECIMEN, category: undefined, kind: 'withdrawn' }],
    });
    edge.passSeconds(30);
    const change = { asOf: asOf + later, inputsSha256, operationSequence };
    edge.central.change = (answer) => ({ ...answer, ...change });
    expect(await ask()).toMatchObject({ status });
  });

  it('a negative at the edge of the tolerance clears', async () => {
    edge.central.change = (answer) => ({ ...answer, issuedAt: edge.clock.nowMs - 60_000 });
    expect(await ask()).toMatchObject({ status: 'clear' });
  });

  it('a negative signed by another key leaves it a candidate', async () => {
    const wrong = await makeSigningJwk();
    edge.central.fault = async (request, central) => {
      const { answer } = (await (await central(request)).json()) as Json;
      const payload = JSON.parse(
        atob(answer.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')),
      );
      return Response.json({ answer: await signAnswer(payload, wrong) });
    };
    expect(await ask()).toMatchObject({ status: 'candidate' });
  });

  it('a negative of another type of JWS leaves it a candidate', async () => {
    edge.central.type = 'JWT';
    expect(await ask()).toMatchObject({ status: 'candidate' });
  });

  it('a replayed negative leaves it a candidate', async () => {
    let recorded: string | undefined;
    edge.central.fault = async (request, central) => {
      recorded ??= await (await central(request)).text();
      return new Response(recorded, { headers: { 'content-type': 'application/json' } });
    };
    expect(await ask()).toMatchObject({ status: 'clear' });
    expect(await ask()).toMatchObject({ status: 'candidate' });
  });

  it('a negative on some of its keys only is not enough', async () => {
    // Asked without class: four exact keys, one of them matched; all four must be answered.
    const { documentClass: _, ...fields } = SPECIMEN_FIELDS;
    expect((await edge.ask(fields)).answer).toMatchObject({ status: 'clear' });
    expect(edge.central.asked[0]?.question.keys).toHaveLength(4);
  });
});

describe('S3 no hit without a signed central positive on an exact spelling', () => {
  it('central silent, down, or not configured: no hit', async () => {
    const edge = await Edge.start({ withoutCentral: true });
    expect((await edge.ask({ mrz: SPECIMEN_MRZ })).answer.status).toBe('candidate');
  });

  it('a positive on a look-alike is a candidate to read again, with the matched number', async () => {
    const edge = await Edge.start();
    edge.central.list(SPECIMEN_KEY);
    const mrz = SPECIMEN_MRZ.replace('L898902C36', '1898902C36');
    const { http, answer } = await edge.ask({ mrz });
    expect(http).toBe(202);
    expect(answer).toMatchObject({
      status: 'candidate',
      advice: 're-read',
      collections: [{ basis: 'central' }],
    });
    // The record behind it is most likely another person's: not shown.
    expect(answer.match).toEqual({
      ...{ spelling: 'look-alike', number: 'L898902C3', category: 'stolen' },
    });
  });

  it('a negative on the look-alike and the exact spelling clears', async () => {
    const edge = await Edge.start();
    const mrz = SPECIMEN_MRZ.replace('L898902C36', '1898902C36');
    expect((await edge.ask({ mrz })).answer.status).toBe('clear');
    expect(edge.central.asked[0]?.question.keys).toEqual(
      expect.arrayContaining(['PUTO1898902C3', SPECIMEN_KEY]),
    );
  });

  it('a positive that is not proved is no hit', async () => {
    const edge = await Edge.start();
    edge.central.list(SPECIMEN_KEY);
    edge.central.change = (answer) => ({ ...answer, nonce: 'B'.repeat(22) });
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('candidate');
  });
});

describe('S4 absence is never clear', () => {
  it.each([
    ['is not there', async () => undefined, 'page-unavailable'],
    ['is empty', async () => new Uint8Array(), 'page-corrupt'],
    ['cannot be fetched', () => Promise.reject(new Error('line is cut')), 'page-unavailable'],
    ['is all zeros', async () => new Uint8Array(128), 'page-corrupt'],
  ])('a page that %s makes the document unknown', async (_, get, code) => {
    const change = new Map([['pages', get as () => Promise<Uint8Array | undefined>]]);
    const edge = await Edge.start({ source: (source) => changing(source, change) });
    const { http, answer } = await edge.ask(OTHER_FIELDS);
    expect(http).toBe(503);
    expect(answer).toMatchObject({ status: 'unknown', code, advice: 'no-decision' });
    change.clear();
    expect((await edge.ask(OTHER_FIELDS)).answer.status).toBe('clear');
  });

  it('a failure of the moment is tried once more', async () => {
    let failures = 1;
    const edge = await Edge.start({
      source: (source) => ({
        get: (name, lengthMax) => {
          if (name.startsWith('pages/') && failures-- > 0) throw new Error('once');
          return source.get(name, lengthMax);
        },
      }),
    });
    expect((await edge.ask(OTHER_FIELDS)).answer.status).toBe('clear');
  });

  it('a state that the edition does not have is unknown', async () => {
    const edge = await Edge.start({ spec: { withoutStates: ['FRA'] } });
    const { answer } = await edge.ask({ number: 'X1', issuingState: 'FRA' });
    expect(answer).toMatchObject({ status: 'unknown', code: 'state-not-covered' });
    // A relative of the state that is asked about is missed as well.
    const family = await Edge.start({ spec: { withoutStates: ['GBD'] } });
    expect((await family.ask({ number: 'X1', issuingState: 'GBR' })).answer.status).toBe('unknown');
  });

  it('in a batch only the documents of the missing page are unknown', async () => {
    const change = new Map<string, () => Promise<Uint8Array | undefined>>();
    const edge = await Edge.start({ source: (source) => changing(source, change) });
    const { manifest } = await edge.services.main.editions.current(() => {});
    const { sha256 } = manifest.page('filter', manifest.state('D')!.firstShard);
    change.set(objectName('pages', sha256), async () => undefined);
    const { answer } = await edge.ask({
      documents: [{ ...OTHER_FIELDS, issuingState: 'D' }, OTHER_FIELDS, SPECIMEN_FIELDS],
    });
    expect(statusesOf(answer)).toEqual(['unknown', 'clear', 'clear']);
  });

  it('a candidate with a page missing beside it is never cleared by central', async () => {
    // A British passport may be filed under a related issuer as well, whose page is gone.
    const record = { ...SPECIMEN, state: 'GBR' };
    const edge = await Edge.start({ spec: { records: [record] } });
    const fields = { number: record.number, issuingState: 'GBR', documentClass: 'passport' };
    const { manifest } = await edge.services.main.editions.current(() => {});
    const page = manifest.page('filter', manifest.state('GBD')!.firstShard);
    await bucket.delete(objectName('pages', page.sha256));
    const { answer } = await edge.ask(fields);
    expect(answer.status).toBe('unknown');
    expect(edge.central.asked).toHaveLength(1);
  });
});

describe('a store that hangs', () => {
  it('S4: holds a batch for seconds, not for each of its pages', async () => {
    const records = Array.from({ length: 60 }, (_, i) => ({ ...SPECIMEN, number: `C${1000 + i}` }));
    let getCount = 0;
    const edge = await Edge.start({
      spec: { records, keysPerShard: 1 },
      source: (bucketSource) => ({
        get: async (name, lengthMax) => {
          if (!name.startsWith('pages/')) return bucketSource.get(name, lengthMax);
          getCount++;
          edge.passSeconds(2);
          throw new Error('timeout');
        },
      }),
    });
    const documents = records.map(({ number }) => ({ ...SPECIMEN_FIELDS, number }));
    const { answer } = await edge.ask({ documents });
    expect(answer.results).toHaveLength(60);
    for (const result of answer.results) {
      expect(result).toMatchObject({ status: 'unknown', code: 'page-unavailable' });
    }
    expect(getCount).toBeLessThan(20);
  });
});

describe('S5 an overlay only adds: a withdrawal annotates', () => {
  const NEW = { documentClass: 'passport', state: 'UTO', number: 'NEW12345' } as const;

  it('an added document is a candidate at once', async () => {
    const edge = await Edge.start({
      spec: { overlay: [{ ...NEW, kind: 'added', category: 'lost' }] },
      withoutCentral: true,
    });
    const { answer } = await edge.ask({ number: NEW.number, issuingState: 'UTO' });
    expect(answer).toMatchObject({ status: 'candidate', match: { category: 'lost' } });
  });

  it('a withdrawn document stays a candidate, with a note, until central clears it', async () => {
    const overlay = [{ ...SPECIMEN, category: undefined, kind: 'withdrawn' as const }];
    const edge = await Edge.start({ spec: { overlay } });
    edge.central.fault = async () => new Response(null, { status: 500 });
    const { answer } = await edge.ask(SPECIMEN_FIELDS);
    expect(answer).toMatchObject({ status: 'candidate', match: { withdrawalPending: true } });
    edge.central.fault = undefined;
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.status).toBe('clear');
  });

  it('reported and withdrawn since the edition: a candidate with a note, until the next', async () => {
    const operation = { ...NEW, kind: 'added-withdrawn', category: 'lost' } as const;
    const edge = await Edge.start({ spec: { overlay: [operation] }, withoutCentral: true });
    const { answer } = await edge.ask({ number: NEW.number, issuingState: 'UTO' });
    expect(answer).toMatchObject({
      status: 'candidate',
      match: { category: 'lost', withdrawalPending: true },
    });
  });

  it('a withdrawal of what is not listed changes nothing', async () => {
    const edge = await Edge.start({ spec: { overlay: [{ ...NEW, kind: 'withdrawn' }] } });
    expect((await edge.ask({ number: NEW.number, issuingState: 'UTO' })).answer).toMatchObject({
      status: 'clear',
      collections: [{ basis: 'edge' }],
    });
  });
});

describe('S6 one edition an answer, and the sequence never goes down', () => {
  it('a request under way keeps its edition while another comes into use', async () => {
    let release = () => {};
    let arrived = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const reached = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    let holds = true;
    const edge = await Edge.start({
      withoutCentral: true,
      source: (source) => ({
        get: async (name, lengthMax) => {
          if (holds && name.startsWith('pages/')) {
            arrived();
            await held;
          }
          return source.get(name, lengthMax);
        },
      }),
    });
    const first = edge.ask(SPECIMEN_FIELDS);
    await reached;
    holds = false;
    // The new edition does not list the specimen; the old one does.
    await edge.publish({ records: [], sequence: 2 });
    edge.passSeconds(11);
    await edge.services.main.editions.poll(() => {});
    const second = await edge.ask(SPECIMEN_FIELDS);
    release();
    expect((await first).answer).toMatchObject({
      status: 'candidate',
      collections: [{ sequence: 1 }],
    });
    expect(second.answer).toMatchObject({ status: 'clear', collections: [{ sequence: 2 }] });
    expect(second.answer.collections[0].edition).not.toBe(
      (await first).answer.collections[0].edition,
    );
  });

  it('a lower sequence, or another edition under the same one, is refused', async () => {
    const edge = await Edge.start({ spec: { sequence: 5 } });
    await edge.ask(OTHER_FIELDS);
    await edge.publish({ records: [], sequence: 4 });
    await edge.services.main.editions.poll(() => {});
    expect(edge.services.main.editions.lastFailure).toBe('edition-rollback');
    await edge.publish({ records: [], sequence: 5 });
    await edge.services.main.editions.poll(() => {});
    expect(edge.services.main.editions.lastFailure).toBe('edition-rollback');
    expect((await edge.ask(SPECIMEN_FIELDS)).answer.collections[0].sequence).toBe(5);
    await edge.publish({ records: [], sequence: 6 });
    await edge.services.main.editions.poll(() => {});
    expect((await edge.ask(OTHER_FIELDS)).answer.collections[0].sequence).toBe(6);
  });

  it('a caller who has seen a newer edition gets no answer from an older one', async () => {
    const edge = await Edge.start({ spec: { sequence: 7 } });
    expect((await edge.ask({ ...OTHER_FIELDS, minSequence: 7 })).answer.status).toBe('clear');
    edge.passSeconds(2);
    expect((await edge.ask({ ...OTHER_FIELDS, minSequence: 8 })).answer).toMatchObject({
      status: 'unknown',
      code: 'edition-rollback',
    });
    await edge.publish({ sequence: 8 });
    edge.passSeconds(2);
    const { answer } = await edge.ask({ ...OTHER_FIELDS, minSequence: 8 });
    expect(answer).toMatchObject({ status: 'clear', collections: [{ sequence: 8 }] });
  });
});

describe('S7 no state of a request outlives an await', () => {
  it('hundreds of requests at once, over arenas that evict all the time, answer each for itself', async () => {
    const env = { FILTER_ARENA_BYTES: '1024', MATCH_ARENA_BYTES: '1024' };
    const edge = await Edge.start({
      ...{ spec: { records: RECORDS, keysPerShard: 10 }, env, withoutCentral: true },
      source: (source) => ({
        get: async (name, lengthMax) => {
          await new Promise((resolve) => setTimeout(resolve, name.charCodeAt(9) % 5));
          return source.get(name, lengthMax);
        },
      }),
    });
    await edge.ask(OTHER_FIELDS);
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const record = RECORDS[(i * 7) % RECORDS.length]!;
        const isListed = i % 2 === 0;
        const number = isListed ? record.number : `ZY${record.number}WV`;
        const { answer } = await edge.ask({
          documents: [
            { id: `${i}`, number, issuingState: record.state },
            { id: `${i}b`, ...OTHER_FIELDS },
          ],
        });
        const expected = [isListed ? 'candidate' : 'clear', 'clear'];
        return JSON.stringify(statusesOf(answer)) === JSON.stringify(expected);
      }),
    );
    expect(answers.filter((isRight) => !isRight)).toEqual([]);
  });
});

describe('S8 no document number outside request and answer bodies', () => {
  it('not in a URL, a header, a log line or a check id, whatever the status', async () => {
    const edge = await Edge.start();
    edge.central.fault = async () => new Response('L898902C3', { status: 500 });
    const seen: string[] = [];
    for (const body of [
      SPECIMEN_FIELDS,
      OTHER_FIELDS,
      { mrz: SPECIMEN_MRZ },
      { ...SPECIMEN_FIELDS, number: 'L898902C3§' },
      { documents: [SPECIMEN_FIELDS, { mrz: 'L898902C3' }] },
      { ...SPECIMEN_FIELDS, purpose: 'L898902C3' },
    ]) {
      const response = await edge.check(body);
      seen.push(JSON.stringify([...response.headers]));
      const answer = (await response.json()) as Json;
      if (answer.checkId) {
        seen.push(answer.checkId);
        const again = await edge.get(`/v1/checks/${answer.checkId}`);
        seen.push(JSON.stringify([...again.headers]));
      }
    }
    expect(edge.logs.length).toBeGreaterThan(5);
    for (const text of [...seen, ...edge.logs]) expect(text).not.toMatch(/L898902C3|X4477123/);
    const audit = JSON.parse(edge.logs[0]!);
    expect(audit).toMatchObject({
      event: 'check',
      ...{ tenant: 'UTO', site: 'desk-1', role: 'officer', sub: 'tester' },
      ...{ answers: 'a', sequence: 1, central: 'http' },
      tags: expect.stringMatching(/^[\w-]{11}$/),
    });
    // The same document, the same tag.
    expect(JSON.parse(edge.logs[1]!).tags).toEqual(audit.tags);
  });
});
