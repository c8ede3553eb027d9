/**
 * Signed requests to an S3-compatible service: R2, MinIO, Ceph, AWS.
 *
 * Requests are signed with Signature Version 4 (aws4fetch), the hash of the body included. Each try has
 * a deadline that covers the body, a body is bounded while it is read, and what fails for the moment is
 * tried again with growing pauses: every request here may be repeated. Neither keys nor the service's
 * own words reach an error.
 */

import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { AwsV4Signer } from 'aws4fetch';
import { SltdError } from '../src/errors.ts';
import { readBoundedBytes } from '../src/store/bounded-bytes.ts';

/** For one try, body included; a page has some 200 KB, an overlay at most 8 MB. */
const TIMEOUT_MS = 30_000;
const TRIES_MAX = 5;
const PAUSE_MS = 200;
const PAUSE_MAX_MS = 5_000;
/** Answers of the moment (docs of S3, "Error responses"; R2 answers 429 to fast writes of one name). */
const PASSING = new Set([408, 429, 500, 502, 503, 504]);
/** Of an answer whose body says nothing that is used. */
const ERROR_BYTES_MAX = 64 * 1024;

export interface S3Settings {
  /** URL of the service, without the bucket. */
  endpoint: string;
  /** `auto` for R2. */
  region: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Of temporary credentials. */
  sessionToken?: string | undefined;
}

export interface S3Request {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  /** Name of the object; empty for the bucket itself. */
  key: string;
  query?: Readonly<Record<string, string>>;
  headers?: Readonly<Record<string, string>>;
  body?: Uint8Array;
  /** Longest body of a successful answer, in bytes; 'format-length' over it. */
  lengthMax?: number;
}

export interface S3Answer {
  /** 200 to 299, or one of the statuses that the caller expects. */
  status: number;
  headers: Headers;
  /** Empty unless the status is 200 to 299. */
  bytes: Uint8Array;
}

export class S3Client {
  readonly #settings: S3Settings;
  readonly #timeoutMs: number;
  readonly #pauseMs: number;
  /** Derived keys of the day. */
  readonly #cache = new Map<string, ArrayBuffer>();

  constructor(settings: S3Settings, { timeoutMs = TIMEOUT_MS, pauseMs = PAUSE_MS } = {}) {
    this.#settings = settings;
    this.#timeoutMs = timeoutMs;
    this.#pauseMs = pauseMs;
  }

  /**
   * The answer, tried up to five times. Throws 'store-unavailable' for a status that is neither a
   * success nor in `expected`, and when nothing answers.
   */
  async send(request: S3Request, expected: readonly number[] = []): Promise<S3Answer> {
    for (let tries = 1; ; tries++) {
      let failure: SltdError;
      try {
        const answer = await this.#try(request);
        if (isSuccess(answer.status) || expected.includes(answer.status)) return answer;
        failure = unavailable(request.method, `answered ${answer.status}`);
        if (!PASSING.has(answer.status)) throw new Final(failure);
      } catch (cause) {
        if (cause instanceof Final) throw cause.error;
        if (cause instanceof SltdError) throw cause;
        failure = unavailable(request.method, 'no answer', cause);
      }
      if (tries === TRIES_MAX) throw failure;
      const pauseMs = Math.min(PAUSE_MAX_MS, this.#pauseMs * 2 ** (tries - 1));
      await setTimeout(pauseMs * (0.5 + Math.random() / 2));
    }
  }

  async #try(request: S3Request): Promise<S3Answer> {
    const { method, lengthMax = ERROR_BYTES_MAX } = request;
    const { url, headers } = await this.#sign(request);
    const response = await fetch(url, {
      ...{ method, headers, redirect: 'manual', signal: AbortSignal.timeout(this.#timeoutMs) },
      body: request.body as Uint8Array<ArrayBuffer> | undefined,
    });
    const { status } = response;
    if (!isSuccess(status)) {
      // Read, not left: the connection is used again.
      await readBoundedBytes(response, ERROR_BYTES_MAX);
      return { status, headers: response.headers, bytes: new Uint8Array() };
    }
    if (method === 'HEAD') return { status, headers: response.headers, bytes: new Uint8Array() };
    const bytes = await readBoundedBytes(response, lengthMax);
    if (!bytes) throw new SltdError('format-length', { detail: 'object' });
    return { status, headers: response.headers, bytes };
  }

  async #sign({ method, key, query = {}, headers = {}, body }: S3Request) {
    const { endpoint, bucket, ...credentials } = this.#settings;
    const path = `/${bucket}${key === '' ? '' : `/${key}`}`;
    const url = new URL(endpoint.replace(/\/+$/, '') + path.split('/').map(encode).join('/'));
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const hash = createHash('sha256')
      .update(body ?? '')
      .digest('hex');
    return new AwsV4Signer({
      ...{ ...credentials, method, url: url.href, service: 's3', cache: this.#cache },
      headers: { ...headers, 'x-amz-content-sha256': hash },
    }).sign();
  }
}

/** A failure that another try will not mend. */
class Final {
  readonly error: SltdError;

  constructor(error: SltdError) {
    this.error = error;
  }
}

const encode = (segment: string): string => encodeURIComponent(segment);

const isSuccess = (status: number): boolean => status >= 200 && status < 300;

function unavailable(method: string, what: string, cause?: unknown): SltdError {
  return new SltdError('store-unavailable', { detail: `${method}: ${what}`, cause });
}
