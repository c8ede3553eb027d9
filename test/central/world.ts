/**
 * A central with keys, a clock that stands still and a log that can be read, and the edge's side of
 * the conversation: tokens, questions, opened answers.
 */

import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { compactVerify, importJWK, SignJWT } from 'jose';
import { expect } from 'vitest';
import { type CentralOptions, createCentral } from '../../central/app.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import type { CentralDatabase } from '../../central/database/schema.ts';
import type { LogLine } from '../../central/http/request-log.ts';
import {
  CONFIRMATION_TYPE,
  type ConfirmationAnswer,
  parseConfirmationAnswer,
} from '../../src/format/confirmation.ts';
import { signingKey, verifyKeys } from '../../src/format/signature.ts';
import { dayKeys } from './check-events/events.ts';
import { AS_OF_MS, NOW_MS } from './records.ts';

/** A private key of an edge or of central. */
export const createJwk = () => generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });

export const CENTRAL_JWK = createJwk();
export const EDGE_JWK = createJwk();
export const TOKEN_JWK = createJwk();
const NEXT_EDGE_JWK = createJwk();

export interface TokenClaims {
  iss?: string;
  aud?: string;
  sub?: string;
  tenant?: string;
  site?: string;
  role?: string;
  collections?: readonly string[];
  state?: string;
  /** Seconds from now. */
  lifetimeSeconds?: number;
  /** Milliseconds since 1970; the moment of the tests by default. */
  nowMs?: number;
}

/** A token of the edge; what is not said is as it should be. */
export const edgeToken = (claims: TokenClaims = {}, jwk = EDGE_JWK): Promise<string> =>
  signToken(claims, jwk);

/** A token that a person or a system of the tenant brings by itself; an officer's by default. */
export const directToken = (claims: TokenClaims = {}, jwk = TOKEN_JWK): Promise<string> =>
  signToken({ lifetimeSeconds: 12 * 3600, ...claims }, jwk);

function signToken(claims: TokenClaims, jwk: ReturnType<typeof createJwk>): Promise<string> {
  const { lifetimeSeconds = 60, nowMs = NOW_MS, ...rest } = claims;
  const nowSeconds = Math.floor(nowMs / 1000);
  return importJWK({ ...jwk } as Parameters<typeof importJWK>[0], 'EdDSA').then((key) =>
    new SignJWT({
      iss: 'sltd-edge',
      aud: 'sltd-central',
      sub: 'officer-1',
      tenant: 'BORDER-UTO',
      site: 'desk-1',
      role: 'officer',
      exp: nowSeconds + lifetimeSeconds,
      ...rest,
    })
      .setProtectedHeader({ alg: 'EdDSA' })
      .sign(key),
  );
}

/** A token signed with the edge's next key, which central also knows. */
export const nextEdgeToken = (): Promise<string> => edgeToken({}, NEXT_EDGE_JWK);

export const question = (keys: readonly string[], changes: object = {}) => ({
  nonce: randomBytes(16).toString('base64url'),
  collection: 'sltd',
  edition: 'ab'.repeat(32),
  sequence: 7,
  asOf: AS_OF_MS,
  keys,
  ...changes,
});

export interface World {
  log: LogLine[];
  /** Method and pattern of every address. */
  routes: readonly { method: string; path: string }[];
  request(path: string, init?: RequestInit): Promise<Response>;
  /** Post a question as a caller; the token is a proper officer's if none is given. */
  ask(body: object | string | Uint8Array<ArrayBuffer>, token?: string): Promise<Response>;
  /** Ask, verify signature and binding, open the answer. */
  confirm(body: object, token?: string): Promise<ConfirmationAnswer>;
}

/** Central over a database. */
export async function centralWorld(
  db: CentralDatabase,
  options: Partial<CentralOptions> = {},
): Promise<World> {
  const log: LogLine[] = [];
  const app = createCentral({
    db,
    signingKey: await signingKey(CENTRAL_JWK),
    edgeKeys: await verifyKeys(`${EDGE_JWK.x},${NEXT_EDGE_JWK.x}`),
    tokenKeys: await verifyKeys(String(TOKEN_JWK.x)),
    dayKeys,
    attachments: { folder: '/nonexistent' },
    sightingSpool: { folder: '/dev/null/sightings' },
    cardImages: new DirectoryStore('/nonexistent'),
    reach: { loopback: true },
    clock: () => NOW_MS,
    log: (line) => log.push(line),
    ...options,
  });
  const request = async (path: string, init?: RequestInit): Promise<Response> =>
    app.fetch(new Request(`http://central.invalid${path}`, init));
  const ask: World['ask'] = async (body, token) =>
    request('/v1/confirmations', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token ?? (await edgeToken())}`,
        'content-type': 'application/json',
      },
      body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    });
  const confirm: World['confirm'] = async (body, token) => {
    const text = JSON.stringify(body);
    const response = await ask(text, token);
    expect(response.status).toBe(200);
    const { answer: jws } = (await response.json()) as { answer: string };
    const answer = await openAnswer(jws);
    expect(answer.questionSha256).toBe(createHash('sha256').update(text).digest('base64url'));
    return answer;
  };
  return { log, routes: app.routes, request, ask, confirm };
}

/** The answer of a JWS that central signed; throws if it did not. */
async function openAnswer(jws: string): Promise<ConfirmationAnswer> {
  const { kty, crv, x } = CENTRAL_JWK;
  const key = await importJWK({ kty: kty!, crv, x } as Parameters<typeof importJWK>[0], 'EdDSA');
  const { payload, protectedHeader } = await compactVerify(jws, key, { algorithms: ['EdDSA'] });
  expect(protectedHeader).toEqual({ alg: 'EdDSA', typ: CONFIRMATION_TYPE });
  const answer = parseConfirmationAnswer(JSON.parse(new TextDecoder().decode(payload)));
  if (!answer) throw new Error('the answer is not in the form that the edge takes');
  return answer;
}

/** A problem response: its code, after its form was checked. */
export async function problemCode(response: Response): Promise<string> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(response.headers.get('cache-control')).toBe('no-store');
  const body = (await response.json()) as Record<string, string>;
  expect(Object.keys(body).sort()).toEqual(['code', 'status', 'title', 'type']);
  expect(body.type).toBe(`urn:sltd-edge:problem:${body.code}`);
  expect(['unknown', 'invalid']).toContain(body.status);
  return body.code!;
}
