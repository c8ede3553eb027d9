/**
 * A database of a test that goes away and comes back: the line to PostgreSQL is cut, or another process keeps
 * the SQLite file locked.
 */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { sql } from 'kysely';
import { openDatabase } from '../../central/database/database.ts';
import type { CentralDatabase } from '../../central/database/schema.ts';
import type { TestDatabase } from './postgres.ts';

export interface BreakableDatabase {
  /** Opened over what can be cut. */
  db: CentralDatabase;
  takeAway(): Promise<void>;
  bringBack(): Promise<void>;
  close(): Promise<void>;
}

/** The database of a test, over a line that can be cut; SQLite is no more in WAL mode, where readers wait for nobody. */
export async function breakable({ db, location }: TestDatabase): Promise<BreakableDatabase> {
  return 'url' in location ? overLine(location.url) : overFile(db, location.file);
}

async function overFile(db: CentralDatabase, file: string): Promise<BreakableDatabase> {
  await sql`pragma busy_timeout = 0`.execute(db);
  await sql`pragma journal_mode = delete`.execute(db);
  let other: DatabaseSync | undefined;
  const bringBack = async () => {
    other?.close();
    other = undefined;
  };
  const takeAway = async () => {
    other = new DatabaseSync(file);
    other.exec('begin exclusive');
  };
  return { db, takeAway, bringBack, close: bringBack };
}

async function overLine(address: string): Promise<BreakableDatabase> {
  const url = new URL(address);
  const target = { host: url.hostname, port: Number(url.port) };
  const sockets = new Set<Socket>();
  const open = async (port = 0): Promise<Server> => {
    const server = createServer((near) => {
      const far = connect(target);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return server;
  };
  let server = await open();
  const { port } = server.address() as AddressInfo;
  url.host = `127.0.0.1:${port}`;
  const db = openDatabase({ url: url.href });
  const takeAway = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const bringBack = async () => {
    server = await open(port);
  };
  const close = async () => {
    await takeAway();
    await db.destroy();
  };
  return { db, takeAway, bringBack, close };
}
