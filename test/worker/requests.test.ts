/** What is refused before a check, and the headers of every response. */

import { beforeAll, describe, expect, it } from 'vitest';
import { ERRORS, type ErrorCode } from '../../src/errors.ts';
import { makeSigningJwk } from '../support/edition.ts';
import { Edge, type Json, OTHER_FIELDS, SPECIMEN_FIELDS, signToken } from './edge.ts';

let edge: Edge;
beforeAll(async () => {
  edge = await Edge.start();
});

const SECRET = 'ZQ9HIDDEN7';

async function expectProblem(response: Response, code: ErrorCode): Promise<void> {
  const text = await response.text();
  const { http, status, title } = ERRORS[code];
  expect({ code, http: response.status, body: JSON.parse(text) }).toMatchObject({
    code,
    http,
    body: { type: `urn:sltd-edge:problem:${code}`, title, status, code },
  });
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(text).not.toContain(SECRET);
}

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

describe('a body that', () => {
  it.each<[string, string, ErrorCode]>([
    ['is empty', '', 'body-not-json'],
    ['is not JSON', `${SECRET}{`, 'body-not-json'],
    ['is cut off', `{"number":"${SECRET}`, 'body-not-json'],
    ['has text behind', `{"number":"1","issuingState":"UTO"} ${SECRET}`, 'body-not-json'],
    ['is null', 'null', 'request-invalid'],
    ['is a number', '17', 'request-invalid'],
    ['is text', `"${SECRET}"`, 'request-invalid'],
    ['is an array', `["${SECRET}"]`, 'request-invalid'],
    ['is empty of fields', '{}', 'request-invalid'],
    ['is an array 10,000 deep', nested(10_000), 'request-invalid'],
    ['has documents 10,000 deep', `{"documents":${nested(10_000)}}`, 'request-invalid'],
    ['has a field that is unknown', `{"${SECRET}":"x"}`, 'request-invalid'],
    [
      'has an unknown field beside',
      `{"number":"1","issuingState":"UTO","${SECRET}":1}`,
      'request-invalid',
    ],
    ['has __proto__', '{"__proto__":{"number":"1"},"issuingState":"UTO"}', 'request-invalid'],
    ['has a number that is one', '{"number":123456,"issuingState":"UTO"}', 'request-invalid'],
    ['has a null number', '{"number":null,"issuingState":"UTO"}', 'request-invalid'],
    ['has no issuing state', `{"number":"${SECRET}"}`, 'request-invalid'],
    ['has both forms', `{"mrz":"x","number":"${SECRET}","issuingState":"UTO"}`, 'request-invalid'],
    ['has a class only', '{"documentClass":"passport"}', 'request-invalid'],
    ['has an id too long', `{"id":"${'x'.repeat(65)}","mrz":"x"}`, 'request-invalid'],
    ['has a purpose of its own', `{"mrz":"x","purpose":"${SECRET}"}`, 'request-invalid'],
    ['has a direction of its own', '{"mrz":"x","direction":"up"}', 'request-invalid'],
    ['has a sequence below 0', '{"mrz":"x","minSequence":-1}', 'request-invalid'],
    ['has a sequence as text', '{"mrz":"x","minSequence":"1"}', 'request-invalid'],
    ['has an empty batch', '{"documents":[]}', 'batch-empty'],
    ['has a batch that is none', '{"documents":{}}', 'request-invalid'],
    ['has a batch and a document', '{"documents":[{"mrz":"x"}],"mrz":"x"}', 'request-invalid'],
    ['has a batch of a batch', '{"documents":[{"documents":[]}]}', 'request-invalid'],
    ['has a batch of text', `{"documents":["${SECRET}"]}`, 'request-invalid'],
    [
      'has 1,001 documents',
      JSON.stringify({ documents: Array(1_001).fill({ mrz: 'x' }) }),
      'batch-too-large',
    ],
    ['has an MRZ that is none', `{"mrz":"${SECRET}"}`, 'mrz-unreadable'],
    ['has a number of 400 characters', numberBody('9'.repeat(400)), 'number-too-long'],
    ['has a number of 2,000 characters', numberBody('9'.repeat(2_000)), 'request-invalid'],
    ['has an emoji in the number', numberBody('AB😀123'), 'number-bad-character'],
    ['has a NUL in the number', numberBody('AB\u0000123'), 'number-bad-character'],
    [
      'has half a surrogate pair',
      '{"number":"AB\\ud83d1","issuingState":"UTO"}',
      'number-bad-character',
    ],
    ['has an empty number', numberBody(''), 'number-missing'],
    ['has a number of separators', numberBody('- - -'), 'number-missing'],
    ['has a state that is none', `{"number":"${SECRET}","issuingState":"XYZ"}`, 'state-unknown'],
    ['has a state by name', `{"number":"1","issuingState":"Germany"}`, 'state-unknown'],
    [
      'has a class that is none',
      `{"number":"1","issuingState":"UTO","documentClass":"${SECRET}"}`,
      'class-unknown',
    ],
  ])('%s', async (_, body, code) => {
    await expectProblem(await edge.check(body), code);
  });

  it.each<[body: string, field: string, code: ErrorCode]>([
    ['[]', '', 'field-invalid'],
    ['{}', 'mrz', 'field-missing'],
    [`{"mrz":"x","${SECRET}":1}`, '', 'field-unknown'],
    ['{"mrz":["x"]}', 'mrz', 'field-invalid'],
    ['{"issuingState":"UTO"}', 'number', 'field-missing'],
    ['{"mrz":"x","number":"1"}', 'mrz', 'field-invalid'],
    ['{"mrz":"x","direction":"up"}', 'direction', 'field-invalid'],
    ['{"mrz":"x","purpose":"none"}', 'purpose', 'field-invalid'],
    ['{"mrz":"x","operation":"none"}', 'operation', 'field-invalid'],
    ['{"mrz":"x","minSequence":-1}', 'minSequence', 'field-invalid'],
    ['{"documents":{}}', 'documents', 'field-invalid'],
    ['{"documents":[{"mrz":"x"}],"mrz":"x"}', 'documents', 'field-invalid'],
    ['{"documents":[{"mrz":"x"},7]}', 'documents.1', 'field-invalid'],
    ['{"documents":[{"mrz":"x"},{"number":"1"}]}', 'documents.1.issuingState', 'field-missing'],
    ['{"documents":[{"mrz":"x","id":1}]}', 'documents.0.id', 'field-invalid'],
    [`{"documents":[{"mrz":"x","${SECRET}":1}]}`, '', 'field-unknown'],
  ])('%s is refused by the name of the field', async (body, field, code) => {
    const response = await edge.check(body);
    const problem = (await response.clone().json()) as Json;
    await expectProblem(response, 'request-invalid');
    expect(problem.errors).toEqual([{ field, code }]);
  });

  it('has 10 MB is refused, with and without a declared length', async () => {
    const big = `{"number":"${'9'.repeat(10 * 1024 * 1024)}","issuingState":"UTO"}`;
    await expectProblem(await edge.check(big), 'body-too-large');
    const headers = {
      authorization: `Bearer ${await edge.token()}`,
      'content-type': 'application/json',
    };
    const chunk = new Uint8Array(65_536).fill(0x20);
    let sentBytes = 0;
    const body = new ReadableStream({
      pull(controller) {
        sentBytes += chunk.length;
        controller.enqueue(chunk);
        if (sentBytes >= 10 * 1024 * 1024) controller.close();
      },
    });
    const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit;
    await expectProblem(await edge.fetch('/v1/checks', init), 'body-too-large');
    expect(sentBytes).toBeLessThan(2 * 1024 * 1024);
    const lying = { ...headers, 'content-length': '10' };
    const response = await edge.fetch('/v1/checks', { method: 'POST', headers: lying, body: big });
    await expectProblem(response, 'body-too-large');
  });

  it('is not UTF-8 is refused', async () => {
    const headers = {
      authorization: `Bearer ${await edge.token()}`,
      'content-type': 'application/json',
    };
    const body = new Uint8Array([0x22, 0xff, 0xfe, 0x22]);
    await expectProblem(
      await edge.fetch('/v1/checks', { method: 'POST', headers, body }),
      'body-not-json',
    );
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', '', 'application/jsonx'])(
    'is declared as "%s" is refused',
    async (type) => {
      const headers = { authorization: `Bearer ${await edge.token()}`, 'content-type': type };
      const body = JSON.stringify(OTHER_FIELDS);
      const response = await edge.fetch('/v1/checks', { method: 'POST', headers, body });
      await expectProblem(response, 'content-type');
    },
  );

  it('is declared with a charset is read', async () => {
    const headers = {
      authorization: `Bearer ${await edge.token()}`,
      'content-type': 'Application/JSON; charset=utf-8',
    };
    const body = JSON.stringify(OTHER_FIELDS);
    expect((await edge.fetch('/v1/checks', { method: 'POST', headers, body })).status).toBe(200);
  });
});

function numberBody(number: string): string {
  return JSON.stringify({ number, issuingState: 'UTO' });
}

describe('a caller', () => {
  const post = async (authorization: string | undefined) =>
    edge.fetch('/v1/checks', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization ? { authorization } : {}) },
      body: JSON.stringify(OTHER_FIELDS),
    });

  it.each<[string, () => Promise<string | undefined>]>([
    ['without a token', async () => undefined],
    ['with an empty token', async () => 'Bearer '],
    ['with another scheme', async () => `Basic ${await edge.token()}`],
    ['with text for a token', async () => `Bearer ${SECRET}`],
    ['with a token of 10,000 characters', async () => `Bearer ${'x'.repeat(10_000)}`],
    ['with an expired token', async () => `Bearer ${await edge.token({ lifeSeconds: -31 })}`],
    ['with a token for another service', async () => `Bearer ${await edge.token({ aud: 'x' })}`],
    ['with a token of another issuer', async () => `Bearer ${await edge.token({ iss: 'x' })}`],
    ['with a role that is none', async () => `Bearer ${await edge.token({ role: 'admin' })}`],
    ['without a tenant', async () => `Bearer ${await edge.token({ tenant: '' })}`],
    ['with a name too long', async () => `Bearer ${await edge.token({ sub: 'x'.repeat(129) })}`],
    [
      'with a token of another key',
      async () => `Bearer ${await signToken(await makeSigningJwk(), { role: 'officer' })}`,
    ],
    [
      'with a token that is not signed',
      async () => {
        const [, claims] = (await edge.token()).split('.');
        return `Bearer eyJhbGciOiJub25lIn0.${claims}.`;
      },
    ],
    [
      'with a token whose claims were changed',
      async () => {
        const [header, claims, signature] = (await edge.token({ role: 'carrier' })).split('.');
        const changed = btoa(atob(claims!).replace('carrier', 'officer')).replaceAll('=', '');
        return `Bearer ${header}.${changed}.${signature}`;
      },
    ],
    [
      'with a control character in its site',
      async () => `Bearer ${await edge.token({ role: 'officer', site: 'desk\0' })}`,
    ],
  ])('%s is not let in', async (_, authorization) => {
    const response = await post(await authorization());
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    await expectProblem(response, 'unauthenticated');
  });

  it('is not remembered beyond the end of the token', async () => {
    const own = await Edge.start();
    const token = await own.token({ lifeSeconds: 60 });
    const ask = () => own.fetch('/v1/editions', { headers: { authorization: `Bearer ${token}` } });
    expect((await ask()).status).toBe(200);
    own.passSeconds(89);
    expect((await ask()).status).toBe(200);
    own.passSeconds(2);
    expect((await ask()).status).toBe(401);
  });

  it('is forgotten with the oldest when there are too many', async () => {
    const own = await Edge.start();
    const first = await own.token({ sub: 'first' });
    const ask = (token: string) =>
      own.services.credentials.callerOf(`Bearer ${token}`).then((caller) => caller?.subject);
    expect(await ask(first)).toBe('first');
    for (let i = 0; i < 1_001; i++) await ask(await own.token({ sub: `s${i}` }));
    expect(await ask(first)).toBe('first');
  });

  const CHECKS = { officer: 200, ncb: 200, carrier: 200, integrator: 200 };
  it.each(['officer', 'integrator', 'carrier', 'data-operator', 'ncb', 'auditor'] as const)(
    'in the role of %s may what the role may',
    async (role) => {
      const expected = role in CHECKS ? 200 : 403;
      expect((await edge.check(OTHER_FIELDS, { role })).status).toBe(expected);
      expect((await edge.get('/v1/checks/x', { role })).status).toBe(expected === 200 ? 404 : 403);
      expect((await edge.get('/v1/editions', { role })).status).toBe(200);
    },
  );
});

