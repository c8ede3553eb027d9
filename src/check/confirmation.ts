/**
 * Confirmation: asks central about all candidates of one request, and proves its answer.
 *
 * What comes back is used only if it is signed by a known key of central, of the right type, about
 * this very question (nonce and SHA-256 of its body), signed just now, with one result a key, and
 * from data no older than the edge's, edition and overlay (S2, S3). Everything else is no answer, and
 * the documents stay candidates. docs/api.md, "Confirmation".
 */

import { base64url, compactVerify, SignJWT } from 'jose';
import {
  CONFIRMATION_ITEMS_MAX,
  CONFIRMATION_TYPE,
  type ConfirmationAnswer,
  type ConfirmationQuestion,
  parseConfirmationAnswer,
} from '../format/confirmation.ts';
import { sha256 } from '../format/names.ts';
import type { SigningKey, VerifyKey } from '../format/signature.ts';
import { TRAINING } from '../format/training.ts';
import { readBoundedBytes } from '../store/bounded-bytes.ts';
import { withDeadline } from '../store/deadline.ts';
import type { ListState } from '../store/edition.ts';
import type { Caller } from './caller.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { Confirmations, KeyConfirmation } from './verdict.ts';

/** Longest wait for central, both tries together, in milliseconds; the traveller stands at the desk. */
const DEADLINE_MS = 1_500;
/** How far central's clock may be from ours, in milliseconds. */
const ISSUED_TOLERANCE_MS = 60_000;
/** 4,096 records of 500 bytes, as base64url. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
/** Life of the token that the edge sends along, in seconds. */
const TOKEN_SECONDS = 60;

export interface CentralOptions {
  /** Without a trailing slash. */
  url: string;
  centralKeys: readonly VerifyKey[];
  edgeKey: SigningKey;
  /** Milliseconds since 1970. */
  now: () => number;
  fetch: typeof fetch;
}

/** Why there is no usable answer; for the audit event. */
export type ConfirmationFailure =
  | 'off'
  | 'open-circuit'
  | 'timeout'
  | 'transport'
  | 'http'
  | 'unproved'
  | 'older-data';

/** Which keys were read so, and what for; central opens a case on a hit among them. */
export interface Encounter {
  exact: ReadonlySet<string>;
  purpose?: string | undefined;
  direction?: string | undefined;
}

export type ConfirmationResult =
  | { ok: true; confirmations: Confirmations }
  | { ok: false; failure: ConfirmationFailure };

/** Asks about the keys, at most CONFIRMATION_ITEMS_MAX of them; never throws. */
export class CentralClient {
  readonly #options: CentralOptions;
  readonly #breaker = new CircuitBreaker();

  constructor(options: CentralOptions) {
    this.#options = options;
  }

