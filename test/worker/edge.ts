/**
 * An edge as it is deployed, for one test: real bucket, real wasm, real keys, a clock that can move.
 */

import { env as bindings } from 'cloudflare:test';
import { importJWK, SignJWT } from 'jose';
import xxhash from 'xxhash-wasm';
import matcherModule from '../../build/matcher.wasm';
import { createApp } from '../../src/app.ts';
import { createServices, type Services } from '../../src/services.ts';
import type { Env } from '../../src/world.ts';
import type { Role } from '../../src/format/role.ts';
import type { ObjectSource } from '../../src/store/object-source.ts';
import type { PageCache } from '../../src/store/page-store.ts';
import { TestCentral } from '../support/central.ts';
import { edgeSettings } from '../support/edge-settings.ts';
import {
  buildEdition,
  type EditionSpec,
  makeTestKeys,
  type TestKeys,
  type TestRecord,
} from '../support/edition.ts';

export { matcherModule };

/** The bucket of wrangler.toml. */
export const bucket = (bindings as unknown as { EDITIONS: R2Bucket }).EDITIONS;

const CENTRAL_URL = 'https://central.invalid';

/** The specimen passport of Doc 9303, listed in most tests. */
export const SPECIMEN: TestRecord = {
  documentClass: 'passport',
  state: 'UTO',
  number: 'L898902C3',
  category: 'stolen',
};
export const SPECIMEN_KEY = 'PUTOL898902C3';
export const SPECIMEN_MRZ = [
  'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<',
  'L898902C36UTO7408122F1204159ZE184226B<<<<<10',
].join('\n');
export const SPECIMEN_FIELDS = {
  number: 'L898902C3',
  issuingState: 'UTO',
  documentClass: 'passport',
};
/** Not listed, and far from everything that is. */
export const OTHER_FIELDS = { number: 'X4477123', issuingState: 'UTO', documentClass: 'passport' };

export interface EdgeOptions {
  spec?: Partial<EditionSpec>;
  env?: Partial<Env>;
  source?: (bucketSource: ObjectSource) => ObjectSource;
  cache?: PageCache;
  withoutCentral?: boolean;
  keys?: TestKeys;
}

/** One JSON body as far as tests look into it. */
// biome-ignore lint/suspicious/noExplicitAny: tests read whatever an answer holds
export type Json = any;

export class Edge {
  readonly keys: TestKeys;
  readonly central: TestCentral;
  readonly clock: { nowMs: number };
  readonly logs: string[] = [];
  services!: Services;
  env!: Env;
  #app!: ReturnType<typeof createApp>;

  private constructor(keys: TestKeys) {
    this.keys = keys;
    this.clock = { nowMs: Date.now() };
    this.central = new TestCentral({
      signingJwk: keys.jwk.central,
      edgeJwk: keys.jwk.edge,
      now: () => this.clock.nowMs,
    });
  }

  /** An edge over a bucket that holds the edition of `spec`. */
  static async start(options: EdgeOptions = {}): Promise<Edge> {
    const edge = new Edge(options.keys ?? (await makeTestKeys()));
    await edge.publish(options.spec);
    const { h64Raw } = await xxhash();
    edge.env = { ...edgeSettings(edge.keys), CENTRAL_URL, ...options.env };
    if (options.withoutCentral) delete edge.env.CENTRAL_URL;
    const { R2Source } = await import('../../src/store/r2-source.ts');
    const source = new R2Source(bucket);
    edge.services = await createServices(edge.env, {
      matcherModule,
      hash64: h64Raw,
      now: () => edge.clock.nowMs,
      fetch: edge.central.fetch,
      cache: options.cache,
      source: options.source?.(source) ?? source,
      log: (line) => edge.logs.push(line),
    });
    edge.#app = createApp(() => edge.services);
    return edge;
  }

  /** Builds an edition and puts all of it into the bucket; the objects by name. */
  async publish(spec: Partial<EditionSpec> = {}): Promise<Map<string, Uint8Array>> {
    const whole = { records: [SPECIMEN], issuedAt: this.clock.nowMs, ...spec };
    const objects = await buildEdition(whole, this.keys, matcherModule);
    // The other collections lie below their names (docs/format.md section 2).
    const isFirst = spec.collection === undefined || spec.collection === 'sltd';
    const prefix = isFirst ? '' : `${spec.collection}/`;
    await Promise.all([...objects].map(([name, bytes]) => bucket.put(prefix + name, bytes)));
    return objects;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return Promise.resolve(this.#app.request(`https://edge.invalid${path}`, init, this.env));
  }

  /** POST /v1/checks. */
  async check(body: unknown, { role = 'officer', ...claims }: Claims = {}): Promise<Response> {
    return this.fetch('/v1/checks', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await this.token({ role, ...claims })}`,
        'content-type': 'application/json',
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  /** The answer to one check, and the status of HTTP. */
  async ask(body: unknown, claims?: Claims): Promise<{ http: number; answer: Json }> {
    const response = await this.check(body, claims);
    return { http: response.status, answer: await response.json() };
  }

  /** GET with a token. */
  async get(path: string, { role = 'officer', ...claims }: Claims = {}): Promise<Response> {
    const authorization = `Bearer ${await this.token({ role, ...claims })}`;
    return this.fetch(path, { headers: { authorization } });
  }

  async token({ role = 'officer', ...claims }: Claims = {}): Promise<string> {
    return signToken(this.keys.jwk.token, { role, ...claims }, this.clock.nowMs);
  }

  passSeconds(seconds: number): void {
    this.clock.nowMs += seconds * 1000;
  }
}

export interface Claims {
  role?: Role | string;
  tenant?: string;
  site?: string;
  sub?: string;
  collections?: unknown;
  state?: unknown;
  iss?: string;
  aud?: string;
  /** Seconds from now. */
  lifeSeconds?: number;
}

export async function signToken(
  jwk: JsonWebKey,
  claims: Claims,
  nowMs = Date.now(),
): Promise<string> {
  const nowSeconds = Math.floor(nowMs / 1000);
  const { role, tenant = 'UTO', site = 'desk-1', sub = 'tester' } = claims;
  return new SignJWT({ tenant, site, role, collections: claims.collections, state: claims.state })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT' })
    .setIssuer(claims.iss ?? 'sltd-edge')
    .setAudience(claims.aud ?? 'sltd-edge')
    .setSubject(sub)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + (claims.lifeSeconds ?? 3600))
    .sign(await importJWK(jwk as never, 'EdDSA'));
}
