/**
 * The bureaus of a training, as a process of their own: they take central's signed webhooks, look at
 * the cases, acknowledge, answer, write back and close.
 *
 * Only a central that marks its answers as training is asked. What was missed while the process was
 * away is asked for when it comes back. docs/operations.md, "Training".
 */

import { createServer, type IncomingMessage, type Server } from 'node:http';
import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { SignJWT } from 'jose';
import { SltdError } from '../../src/errors.ts';
import type { SigningKey } from '../../src/format/signature.ts';
import { TRAINING, TRAINING_HEADER } from '../../src/format/training.ts';
import { bureauOf } from '../http/caller.ts';
import { signatureHeaders } from '../notifications/signature.ts';
import { type Ask, attendCase } from './simulated-bureau.ts';

const BODY_BYTES_MAX = 64 * 1024;
/** A message that was signed longer ago may be a repetition by somebody else. */
const SIGNED_WITHIN_SECONDS = 300;
const MISSED_MS = 3_600_000;
const ASK_TIMEOUT_MS = 10_000;

export interface SimulatorOptions {
  /** Without a trailing slash. */
  centralUrl: string;
  /** Codes of the states whose bureaus are played. */
  states: readonly string[];
  /** A training token of an `ncb` of the tenant. */
  tokenOf(tenant: string): Promise<string>;
  answerAfterMs: number;
  closeAfterMs: number;
  log(line: object): void;
}

/** A token of the bureau for one request: a person of it in a training. */
export const bureauToken = ({ key }: SigningKey, tenant: string): Promise<string> =>
  new SignJWT({ tenant, site: 'simulator', role: 'ncb', collections: [TRAINING] })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT' })
    .setIssuer('sltd-edge')
    .setAudience('sltd-central')
    .setSubject('simulator')
    .setExpirationTime(Math.floor(Date.now() / 1000) + 60)
    .sign(key);

/** The bureaus at work; stop() ends them and takes their endpoints away. */
export async function startSimulator(
  options: SimulatorOptions,
): Promise<{ stop(): Promise<void> }> {
  const { centralUrl, states, log } = options;
  const health = await fetch(`${centralUrl}/healthz`);
  await health.body?.cancel();
  if (health.headers.get(TRAINING_HEADER) !== 'true') {
    throw new SltdError('config-invalid', {
      detail: 'this central does not hold the training collection',
    });
  }
  const played = new Set(states.map(bureauOf));
  const bureaus = new Map(
    states.map((state) => [state, new Bureau(bureauOf(state), played, options)]),
  );
  const server = createServer((request, response) => {
    const bureau = bureaus.get((request.url ?? '').slice(1));
    const receiving = bureau ? bureau.receive(request) : Promise.resolve(404);
    receiving.then(
      (status) => response.writeHead(status).end(),
      () => response.writeHead(400).end(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  for (const [state, bureau] of bureaus) await bureau.register(`${originOf(server)}/${state}`);
  log({ event: 'start', bureaus: [...played] });
  return {
    stop: async () => {
      for (const bureau of bureaus.values()) await bureau.stop();
      server.close();
      server.closeAllConnections();
      log({ event: 'stop' });
    },
  };
}

function originOf(server: Server): string {
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
}

interface Webhook {
  type: string;
  training?: true;
  data: { case?: string };
}

interface Endpoint {
  id: string;
  secret: string;
}

class Bureau {
  readonly #tenant: string;
  readonly #played: ReadonlySet<string>;
  readonly #options: SimulatorOptions;
  readonly #timers = new Set<NodeJS.Timeout>();
  #endpoint: Endpoint | undefined;
  /** One thing after the other: two looks at a case at once would get in each other's way. */
  #work: Promise<void> = Promise.resolve();

  constructor(tenant: string, played: ReadonlySet<string>, options: SimulatorOptions) {
    this.#tenant = tenant;
    this.#played = played;
    this.#options = options;
  }

  /** Where central tells this bureau; whatever an earlier process has left there is taken away. */
  async register(url: string): Promise<void> {
    const { items } = (await this.#ask('GET', '/v1/endpoints?limit=200')) as {
      items: { id: string; url: string }[];
    };
    for (const { id, url: old } of items) {
      if (new URL(old).hostname === '127.0.0.1') await this.#ask('DELETE', `/v1/endpoints/${id}`);
    }
    this.#endpoint = (await this.#ask('POST', '/v1/endpoints', { url })) as Endpoint;
    const since = new Date(Date.now() - MISSED_MS).toISOString();
    await this.#ask('POST', `/v1/endpoints/${this.#endpoint.id}/replay`, { since });
  }

  /** Status for a webhook: 204 once it is known to be central's; what it is about is looked at after. */
  async receive(request: IncomingMessage): Promise<number> {
    const body = await bodyOf(request);
    if (!this.#isSigned(request, body)) return 401;
    const { training, data } = JSON.parse(body) as Webhook;
    if (training === true && data.case !== undefined) this.#look(data.case);
    return 204;
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#work;
    const id = this.#endpoint?.id;
    if (id) await this.#ask('DELETE', `/v1/endpoints/${id}`).catch(() => {});
  }

  #look(caseId: string): void {
    const { answerAfterMs, closeAfterMs, log } = this.#options;
    const later = (id: string, afterMs: number) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#look(id);
      }, afterMs);
      this.#timers.add(timer);
    };
    const options = {
      ...{ tenant: this.#tenant, played: this.#played, answerAfterMs, closeAfterMs, later },
      ask: this.#ask,
    };
    this.#work = this.#work
      .then(() => attendCase(caseId, options))
      .catch((error: unknown) => {
        // Somebody else was first (409): the next notification tells of it.
        const status = error instanceof Refused ? error.status : 'no-answer';
        if (status !== 409) log({ event: 'refused', bureau: this.#tenant, status });
      });
  }

  readonly #ask: Ask = async (method, path, body, requestKey) => {
    const { centralUrl, tokenOf } = this.#options;
    const response = await fetch(`${centralUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await tokenOf(this.#tenant)}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...(requestKey ? { 'idempotency-key': requestKey } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Refused(response.status);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  };

  /** Standard Webhooks: by our secret, over these very bytes, and just now. */
  #isSigned({ headers }: IncomingMessage, body: string): boolean {
    const id = String(headers['webhook-id']);
    const timestampSeconds = Number(headers['webhook-timestamp']);
    const age = Math.abs(Date.now() / 1000 - timestampSeconds);
    if (!this.#endpoint || !(age <= SIGNED_WITHIN_SECONDS)) return false;
    const made = signatureHeaders({ id, timestampSeconds, body }, [this.#endpoint.secret]);
    const wanted = Buffer.from(made['webhook-signature']);
    return String(headers['webhook-signature'])
      .split(' ')
      .map((text) => Buffer.from(text))
      .some((given) => given.length === wanted.length && timingSafeEqual(given, wanted));
  }
}

/** Central did not do what was asked. */
class Refused extends Error {
  readonly status: number;
  constructor(status: number) {
    super('central has refused');
    this.status = status;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > BODY_BYTES_MAX) throw new SltdError('body-too-large');
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
