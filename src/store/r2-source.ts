/**
 * Objects from a bucket that is bound to the Worker: strongly consistent, no line in between.
 *
 * R2 says the size before the body is read, so a bound costs nothing.
 */

import { SltdError } from '../errors.ts';
import { withDeadline } from './deadline.ts';
import { OBJECT_TIMEOUT_MS, type ObjectSource } from './object-source.ts';

/** As much of an R2 bucket as is needed here. */
export interface ObjectBucket {
  get(name: string): Promise<{ readonly size: number; arrayBuffer(): Promise<ArrayBuffer> } | null>;
}

export class R2Source implements ObjectSource {
  readonly #bucket: ObjectBucket;
  readonly #timeoutMs: number;

  constructor(bucket: ObjectBucket, { timeoutMs = OBJECT_TIMEOUT_MS } = {}) {
    this.#bucket = bucket;
    this.#timeoutMs = timeoutMs;
  }

  async get(name: string, lengthMax: number): Promise<Uint8Array | undefined> {
    try {
      return await withDeadline(this.#read(name, lengthMax), {
        timeoutMs: this.#timeoutMs,
        onTimeout: () => new SltdError('page-unavailable', { detail: 'bucket timed out' }),
      });
    } catch (cause) {
      if (cause instanceof SltdError) throw cause;
      throw new SltdError('page-unavailable', { detail: 'bucket failed', cause });
    }
  }

  async #read(name: string, lengthMax: number): Promise<Uint8Array | undefined> {
    const object = await this.#bucket.get(name);
    if (object === null) return undefined;
    if (object.size > lengthMax) throw new SltdError('format-length', { detail: 'object' });
    return new Uint8Array(await object.arrayBuffer());
  }
}
