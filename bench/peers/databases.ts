/** The keys in a table, asked by index: node:sqlite in this process, PostgreSQL over its protocol. */

import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import type { Gap } from '../measurement.ts';
import { inBatches, type Peer, timed } from './peer.ts';

const INSERT_ROWS = 50_000;

/** In memory, without a rowid: the quickest that SQLite has. */
export async function sqlite(keys: readonly CanonicalKey[]): Promise<Peer> {
  const database = new DatabaseSync(':memory:');
  const { ms } = await timed(() => {
    database.exec('CREATE TABLE listed (key TEXT PRIMARY KEY) WITHOUT ROWID; BEGIN');
    const insert = database.prepare('INSERT INTO listed VALUES (?)');
    for (const key of keys) insert.run(key);
    database.exec('COMMIT');
  });
  const select = database.prepare('SELECT 1 FROM listed WHERE key = ?');
  const pages = database.prepare(
    'SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size',
  );
  return {
    ...{ id: 'sqlite', name: 'node:sqlite by index, in memory', keyCount: keys.length },
    ...{ buildMs: ms, bytes: Number(pages.get()?.bytes), share: 0.25 },
    count: (asked) => {
      let found = 0;
      for (const key of asked) if (select.get(key) !== undefined) found++;
      return found;
    },
    close: () => database.close(),
  };
}

/** A temporary table of one connection, asked in batches; a gap without DATABASE_URL. */
export async function postgres(keys: readonly CanonicalKey[]): Promise<Peer | Gap> {
  const url = process.env.DATABASE_URL;
  if (!url) return { id: 'peers-gap-postgres', gap: 'PostgreSQL: DATABASE_URL is not set' };
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { ms } = await timed(async () => {
    await client.query('CREATE TEMPORARY TABLE listed (key text COLLATE "C")');
    for (let first = 0; first < keys.length; first += INSERT_ROWS) {
      const rows = keys.slice(first, first + INSERT_ROWS);
      await client.query('INSERT INTO listed SELECT unnest($1::text[])', [rows]);
    }
    await client.query('CREATE UNIQUE INDEX ON listed (key)');
    await client.query('VACUUM ANALYZE listed');
  });
  const size = await client.query<{ bytes: string }>(
    "SELECT pg_total_relation_size('listed') AS bytes",
  );
  const ask = async (batch: CanonicalKey[]): Promise<number> => {
    const text = 'SELECT count(*) AS found FROM listed WHERE key = ANY($1::text[])';
    const { rows } = await client.query<{ found: string }>({
      ...{ name: 'ask', text, values: [batch] },
    });
    return Number(rows[0]!.found);
  };
  return {
    ...{ id: 'postgres', name: 'PostgreSQL by index, batches of 1,000', keyCount: keys.length },
    ...{ buildMs: ms, bytes: Number(size.rows[0]!.bytes), share: 0.25, isServer: true },
    count: (asked) => inBatches(asked, ask),
    close: () => client.end(),
  };
}
