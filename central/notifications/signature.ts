/**
 * Standard Webhooks: how a notification proves whose it is, and that it is whole.
 *
 * `webhook-signature` is `v1,` and the base64 of HMAC-SHA-256 over `id.timestamp.body`. A secret is
 * `whsec_` and the base64 of 32 random bytes. While a secret is being changed the message carries a
 * signature of each, with a blank between. Specification: standardwebhooks.com, version 1.0.0.
 */

import { createHmac, randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';
const SECRET_BYTES = 32;

/** A new secret for one endpoint. */
export const newSecret = (): string => PREFIX + randomBytes(SECRET_BYTES).toString('base64');

export interface SignedMessage {
  /** The same at every attempt: by it the receiver knows a message that it has already had. */
  id: string;
  /** Of this attempt, in seconds since 1970. */
  timestampSeconds: number;
  body: string;
}

/** The three headers of a message; one signature for each secret. */
export function signatureHeaders(
  { id, timestampSeconds, body }: SignedMessage,
  secrets: readonly string[],
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const signed = `${id}.${timestampSeconds}.${body}`;
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
    return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  });
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signatures.join(' '),
  };
}
