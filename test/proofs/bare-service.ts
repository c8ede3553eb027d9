/**
 * The least that a confirmation takes on this machine, as a process to be asked beside the service:
 * read a body, verify a signature, find a key by its index, sign an answer. It checks nothing.
 *
 * Settings: DATABASE_FILE. Prints {"port":N}.
 */

import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const token = Buffer.alloc(300, 'token');
const signature = sign(null, token, privateKey);
const database = new DatabaseSync(String(process.env.DATABASE_FILE), { readOnly: true });
const find = database.prepare(
  'select r.* from record_keys as k join records as r on r.id = k.record_id where k.key = ?',
);

const server = createServer(async (request, response) => {
  const { keys } = JSON.parse(await textOf(request)) as { keys: string[] };
  if (!verify(null, token, publicKey, signature)) throw new Error('its own signature');
  const listed = find.all(keys[0]!).length > 0;
  const payload = Buffer.from(JSON.stringify({ results: [{ listed }] })).toString('base64url');
  const answer = `e30.${payload}.${sign(null, Buffer.from(payload), privateKey).toString('base64url')}`;
  const body = JSON.stringify({ answer });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
});

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  return text;
}

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
process.once('SIGTERM', () => process.exit(0));
