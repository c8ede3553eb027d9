/**
 * A store that is a bucket of an S3-compatible service, or a prefix in one.
 *
 * An object is put with "only if it is not there", the head with "only if it is the one I saw": both
 * are conditions that the service checks itself (If-None-Match, If-Match). An answer may get lost after
 * the service did the work, so a refused head is looked at: if it is ours, it was our own first try.
 */

import { randomBytes } from 'node:crypto';
import { SltdError } from '../src/errors.ts';
import {
  equalBytes,
  HEAD_NAME,
  type ObjectFolder,
  objectName,
  sha256,
} from '../src/format/names.ts';
import type { ObjectStore, PutResult, StoredEntry, StoredObject } from './object-store.ts';
import type { S3Client } from './s3-client.ts';
import { listObjects } from './s3-listing.ts';

const NOT_FOUND = 404;
/** The service saw two writers at one time; nothing was written. */
const CONFLICT = 409;
const PRECONDITION_FAILED = 412;
/** Answers to a PUT with a condition that did not write. */
const REFUSALS = [NOT_FOUND, CONFLICT, PRECONDITION_FAILED];
/** Begins the name of what prepare() writes to see that the service heeds conditions. */
const PROBE_PREFIX = 'conditional-writes-';
/** None of them holds for an object that is there. */
const PROBE_CONDITIONS = [
  { 'if-none-match': '*' },
  { 'if-match': '"0123456789abcdef0123456789abcdef"' },
] as const;
const BINARY = { 'content-type': 'application/octet-stream' };

export class S3Store implements ObjectStore {
  readonly location: string;
  readonly #client: S3Client;
  readonly #prefix: string;

  /** `prefix` is empty or ends with a slash. */
  constructor(client: S3Client, { location, prefix }: { location: string; prefix: string }) {
    this.location = location;
    this.#client = client;
    this.#prefix = prefix;
  }

  /**
   * Makes sure that the bucket is there and conditions are heeded: 'config-invalid' if not. The probe is an object of this call alone, since two publishers may begin at once, and goes away again.
   */
  async prepare(): Promise<void> {
    const name = PROBE_PREFIX + randomBytes(8).toString('hex');
    const put = (headers: Readonly<Record<string, string>>) =>
      this.#client.send(
        { ...this.#request('PUT', name), headers, body: new Uint8Array() },
        REFUSALS,
      );
    if ((await put({})).status === NOT_FOUND) {
      throw new SltdError('config-invalid', { detail: 'there is no such bucket' });
    }
    try {
      for (const condition of PROBE_CONDITIONS) {
        const { status } = await put(condition);
        if (status !== PRECONDITION_FAILED && status !== CONFLICT) {
          throw new SltdError('config-invalid', { detail: 'the store ignores conditional writes' });
        }
      }
    } finally {
      // An empty object that stays behind does no harm.
      await this.delete(name).catch(() => {});
    }
  }

  async get(name: string, lengthMax: number): Promise<StoredObject | undefined> {
    const request = { ...this.#request('GET', name), lengthMax };
    const { status, headers, bytes } = await this.#client.send(request, [NOT_FOUND]);
    if (status === NOT_FOUND) return undefined;
    return { bytes, version: versionOf(headers) };
  }

  async exists(name: string): Promise<boolean> {
    const { status } = await this.#client.send(this.#request('HEAD', name), [NOT_FOUND]);
    return status !== NOT_FOUND;
  }

  async put(
    folder: ObjectFolder,
    bytes: Uint8Array,
    { overwrite = false } = {},
  ): Promise<PutResult> {
    const digest = await sha256(bytes);
    const condition: Record<string, string> = overwrite ? {} : { 'if-none-match': '*' };
    const request = {
      ...this.#request('PUT', objectName(folder, digest)),
      ...{ headers: { ...BINARY, ...condition }, body: bytes },
    };
    const { status } = await this.#client.send(request, [CONFLICT, PRECONDITION_FAILED]);
    // In a conflict another writer puts the same bytes at this moment: it does the work.
    return { sha256: digest, wasThere: status === PRECONDITION_FAILED || status === CONFLICT };
  }

  async list(folder: ObjectFolder): Promise<StoredEntry[]> {
    const entries = await listObjects(this.#client, `${this.#prefix}${folder}/`);
    return entries.map((entry) => ({ ...entry, name: entry.name.slice(this.#prefix.length) }));
  }

  async delete(name: string): Promise<void> {
    await this.#client.send(this.#request('DELETE', name), [NOT_FOUND]);
  }

  /** A service that has answered keeps what it took. */
  async flush(): Promise<void> {}

  async replaceHead(bytes: Uint8Array, expectedVersion: string | undefined): Promise<string> {
    const condition: Record<string, string> =
      expectedVersion === undefined ? { 'if-none-match': '*' } : { 'if-match': expectedVersion };
    const request = {
      ...this.#request('PUT', HEAD_NAME),
      ...{ headers: { ...BINARY, ...condition }, body: bytes },
    };
    const { status, headers } = await this.#client.send(request, REFUSALS);
    if (!REFUSALS.includes(status)) return versionOf(headers);
    const now = await this.get(HEAD_NAME, bytes.length).catch((error) => {
      if (error instanceof SltdError && error.code === 'format-length') return undefined;
      throw error;
    });
    if (now && equalBytes(now.bytes, bytes)) return now.version;
    throw new SltdError('head-moved');
  }

  #request<M extends string>(method: M, name: string) {
    return { method, key: this.#prefix + name };
  }
}

/** The entity tag, which the service changes with the bytes. */
function versionOf(headers: Headers): string {
  const tag = headers.get('etag');
  if (!tag) throw new SltdError('store-unavailable', { detail: 'an answer without ETag' });
  return tag;
}
