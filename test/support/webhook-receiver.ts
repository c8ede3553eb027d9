/**
 * A receiver of webhooks that verifies every signature and drops what it already has, as Standard
 * Webhooks has it, on a port of the system's choosing.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A message whose signature was right. */
export interface Received {
  id: string;
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

export interface Receiver {
  url: string;
  /** By `webhook-id`, in order of arrival: what is left after doubles were dropped. */
  messages: Map<string, Received>;
  /** Requests, doubles included. */
  requestCount: number;
  /** Messages taken, doubles included. */
  takenCount: number;
  /** Requests whose signature was not right. */
  forgedCount: number;
  /** Secrets that may have signed; empty takes any message. */
  secrets: string[];
  /** Answers instead of 204, before the message is taken; undefined takes it. */
  fault: ((response: ServerResponse) => boolean) | undefined;
  /** The same once the message is taken: the sender cannot know that it was. */
  lateFault: ((response: ServerResponse) => boolean) | undefined;
  close(): Promise<void>;
}

/** Start a receiver on loopback. */
export async function startReceiver(): Promise<Receiver> {
  const server = createServer((request, response) => {
    void take(request, response, receiver);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}/hook`,
    messages: new Map(),
    ...{
      requestCount: 0,
      takenCount: 0,
      forgedCount: 0,
      secrets: [],
      fault: undefined,
      lateFault: undefined,
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return receiver;
}

async function take(request: IncomingMessage, response: ServerResponse, receiver: Receiver) {
  receiver.requestCount++;
  if (receiver.fault?.(response)) return;
  let body = '';
  for await (const chunk of request) body += String(chunk);
  const id = String(request.headers['webhook-id']);
  const signed = `${id}.${String(request.headers['webhook-timestamp'])}.${body}`;
  const { secrets } = receiver;
  const signatures = String(request.headers['webhook-signature']);
  if (secrets.length > 0 && !secrets.some((secret) => isSigned(signed, signatures, secret))) {
    receiver.forgedCount++;
    response.writeHead(401).end();
    return;
  }
  receiver.takenCount++;
  receiver.messages.set(id, { id, ...(JSON.parse(body) as Omit<Received, 'id'>) });
  if (receiver.lateFault?.(response)) return;
  response.writeHead(204).end();
}

function isSigned(signed: string, signatures: string, secret: string): boolean {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const expected = Buffer.from(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  return signatures
    .split(' ')
    .map((text) => Buffer.from(text))
    .some((each) => each.length === expected.length && timingSafeEqual(each, expected));
}
