/**
 * The JSON body of a request: bounded while it is read, strict UTF-8, never echoed.
 */

import { SltdError } from '../errors.ts';
import { readBoundedBytes } from '../store/bounded-bytes.ts';

/** 1,000 documents take some 200 KB by MRZ. */
const BODY_BYTES_MAX = 1024 * 1024;
/** Of a body that is too large, so much is still taken in and dropped. */
const DRAIN_BYTES_MAX = 16 * 1024 * 1024;
/** What the runtime puts in the place of bytes that are not UTF-8; no document has it. */
const REPLACEMENT = '\ufffd';

/** The value in the body. Throws 'content-type', 'body-too-large' or 'body-not-json'. */
export async function readJson(request: Request): Promise<unknown> {
  if (!isJson(request.headers.get('content-type'))) throw new SltdError('content-type');
  const text = await readText(request);
  if (text === undefined) throw new SltdError('body-too-large');
  if (text.includes(REPLACEMENT)) throw new SltdError('body-not-json');
  try {
    return JSON.parse(text);
  } catch {
    throw new SltdError('body-not-json');
  }
}

async function readText(request: Request): Promise<string | undefined> {
  const declared = request.headers.get('content-length');
  if (declared === null) {
    const bytes = await readBoundedBytes(request, BODY_BYTES_MAX);
    return bytes && new TextDecoder().decode(bytes);
  }
  if (!(Number(declared) <= BODY_BYTES_MAX)) return drain(request.body);
  // HTTP lets no body be longer than declared, so one read does, quicker than bytes and a decoder;
  // no text is longer than its bytes, and it is measured all the same.
  const text = await request.text();
  return text.length <= BODY_BYTES_MAX ? text : undefined;
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
