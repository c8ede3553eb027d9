/**
 * Tells a webhook what became of the night, in the form of Standard Webhooks 1.0.0 (standardwebhooks.com):
 * headers webhook-id, webhook-timestamp and, if there is a secret, webhook-signature.
 *
 * What is told holds counts, codes and the names of gates, nothing of a record. Whoever cannot be told does
 * not change what became of the night.
 */

import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { SltdError } from '../../src/errors.ts';

const TRIES = 3;
const PAUSE_MS = 2_000;
const TIMEOUT_MS = 10_000;

/** Name of the environment variable with the secret: `whsec_` and base64 of 24 to 64 bytes. */
export const SECRET_NAME = 'SLTD_WEBHOOK_SECRET';

export interface WebhookOptions {
  url: string;
  /** What happened, such as `nightly.refused`. */
  type: string;
  data: unknown;
  /** Key of the signature; without one the message is not signed. */
  secret: Uint8Array | undefined;
  /** Between tries; grows with each. */
  pauseMs?: number;
}

/** Whether the message arrived: a status of 2xx within three tries. */
export async function sendWebhook(options: WebhookOptions): Promise<boolean> {
  const { url, type, data, pauseMs = PAUSE_MS } = options;
  const id = `msg_${randomUUID()}`;
  const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data });
  for (let count = 1; ; count++) {
    if (await post(url, body, signedHeaders(id, body, options.secret))) return true;
    if (count === TRIES) return false;
    await setTimeout(pauseMs * count);
  }
}

/** The key in the secret's text; 'config-invalid' if it is none. */
export function webhookSecret(text: string | undefined): Uint8Array | undefined {
  if (text === undefined || text === '') return undefined;
  const key = Buffer.from(/^whsec_([A-Za-z0-9+/=]+)$/.exec(text)?.[1] ?? '', 'base64');
  if (key.length < 24 || key.length > 64) {
    throw new SltdError('config-invalid', { detail: `${SECRET_NAME} is no whsec_ secret` });
  }
  return key;
}

/** Each try is signed at its own time: receivers refuse old ones. */
function signedHeaders(id: string, body: string, secret: Uint8Array | undefined) {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp };
  if (!secret) return headers;
  const mac = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { ...headers, 'webhook-signature': `v1,${mac}` };
}

async function post(url: string, body: string, headers: Record<string, string>): Promise<boolean> {
  try {
    const response = await fetch(url, {
      ...{ method: 'POST', body, redirect: 'error' },
      headers: { ...headers, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
