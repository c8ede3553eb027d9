/**
 * Event poster: sends audit lines to central after the answer, so that counters are live.
 *
 * The quick way beside the sure one: the same line is in the log, and central takes a line only once,
 * so what is lost here is filled in from the log. Nothing waits for it and nothing fails by it.
 */

import { SignJWT } from 'jose';
import type { SigningKey } from '../format/signature.ts';
import { withDeadline } from '../store/deadline.ts';
import { CircuitBreaker } from './circuit-breaker.ts';

/** Waits before a try, in milliseconds; with the tries, less than the 30 s that work may go on. */
const WAITS_MS = [0, 500, 2_000, 6_000] as const;
const TRY_TIMEOUT_MS = 5_000;
const TOKEN_SECONDS = 60;
/** A token is used again until so near its end. */
const TOKEN_SPARE_SECONDS = 20;

export interface PosterOptions {
  /** Of central, without a trailing slash. */
  url: string;
  edgeKey: SigningKey;
  /** Milliseconds since 1970. */
  now: () => number;
  fetch: typeof fetch;
  waitsMs?: readonly number[];
}

/** Posts lines to central. */
export class EventPoster {
  readonly #options: PosterOptions;
  readonly #breaker = new CircuitBreaker();
  #token = '';
  #tokenEndsAt = 0;

  constructor(options: PosterOptions) {
    this.#options = options;
  }

  /** Sends one line; never throws. */
  async post(line: string): Promise<void> {
    const { now, waitsMs = WAITS_MS } = this.#options;
    for (const waitMs of waitsMs) {
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      // While central is away the tries are few; this line may still get a later one.
      if (!this.#breaker.allows(now())) continue;
      if (await this.#try(line)) return this.#breaker.succeeded();
      this.#breaker.failed(now());
    }
  }

  /** True if central has the line, or never will. */
  async #try(line: string): Promise<boolean> {
    const { fetch, url } = this.#options;
    const abort = new AbortController();
    try {
      const token = await this.#edgeToken();
      const send = async () => {
        const response = await fetch(`${url}/v1/check-events`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
          body: line,
          signal: abort.signal,
          redirect: 'manual',
        });
        await response.body?.cancel();
        return response.status < 500 && response.status !== 429;
      };
      const onTimeout = () => new Error('central was too slow');
      return await withDeadline(send(), { timeoutMs: TRY_TIMEOUT_MS, onTimeout });
    } catch {
      abort.abort();
      return false;
    }
  }

  /** The edge's own token, the same for a while: to sign one costs more than the check. */
  async #edgeToken(): Promise<string> {
    const { edgeKey, now } = this.#options;
    const nowSeconds = Math.floor(now() / 1000);
    if (nowSeconds > this.#tokenEndsAt - TOKEN_SPARE_SECONDS) {
      const endsAt = nowSeconds + TOKEN_SECONDS;
      this.#token = await new SignJWT({ tenant: 'edge', site: 'edge', role: 'integrator' })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT' })
        .setIssuer('sltd-edge')
        .setAudience('sltd-central')
        .setSubject('check-events')
        .setIssuedAt(nowSeconds)
        .setExpirationTime(endsAt)
        .sign(edgeKey.key);
      this.#tokenEndsAt = endsAt;
    }
    return this.#token;
  }
}
