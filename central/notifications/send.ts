/**
 * One attempt to deliver a message: POST, wait for the status, forget the rest.
 *
 * Any 2xx is taken as received. Redirects are not followed, and the address is looked at when the
 * connection is made (address-guard.ts). The body of the answer is not read: nothing in it counts.
 */

import http from 'node:http';
import https from 'node:https';
import { SltdError } from '../../src/errors.ts';
import { endpointUrl, guardedLookup, type Reach } from './address-guard.ts';
import { signatureHeaders } from './signature.ts';

export interface Message {
  /** The notification's: `webhook-id`. */
  id: string;
  url: string;
  /** The current secret first; a second one while it is being changed. */
  secrets: readonly string[];
  body: string;
}

/** What became of an attempt; `gone` tells that the endpoint wants no more messages (410). */
export type Outcome =
  | { kind: 'delivered' }
  | { kind: 'gone' }
  | { kind: 'failed'; failure: string; askedMs?: number | undefined };

interface SendOptions {
  reach: Reach;
  timeoutMs: number;
  nowMs: number;
  /** Ends the attempt; it then counts as failed. */
  signal?: AbortSignal | undefined;
}

/** Try once; never throws. */
export async function send(message: Message, options: SendOptions): Promise<Outcome> {
  try {
    const { status, retryAfter } = await post(message, options);
    if (status >= 200 && status <= 299) return { kind: 'delivered' };
    if (status === 410) return { kind: 'gone' };
    return { kind: 'failed', failure: `http-${status}`, askedMs: secondsOf(retryAfter) };
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error) };
  }
}

function post(
  { id, url: text, secrets, body }: Message,
  { reach, timeoutMs, nowMs, signal }: SendOptions,
): Promise<{ status: number; retryAfter: string | undefined }> {
  const url = endpointUrl(text, reach);
  const deadline = AbortSignal.timeout(timeoutMs);
  const timestampSeconds = Math.floor(nowMs / 1000);
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).request(url, {
      method: 'POST',
      lookup: guardedLookup(reach),
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'sltd-edge-central',
        ...signatureHeaders({ id, timestampSeconds, body }, secrets),
      },
    });
    request.once('error', reject);
    request.once('response', (response) => {
      const status = response.statusCode ?? 0;
      resolve({ status, retryAfter: response.headers['retry-after'] });
      // Drained, so that the connection serves the next message; an endless answer is cut off by
      // the deadline.
      response.on('error', () => {});
      response.resume();
    });
    request.end(body);
  });
}

/** Seconds of a Retry-After in milliseconds; its other form, a date, is passed over. */
const secondsOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) * 1000 : undefined;

/** A word for the log and for the endpoint's owner, from a closed list: never a message. */
function failureOf(error: unknown): string {
  if (error instanceof SltdError) return 'refused-address';
  const { name, code } = error as { name?: string; code?: unknown };
  if (name === 'TimeoutError' || code === 'ABORT_ERR') return 'timeout';
  if (code === 'EREACH') return 'refused-address';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'name-not-resolved';
  const isTls =
    typeof code === 'string' && /^(ERR_TLS|CERT_|DEPTH_|SELF_|UNABLE_|ERR_SSL)/.test(code);
  return isTls ? 'tls' : 'no-connection';
}
