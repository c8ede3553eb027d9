/**
 * Event poster: sends audit lines to central after the answer, so that counters are live.
 *
 * The quick way beside the sure one: the same line is in the log, and central takes a line only once,
 * so what is lost here is filled in from the log. Nothing waits for it and nothing fails by it. Lines of
 * many requests go together: a check that cost a request of its own, or a timer while central is away,
 * would cost twice as much.
 */

import { SignJWT } from 'jose';
import type { SigningKey } from '../format/signature.ts';
import { withDeadline } from '../store/deadline.ts';
import type { Defer } from '../store/page-store.ts';

/** Lines gather for so long before they go. */
const GATHER_MS = 100;
/** Waits before a try after one, two and three failures. */
const RETRY_WAITS_MS = [500, 2_000, 6_000] as const;
/** After the last of them central is left alone for so long. */
const PAUSE_MS = 5_000;
/** A request may work on for 30 s after its answer; another then takes over. */
const SENDING_MAX_MS = 20_000;
const TRY_TIMEOUT_MS = 5_000;
/** Characters of one body, which central bounds at 1 MiB, and of all lines that wait. */
const BODY_LENGTH_MAX = 2 ** 19;
const WAITING_LENGTH_MAX = 2 ** 22;
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
}

/** Posts lines to central. */
export class EventPoster {
  readonly #options: PosterOptions;
  /** Oldest first. */
  #waiting: string[] = [];
  #waitingLength = 0;
  /** No other request begins to send before; one that was broken off cannot say that it ended. */
  #busyUntil = 0;
  #token = '';
  #tokenEndsAt = 0;

  constructor(options: PosterOptions) {
    this.#options = options;
  }

  /** Takes a line; the request that finds nobody sending sends what has gathered. Never throws. */
  post(line: string, defer: Defer): void {
    this.#waiting.push(line);
    this.#waitingLength += line.length;
    // A good part at once, or every line from then on would move all others.
    if (this.#waitingLength > WAITING_LENGTH_MAX) this.#take();
    const nowMs = this.#options.now();
    if (nowMs < this.#busyUntil) return;
    this.#busyUntil = nowMs + SENDING_MAX_MS + TRY_TIMEOUT_MS;
    defer(this.#send(nowMs + SENDING_MAX_MS));
  }

  async #send(untilMs: number): Promise<void> {
    const { now } = this.#options;
    let failureCount = 0;
    while (this.#waiting.length > 0 && now() < untilMs) {
      const waitMs = failureCount === 0 ? GATHER_MS : RETRY_WAITS_MS[failureCount - 1];
      if (waitMs === undefined) {
        this.#busyUntil = now() + PAUSE_MS;
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      const lines = this.#take();
      if (await this.#try(`${lines.join('\n')}\n`)) {
        failureCount = 0;
      } else {
        failureCount++;
        this.#waiting = [...lines, ...this.#waiting];
        for (const line of lines) this.#waitingLength += line.length;
      }
    }
    this.#busyUntil = 0;
  }

  /** The oldest lines, as many as go together. */
  #take(): string[] {
    let length = 0;
    let count = 0;
    for (const line of this.#waiting) {
      if (count > 0 && length + line.length > BODY_LENGTH_MAX) break;
      length += line.length;
      count++;
    }
    this.#waitingLength -= length;
    return this.#waiting.splice(0, count);
  }

  /** True if central has the lines, or never will. */
  async #try(body: string): Promise<boolean> {
    const { fetch, url } = this.#options;
    const abort = new AbortController();
    try {
      const token = await this.#edgeToken();
      const send = async () => {
        const response = await fetch(`${url}/v1/check-events`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
          body,
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
