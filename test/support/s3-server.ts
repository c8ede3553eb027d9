/**
 * A real S3-compatible server on loopback (s3rver): it checks signatures and hashes of bodies by its own
 * code, and answers in S3's own words.
 *
 * It knows no conditional writes and no atomic ones, so requests go through here one after the other,
 * and If-Match and If-None-Match of a PUT are decided here, as S3 documents them ("Conditional writes").
 * That these also hold where others wrote them is tested on R2 (r2-server.ts).
 */

import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import S3rver from '@20minutes/s3rver';
import type { StoreEnvironment } from '../../publish/open-store.ts';

const BUCKET = 'sltd-editions';
/** So long a request whose client has gone may go on before the next one has its turn. */
const HANDLED_MS = 2_000;

/** What goes wrong with a request: an answer of this status, none at all, or one lost after the work. */
export type Fault = number | 'hang' | 'lost-answer' | undefined;

export interface S3Server {
  /** For openStore(), with a prefix behind it. */
  location: string;
  environment: StoreEnvironment;
  /** Asked for every request; a test puts its own faults here. */
  fault: (request: { method: string; key: string }) => Fault;
  /** Requests so far, as `METHOD key`. */
  requests: string[];
  close(): Promise<void>;
}

/** Starts it with an empty bucket; `directory` is where it keeps the objects. */
export async function startS3Server(directory: string): Promise<S3Server> {
  const s3rver = new S3rver({ directory, silent: true, configureBuckets: [{ name: BUCKET }] });
  await s3rver.configureBuckets();
  const handle = s3rver.callback();
  let turn: Promise<unknown> = Promise.resolve();

  const server = createServer((request, response) => {
    const method = request.method ?? '';
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const key = decodeURIComponent(path.slice(`/${BUCKET}/`.length));
    running.requests.push(`${method} ${key}`);
    const fault = running.fault({ method, key });
    if (fault === 'hang') return;
    if (typeof fault === 'number') {
      request.resume();
      response.writeHead(fault).end();
      return;
    }
    if (fault === 'lost-answer') response.end = () => response.destroy();
    const closed = new Promise((resolve) => response.once('close', resolve));
    turn = turn.then(async () => {
      // A client that was killed while it waited.
      if (response.destroyed) return;
      if (method === 'PUT' && !(await isAllowed(s3rver, key, request))) {
        request.resume();
        response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>');
        return;
      }
      const handled = handle(request, response).catch(() => response.destroy());
      await closed;
      // Of one that was killed meanwhile the rest may never come.
      await Promise.race([handled, setTimeout(HANDLED_MS, undefined, { ref: false })]);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const running: S3Server = {
    location: `s3://${BUCKET}`,
    environment: {
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
      AWS_REGION: 'us-east-1',
      // The server's own test credentials.
      AWS_ACCESS_KEY_ID: 'S3RVER',
      AWS_SECRET_ACCESS_KEY: 'S3RVER',
    },
    ...{ fault: () => undefined, requests: [] },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return running;
}

/** Whether the conditions of a PUT hold. */
async function isAllowed(s3rver: S3rver, key: string, { headers }: IncomingMessage) {
  const wanted = headers['if-match'];
  if (wanted === undefined && headers['if-none-match'] !== '*') return true;
  const there = await s3rver.store.getMetadata(BUCKET, key).catch(() => null);
  return wanted === undefined ? !there : there?.etag === wanted;
}
