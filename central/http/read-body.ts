/**
 * The body of a request, bounded before it is read.
 *
 * A declared length over the limit is refused unread; without one, or with a false one, reading
 * stops at the limit.
 */

import * as v from 'valibot';
import { SltdError } from '../../src/errors.ts';

/** 4,096 keys take some 170 KB; a body over this is no question. */
export const BODY_BYTES_MAX = 1_048_576;

/** All bytes of the body; 'content-type' unless JSON is declared, 'body-too-large' over the limit. */
export async function readJsonBytes(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type)) throw new SltdError('content-type');
  return readBytes(request, BODY_BYTES_MAX);
}

/** All bytes of a body of any type; 'body-too-large' over the limit. */
export async function readBytes(
  request: Request,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const declared = request.headers.get('content-length');
  if (Number(declared ?? 0) > bytesMax) throw new SltdError('body-too-large');
  // A server ends the body there; to read it as a stream takes several times as long.
  if (declared !== null) {
    const bytes = new Uint8Array(await request.arrayBuffer());
    if (bytes.length > bytesMax) throw new SltdError('body-too-large');
    return bytes;
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > bytesMax) throw new SltdError('body-too-large');
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks, length));
}

/** The value of JSON in UTF-8; 'body-not-json' if it is not. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new SltdError('body-not-json');
  }
}

/** The body as a schema has it; 'request-invalid' without a word of what was wrong with it. */
export async function readJsonAs<T>(
  request: Request,
  schema: v.GenericSchema<unknown, T>,
): Promise<T> {
  const result = v.safeParse(schema, parseJson(await readJsonBytes(request)));
  if (!result.success) throw new SltdError('request-invalid');
  return result.output;
}
