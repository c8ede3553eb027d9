/**
 * Redis: the keys as a SET, and a Bloom filter in a bitmap of the size of our filter pages.
 *
 * A redis-server of this run, on loopback, in a folder of its own, that writes nothing to disk. The
 * client speaks as much RESP as three commands need
 * (https://redis.io/docs/latest/develop/reference/protocol-spec/).
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMatcherModule } from '../../data-build/matcher-module.ts';
import { freePort } from '../../scripts/system.ts';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import type { Gap } from '../measurement.ts';
import { inBatches, type Peer, timed } from './peer.ts';

const READY_TRIES = 100;
const READY_EVERY_MS = 50;
const BITS_PER_KEY = 8;
const HASHES = 5;
const EPOCH_KEY = new Uint8Array(16).fill(7);

type Reply = number | string | Reply[];

/** The reply that begins at `at`, and where it ends; undefined if it is not whole yet. */
function parseReply(text: string, at = 0): { reply: Reply; end: number } | undefined {
  const lineEnd = text.indexOf('\r\n', at);
  if (lineEnd < 0) return undefined;
  const line = text.slice(at + 1, lineEnd);
  let end = lineEnd + 2;
  switch (text[at]) {
    case ':':
      return { reply: Number(line), end };
    case '+':
      return { reply: line, end };
    case '$': {
      const dataEnd = end + Number(line);
      if (text.length < dataEnd + 2) return undefined;
      return { reply: text.slice(end, dataEnd), end: dataEnd + 2 };
    }
    case '*': {
      const items: Reply[] = [];
      for (let left = Number(line); left > 0; left--) {
        const item = parseReply(text, end);
        if (!item) return undefined;
        items.push(item.reply);
        end = item.end;
      }
      return { reply: items, end };
    }
    default:
      throw new Error(`Redis answered: ${line}`);
  }
}

/** One command at a time: a batch is one command. */
class RedisClient {
  readonly #socket: Socket;
  #received = '';
  #arrived: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket.setNoDelay(true).setEncoding('latin1');
    socket.on('data', (text) => {
      this.#received += text;
      this.#arrived();
    });
  }

  async send(...words: (string | Uint8Array)[]): Promise<Reply> {
    const parts = words.map((word) => {
      const data = typeof word === 'string' ? word : Buffer.from(word).toString('latin1');
      return `$${data.length}\r\n${data}\r\n`;
    });
    this.#socket.write(`*${words.length}\r\n${parts.join('')}`, 'latin1');
    for (;;) {
      const parsed = parseReply(this.#received);
      if (parsed) {
        this.#received = this.#received.slice(parsed.end);
        return parsed.reply;
      }
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function connected(port: number, server: ChildProcess): Promise<RedisClient> {
  for (let tries = 0; tries < READY_TRIES && server.exitCode === null; tries++) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    if (isOpen) return new RedisClient(socket);
    await new Promise((resolve) => setTimeout(resolve, READY_EVERY_MS));
  }
  throw new Error('redis-server did not answer');
}

const sum = (numbers: Reply): number =>
  (numbers as number[]).reduce((total, number) => total + number, 0);

async function asSet(client: RedisClient, keys: readonly CanonicalKey[]): Promise<Peer> {
  const { ms } = await timed(() =>
    inBatches(keys, async (batch) => Number(await client.send('SADD', 'set', ...batch))),
  );
  return {
    ...{ id: 'redis-set', name: 'Redis SET, batches of 1,000', keyCount: keys.length },
    ...{ buildMs: ms, share: 0.25, isServer: true },
    bytes: Number(await client.send('MEMORY', 'USAGE', 'set', 'SAMPLES', '0')),
    count: (asked) =>
      inBatches(asked, async (batch) => sum(await client.send('SMISMEMBER', 'set', ...batch))),
  };
}

/** The client hashes, as it does with a bitmap, and counts keys of which all bits are set. */
async function asBitmap(client: RedisClient, keys: readonly CanonicalKey[]): Promise<Peer> {
  const matcher = new WasmMatcher(readMatcherModule());
  const bitCount = 8 * keys.length;
  /** Bits of a batch, HASHES a key: A. Kirsch, M. Mitzenmacher, "Less Hashing, Same Performance", 2006. */
  const bitsOf = (batch: readonly CanonicalKey[]): number[] => {
    const digests = matcher.digests(batch, EPOCH_KEY);
    const bits: number[] = [];
    for (let at = 0; at < digests.length; at += 4) {
      for (let i = 0; i < HASHES; i++) bits.push((digests[at]! + i * digests[at + 1]!) % bitCount);
    }
    return bits;
  };
  const { ms } = await timed(async () => {
    const bitmap = new Uint8Array((BITS_PER_KEY * keys.length) / 8);
    for (const bit of bitsOf(keys)) bitmap[bit >> 3] = bitmap[bit >> 3]! | (128 >> (bit & 7));
    await client.send('SET', 'bitmap', bitmap);
  });
  const ask = async (batch: CanonicalKey[]): Promise<number> => {
    const reads = bitsOf(batch).flatMap((bit) => ['GET', 'u1', String(bit)]);
    const bits = (await client.send('BITFIELD_RO', 'bitmap', ...reads)) as number[];
    let found = 0;
    for (let at = 0; at < bits.length; at += HASHES) {
      if (sum(bits.slice(at, at + HASHES)) === HASHES) found++;
    }
    return found;
  };
  return {
    ...{ id: 'redis-bitmap', name: 'Redis bitmap, 8 bits a key, k = 5, batches of 1,000' },
    ...{ keyCount: keys.length, buildMs: ms, share: 0.25, isServer: true },
    bytes: Number(await client.send('MEMORY', 'USAGE', 'bitmap')),
    count: (asked) => inBatches(asked, ask),
  };
}

/** Both ways over one server, which goes away with the first that is closed; a gap without Redis. */
export async function redis(keys: readonly CanonicalKey[]): Promise<Peer[] | Gap> {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'sltd-bench-redis-'));
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
  const server = spawn('redis-server', [...options, '--appendonly', 'no'], { stdio: 'ignore' });
  const isThere = await Promise.race([
    once(server, 'spawn').then(() => true),
    once(server, 'error').then(() => false),
  ]);
  if (!isThere) {
    rmSync(dir, { recursive: true });
    return { id: 'peers-gap-redis', gap: 'Redis: no redis-server on this machine' };
  }
  const stop = async () => {
    if (server.exitCode === null) {
      const ended = once(server, 'exit');
      server.kill('SIGTERM');
      await ended;
    }
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const client = await connected(port, server);
    const close = async () => {
      client.close();
      await stop();
    };
    return [await asSet(client, keys), { ...(await asBitmap(client, keys)), close }];
  } catch (error) {
    await stop();
    throw error;
  }
}
