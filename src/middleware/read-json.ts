/**
 * The JSON body of a request: bounded while it is read, strict UTF-8, never echoed.
 */

import { SltdError } from '../errors.ts';
import { readBoundedBytes } from '../store/bounded-bytes.ts';

/** 1,000 documents take some 200 KB by MRZ. */
const BODY_BYTES_MAX = 1024 * 1024;
/** Of a body that is too large, so much is still taken in and dropped. */
const DRAIN_BYTES_MAX = 16 * 1024 * 1024;
const STRICT_UTF8 = { fatal: true, ignoreBOM: false };

/** The value in the body. Throws 'content-type', 'body-too-large' or 'body-not-json'. */
export async function readJson(request: Request): Promise<unknown> {
  if (!isJson(request.headers.get('content-type'))) throw new SltdError('content-type');
  const bytes = await readBytes(request);
  if (!bytes) throw new SltdError('body-too-large');
  try {
    return JSON.parse(new TextDecoder('utf-8', STRICT_UTF8).decode(bytes));
  } catch {
    throw new SltdError('body-not-json');
  }
}

async function readBytes(request: Request): Promise<Uint8Array | undefined> {
  const declared = request.headers.get('content-length');
  if (declared === null) return readBoundedBytes(request, BODY_BYTES_MAX);
  if (!(Number(declared) <= BODY_BYTES_MAX)) return drain(request.body);
  // HTTP lets no body be longer than declared, so one read does; it is measured all the same.
  const bytes = new Uint8Array(await request.arrayBuffer());
  return bytes.length <= BODY_BYTES_MAX ? bytes : undefined;
}

/**
 * Reads a body that is refused, within bounds, and keeps nothing of it: a client that is still
 * sending when the connection closes sees a reset instead of the refusal.
 */
async function drain(body: ReadableStream<Uint8Array> | null): Promise<undefined> {
  if (!body) return;
  const reader = body.getReader();
  for (let length = 0; length <= DRAIN_BYTES_MAX; ) {
    const { done, value } = await reader.read();
    if (done) return;
    length += value.length;
  }
  await reader.cancel();
}

function isJson(type: string | null): boolean {
  return type === 'application/json' || /^application\/json\s*(;|$)/i.test(type ?? '');
}