  async confirm(
    keys: readonly string[],
    list: ListState,
    caller: Caller,
    encounter: Encounter,
  ): Promise<ConfirmationResult> {
    const { now } = this.#options;
    if (!this.#breaker.allows(now())) return { ok: false, failure: 'open-circuit' };
    const result = await this.#ask(keys.slice(0, CONFIRMATION_ITEMS_MAX), list, caller, encounter);
    // Older data is no failure of the service: it answers well, only too early.
    if (result.ok || result.failure === 'older-data') this.#breaker.succeeded();
    else this.#breaker.failed(now());
    return result;
  }

  async #ask(
    keys: readonly string[],
    list: ListState,
    caller: Caller,
    { exact, purpose, direction }: Encounter,
  ): Promise<ConfirmationResult> {
    const nonce = base64url.encode(crypto.getRandomValues(new Uint8Array(16)));
    const { collection, edition, sequence, asOf } = list;
    const question: ConfirmationQuestion = {
      ...{ nonce, collection, edition, sequence, asOf, keys: [...keys] },
      encounter: {
        exact: keys.flatMap((key, index) => (exact.has(key) ? [index] : [])),
        purpose,
        direction,
      },
    };
    const body = new TextEncoder().encode(JSON.stringify(question)) as Uint8Array<ArrayBuffer>;
    const token = await this.#token(caller);
    const reply = await this.#exchange(body, token);
    if (typeof reply === 'string') return { ok: false, failure: reply };
    return this.#prove(reply.answer, {
      question,
      questionSha256: base64url.encode(await sha256(body)),
      list,
    });
  }

  #token({ tenant, site, role, subject, state }: Caller): Promise<string> {
    const { edgeKey, now } = this.#options;
    const issuedAt = Math.floor(now() / 1000);
    return new SignJWT({ tenant, site, role, state })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT' })
      .setIssuer('sltd-edge')
      .setAudience('sltd-central')
      .setSubject(subject)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + TOKEN_SECONDS)
      .sign(edgeKey.key);
  }

  /** The JWS as it came, or why there is none, within one deadline for both tries. */
  async #exchange(body: Uint8Array<ArrayBuffer>, token: string): Promise<Reply | 'timeout'> {
    const abort = new AbortController();
    try {
      return await withDeadline(this.#tryTwice(body, token, abort.signal), {
        timeoutMs: DEADLINE_MS,
        onTimeout: () => new Error('central was too slow'),
      });
    } catch {
      abort.abort();
      return 'timeout';
    }
  }

  /** Asked again with the same nonce: whichever answer comes back is bound to this question. */
  async #tryTwice(
    body: Uint8Array<ArrayBuffer>,
    token: string,
    signal: AbortSignal,
  ): Promise<Reply> {
    const first = await this.#try(body, token, signal);
    const isRepeated = first === 'transport' || first === 'http';
    return isRepeated && !signal.aborted ? this.#try(body, token, signal) : first;
  }

  async #try(body: Uint8Array<ArrayBuffer>, token: string, signal: AbortSignal): Promise<Reply> {
    try {
      return await this.#fetchAnswer(body, token, signal);
    } catch {
      return 'transport';
    }
  }

  async #fetchAnswer(
    body: Uint8Array<ArrayBuffer>,
    token: string,
    signal: AbortSignal,
  ): Promise<Reply> {
    const { fetch, url } = this.#options;
    const response = await fetch(`${url}/v1/confirmations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body,
      signal,
      redirect: 'manual',
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      return response.status >= 500 ? 'http' : 'unproved';
    }
    const bytes = await readBoundedBytes(response, ANSWER_BYTES_MAX);
    const answer = bytes && (parseJson(bytes) as { answer?: unknown } | undefined)?.answer;
    return typeof answer === 'string' ? { answer } : 'unproved';
  }

  async #prove(
    jws: string,
    { question, questionSha256, list }: Asked,
  ): Promise<ConfirmationResult> {
    const answer = await this.#verified(jws);
    const { keys } = question;
    const isProved =
      answer !== undefined &&
      answer.nonce === question.nonce &&
      answer.questionSha256 === questionSha256 &&
      Math.abs(this.#options.now() - answer.issuedAt) <= ISSUED_TOLERANCE_MS &&
      answer.results.length === keys.length &&
      (answer.training ?? false) === (list.collection === TRAINING);
    if (!isProved) return { ok: false, failure: 'unproved' };
    if (!isCurrent(answer, list)) return { ok: false, failure: 'older-data' };
    return {
      ok: true,
      confirmations: new Map(keys.map((key, i) => [key, confirmationOf(answer, i)])),
    };
  }

  async #verified(jws: string): Promise<ConfirmationAnswer | undefined> {
    for (const { key } of this.#options.centralKeys) {
      try {
        const options = { algorithms: ['EdDSA'] };
        const { payload, protectedHeader } = await compactVerify(jws, key, options);
        if (protectedHeader.typ !== CONFIRMATION_TYPE) return undefined;
        return parseConfirmationAnswer(parseJson(payload));
      } catch {
        // Not of this key; perhaps of the next.
      }
    }
    return undefined;
  }
}

/** What one try came to. */
type Reply = { answer: string } | 'transport' | 'http' | 'unproved';

/** What an answer must be bound to. */
interface Asked {
  question: ConfirmationQuestion;
  /** Of the question's body, base64url. */
  questionSha256: string;
  /** The edge's data, than which central's must not be older. */
  list: ListState;
}

/**
 * S2: central knows all that the edge knows. Of the edition: two exports of one day may bear one time,
 * so only a later one or the same will do. Of the overlay: all of its operations.
 */
function isCurrent(
  { asOf, inputsSha256, operationSequence = 0 }: ConfirmationAnswer,
  list: ListState,
): boolean {
  const hasEdition = asOf > list.editionAsOf || inputsSha256 === list.inputsSha256;
  return hasEdition && operationSequence >= list.lastOperation;
}

/** What the answer says of one key, with the cards that it names by their places. */
function confirmationOf(
  { results, cards = [] }: ConfirmationAnswer,
  index: number,
): KeyConfirmation {
  const { listed = false, restricted, record, cards: places } = results[index]!;
  if (restricted) return { listed: false, restricted };
  return { listed, record, cards: places?.flatMap((place) => cards[place] ?? []) };
}

const STRICT_UTF8 = { fatal: true, ignoreBOM: false };

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', STRICT_UTF8).decode(bytes));
  } catch {
    return undefined;
  }
}