describe('an address', () => {
  it.each([
    ['GET', '/v1/checks', 'POST'],
    ['PUT', '/v1/checks', 'POST'],
    ['POST', '/v1/checks/x', 'GET, HEAD'],
    ['DELETE', '/v1/editions', 'GET, HEAD'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['POST', '/readyz', 'GET, HEAD'],
    ['POST', '/', 'GET, HEAD'],
  ])('refuses %s %s', async (method, path, allow) => {
    const response = await edge.fetch(path, { method });
    expect(response.headers.get('allow')).toBe(allow);
    await expectProblem(response, 'method-not-allowed');
  });

  it.each(['/v1', '/v1/check', `/v1/checks/${SECRET}/x`, '/admin', '/v1/checks/'])(
    '%s is not there',
    async (path) => {
      await expectProblem(await edge.fetch(path), 'not-found');
    },
  );
});

describe('every response', () => {
  it('may not be stored, says who it is, and trusts nothing', async () => {
    const responses = [
      await edge.check(OTHER_FIELDS),
      await edge.check({ documents: [SPECIMEN_FIELDS] }),
      await edge.check('x'),
      await edge.fetch('/v1/checks', { method: 'POST' }),
      await edge.get('/v1/editions'),
      await edge.fetch('/healthz'),
      await edge.fetch('/readyz'),
      await edge.fetch('/nothing'),
      await edge.fetch('/'),
      await edge.fetch('/v1/checks'),
    ];
    const ids = new Set<string>();
    for (const { headers } of responses) {
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      ids.add(headers.get('x-request-id')!);
    }
    expect(ids.size).toBe(responses.length);
    const { headers: ofPage } = await edge.fetch('/');
    expect(ofPage.get('referrer-policy')).toBe('no-referrer');
    expect(ofPage.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });

  it('to a failure of ours is a problem that tells nothing', async () => {
    const own = await Edge.start();
    own.services.matcher.screen = () => {
      throw new Error(SECRET);
    };
    await expectProblem(await own.check(OTHER_FIELDS), 'internal');
    own.services.log = () => {
      throw new Error(SECRET);
    };
    await expectProblem(await own.check(OTHER_FIELDS), 'internal');
  });
});

describe('GET /v1/editions', () => {
  it('tells what is answered from', async () => {
    const answer = (await (await edge.get('/v1/editions')).json()) as Json;
    expect(answer.editions[0]).toMatchObject({
      ...{ collection: 'sltd', sequence: 1, freshness: 'fresh', recordCount: 1 },
      states: expect.arrayContaining([
        expect.objectContaining({ state: 'UTO', coverage: 'reports', recordCount: 1 }),
      ]),
    });
  });
});
