/**
 * A central service of one's own making: it checks the edge's token and question, and signs.
 *
 * Small enough to run inside the Workers runtime; what it lists and how old its data are is set by
 * the test. Faults go around it (see `Fault`), so that the edge always meets real bytes.
 */

import { Hono } from 'hono';
import { base64url, CompactSign, importJWK, jwtVerify } from 'jose';
import {
  CONFIRMATION_TYPE,
  type ConfirmationAnswer,
  type ConfirmationQuestion,
  parseConfirmationQuestion,
  type RecordView,
} from '../../src/format/confirmation.ts';

/** What goes wrong on the way, given the question's fetch and the real central. */
export type Fault = (
  request: Request,
  central: (request: Request) => Promise<Response>,
) => Promise<Response>;

export interface AskedOfCentral {
  question: ConfirmationQuestion;
  claims: Record<string, unknown>;
}

/** Inputs of the editions that buildEdition() makes. */
const TEST_INPUTS_SHA256 = '0'.repeat(64);

export class TestCentral {
  /** Canonical key → its record. */
  readonly listed = new Map<string, RecordView>();
  /** States whose records no caller may see. */
  readonly restricted = new Set<string>();
  /** Every question that was answered, in order. */
  readonly asked: AskedOfCentral[] = [];
  /** Requests that reached the fetch, answered or not. */
  requestCount = 0;
  /** Data are complete up to here; now if undefined. */
  asOf: number | undefined;
  /** Last operation that the data have; far ahead of the overlays of tests. */
  operationSequence = 1_000_000;
  fault: Fault | undefined;
  /** Changes an answer before it is signed. */
  change: ((answer: ConfirmationAnswer) => ConfirmationAnswer) | undefined;
  type: string = CONFIRMATION_TYPE;

  readonly #signingJwk: JsonWebKey;
  readonly #edgeJwk: JsonWebKey;
  readonly #now: () => number;
  readonly #app = new Hono();

  constructor(options: { signingJwk: JsonWebKey; edgeJwk: JsonWebKey; now: () => number }) {
    this.#signingJwk = options.signingJwk;
    this.#edgeJwk = { ...options.edgeJwk, d: undefined };
    this.#now = options.now;
    this.#app.post('/v1/confirmations', async (c) => {
      const claims = await this.#claimsOf(c.req.header('authorization') ?? '');
      const body = new Uint8Array(await c.req.arrayBuffer());
      const question = parseConfirmationQuestion(JSON.parse(new TextDecoder().decode(body)));
      if (!question) return c.json({ code: 'request-invalid' }, 422);
      this.asked.push({ question, claims });
      return c.json({ answer: await this.#sign(question, body) });
    });
  }

  /** Stands for the network between edge and central. */
  readonly fetch: typeof fetch = async (input, init) => {
    this.requestCount++;
    const request = new Request(input as string, init as RequestInit);
    const answer = async (asked: Request) => this.#app.fetch(asked);
    return this.fault ? this.fault(request, answer) : answer(request);
  };

  list(key: string, record: Partial<RecordView> = {}): void {
    this.listed.set(key, { id: `r-${this.listed.size}`, category: 'stolen', ...record });
  }

  async #claimsOf(authorization: string): Promise<Record<string, unknown>> {
    const key = await importJWK({ ...this.#edgeJwk, key_ops: ['verify'] } as never, 'EdDSA');
    const { payload } = await jwtVerify(authorization.replace('Bearer ', ''), key, {
      algorithms: ['EdDSA'],
      issuer: 'sltd-edge',
      audience: 'sltd-central',
      maxTokenAge: 60,
      currentDate: new Date(this.#now()),
    });
    return payload;
  }

  async #sign(question: ConfirmationQuestion, body: Uint8Array<ArrayBuffer>): Promise<string> {
    const answer: ConfirmationAnswer = {
      nonce: question.nonce,
      questionSha256: base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', body))),
      issuedAt: this.#now(),
      asOf: this.asOf ?? this.#now(),
      operationSequence: this.operationSequence,
      ...(this.asOf === undefined ? { inputsSha256: TEST_INPUTS_SHA256 } : {}),
      results: question.keys.map((key) => {
        if (this.restricted.has(key.slice(1, 4).replaceAll('<', ''))) return { restricted: true };
        const record = this.listed.get(key);
        return record ? { listed: true, record } : { listed: false };
      }),
    };
    return signAnswer(this.change?.(answer) ?? answer, this.#signingJwk, this.type);
  }
}

/** A confirmation as central signs it. */
export async function signAnswer(
  answer: ConfirmationAnswer,
  jwk: JsonWebKey,
  type = CONFIRMATION_TYPE,
): Promise<string> {
  return new CompactSign(new TextEncoder().encode(JSON.stringify(answer)))
    .setProtectedHeader({ alg: 'EdDSA', typ: type })
    .sign(await importJWK(jwk as never, 'EdDSA'));
}
