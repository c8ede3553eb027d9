/**
 * Objects from a directory served over HTTP: an agency's own host, a ship, or a laptop.
 *
 * Only 200 has an object and only 404 means that there is none; everything else, a redirect
 * included, is a failure. The body is bounded while it is read.
 */

import { SltdError } from '../errors.ts';
import { readBoundedBytes } from './bounded-bytes.ts';
import { withDeadline } from './deadline.ts';
import { OBJECT_TIMEOUT_MS, type ObjectSource } from './object-source.ts';

interface HttpSourceOptions {
  /** Milliseconds for request and body together. */
  timeoutMs?: number;
  fetch?: typeof fetch;
}

export class HttpSource implements ObjectSource {
  readonly #origin: string;
  readonly #timeoutMs: number;
  readonly #fetch: typeof fetch;

  /** `origin` is a URL under which the names of docs/format.md section 2 are found. */
  constructor(origin: string, options: HttpSourceOptions = {}) {
    this.#origin = origin.endsWith('/') ? origin : `${origin}/`;
    this.#timeoutMs = options.timeoutMs ?? OBJECT_TIMEOUT_MS;
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  async get(name: string, lengthMax: number): Promise<Uint8Array | undefined> {
    const abort = new AbortController();
    try {
      return await withDeadline(this.#read(name, lengthMax, abort.signal), {
        timeoutMs: this.#timeoutMs,
        onTimeout: () => new SltdError('page-unavailable', { detail: 'origin timed out' }),
      });
    } catch (cause) {
      abort.abort();
      if (cause instanceof SltdError) throw cause;
      throw new SltdError('page-unavailable', { detail: 'origin failed', cause });
    }
  }

  async #read(
    name: string,
    lengthMax: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const response = await this.#fetch(this.#origin + name, { signal, redirect: 'manual' });
    if (response.status !== 200) {
      await response.body?.cancel();
      if (response.status === 404) return undefined;
      throw new SltdError('page-unavailable', { detail: `origin answered ${response.status}` });
    }
    const bytes = await readBoundedBytes(response, lengthMax);
    if (!bytes) throw new SltdError('format-length', { detail: 'object' });
    return bytes;
  }
}
