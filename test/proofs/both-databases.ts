/**
 * SQLite and PostgreSQL are one database to whoever asks, and no migration loses a row.
 *
 * The same random day of a bureau (loads, reports, corrections, withdrawals, bulks, challenges, questions)
 * goes to a central on each; every answer must be the same, but for ids that are random. Then each
 * earlier schema is filled, every table of it, and migrated: every row must still be there, column by
 * column.
 */

import { createHash } from 'node:crypto';
import { type ColumnMetadata, sql } from 'kysely';
import { CASE_OUTCOMES, CASE_STATES } from '../../central/cases/tables.ts';
import { isPostgres } from '../../central/database/database.ts';
import { migrate, SCHEMAS } from '../../central/database/migrations.ts';
import type { CentralDatabase } from '../../central/database/schema.ts';
import { loadRecords } from '../../central/load/load.ts';
import { AS_OF_MS, NOW_MS, record, stream } from '../central/records.ts';
import { centralWorld, directToken, edgeToken, question, type World } from '../central/world.ts';
import { type DatabaseKind, databaseKinds } from '../support/postgres.ts';
import { type Proof, randomSource } from './proof.ts';

export const bothDatabases: Proof = {
  name: 'both-databases',
  claim:
    'SQLite and PostgreSQL give the same answers, and a migration from any earlier schema keeps every row',
  sizes: { full: 10_000, small: 150, unit: 'requests, and rows a table' },
  async run({ seed, size, progress }) {
    const { kinds, stop } = await databaseKinds();
    try {
      const days: string[][] = [];
      for (const kind of kinds) {
        days.push(await dayOn(kind, { seed, size, progress }));
      }
      const [first = [], second = []] = days;
      const differences = first.filter((answer, i) => answer !== second[i]).length;
      // A day of refusals alone would prove little.
      const done = first.filter((answer) => answer.startsWith('2')).length;
      let rows = 0;
      let lost = 0;
      for (const kind of kinds) {
        for (const schema of SCHEMAS.slice(0, -1)) {
          const kept = await migrationOn(kind, { schema, seed, size });
          rows += kept.rows;
          lost += kept.lost;
          progress(`${kind.name}: ${schema} migrated, ${kept.rows} rows`);
        }
      }
      const figure =
        `${first.length} requests (${done} done) to each of ${kinds.length} databases, ` +
        `${differences} different answers; ` +
        `${rows} rows of ${SCHEMAS.length - 1} earlier schemas migrated, ${lost} lost or changed`;
      return {
        holds:
          kinds.length === 2 &&
          first.length === size &&
          done > size / 3 &&
          differences === 0 &&
          lost === 0,
        figure,
        details: { requests: first.length, done, differences, rows, lost },
      };
    } finally {
      await stop();
    }
  },
};

interface DayOptions {
  seed: number;
  size: number;
  progress(text: string): void;
}

/** Every answer of a day, with random ids replaced by the order in which they came. */
async function dayOn(kind: DatabaseKind, { seed, size, progress }: DayOptions): Promise<string[]> {
  const database = await kind.create();
  try {
    const { db } = database;
    // The one secret that ids are made from; the rest is the same by itself.
    const identity_key = Buffer.alloc(16, 7).toString('base64url');
    await db.updateTable('data_state').set({ identity_key }).execute();
    const central = await centralWorld(db, {
      bulkLimits: { reportsPerDay: size / 2, withdrawalsPerDay: size / 8 },
    });
    const asker = await askerOf(central);
    const { below } = randomSource(seed);
    const answers: string[] = [];
    const ids: string[] = [];
    const known = new Map<string, string>();
    for (let i = 0; i < size; i++) {
      if (i % Math.ceil(size / 5) === 0) await loadPart(db, { seed: seed + i, size });
      const { status, text } = await asker(i, below, ids);
      for (const id of text.match(/"(?:id|held)":"[\w-]{22}"/g) ?? []) {
        const value = id.slice(-23, -1);
        if (!known.has(value)) known.set(value, `#${known.size}`);
        if (!ids.includes(value)) ids.push(value);
      }
      answers.push(`${status} ${replaced(text, known)}`);
      if (i % 500 === 499) progress(`${kind.name}: ${i + 1} requests`);
    }
    return answers;
  } finally {
    await database.remove();
  }
}

/** A list of the day: most of it as before, some gone, some new. */
async function loadPart(db: CentralDatabase, { seed, size }: { seed: number; size: number }) {
  const { below } = randomSource(seed);
  const count = 50 + Math.floor(size / 4);
  const records = Array.from({ length: count }, (_, i) =>
    record({ number: `N${i}`, placeOfTheft: `P${below(4)}` }),
  ).filter(() => below(20) > 0);
  await loadRecords(db, stream(records), {
    ...{ asOf: AS_OF_MS, clock: () => NOW_MS, acceptShrink: true, allowOlder: true },
  });
}

type Asker = (
  i: number,
  below: (limit: number) => number,
  ids: readonly string[],
) => Promise<{ status: number; text: string }>;

/** Random requests of two bureaus and an edge. */
async function askerOf(central: World): Promise<Asker> {
  const token = (claims: object) => directToken({ role: 'ncb', ...claims });
  const tokens = {
    uto: await token({ tenant: 'NCB-UTO' }),
    second: await token({ tenant: 'NCB-UTO', sub: 'clerk-2' }),
    other: await token({ tenant: 'NCB-D' }),
    edge: await edgeToken(),
  };
  const send = async (
    method: string,
    path: string,
    { as = 'uto', body, headers = {} }: Sent = {},
  ) => {
    const response = await central.request(path, {
      method,
      headers: {
        authorization: `Bearer ${tokens[as]}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  };
  return async (_, below, ids) => {
    const number = `N${below(90)}`;
    const id = ids[below(ids.length)] ?? 'A'.repeat(22);
    const fields = {
      ...{ issuingState: below(12) === 0 ? 'D' : 'UTO', documentNumber: number },
      ...{ documentType: ['PAS', 'IDC', 'RFP', 'BOAT'][below(4)], category: 'stolen' },
    };
    const reason = 'because';
    const version = 1 + below(3);
    const withdrawal = { action: 'withdraw', id, reason };
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        return send('POST', '/v1/records', { body: fields });
      case 3:
        return send('POST', `/v1/records/${id}/withdrawal`, { body: { reason } });
      case 4:
        return send('PATCH', `/v1/records/${id}`, {
          body: below(2) ? { placeOfTheft: 'Nadir' } : { documentNumber: number },
          headers: { 'if-match': `"${version}"` },
        });
      case 5:
        return send('POST', '/v1/records/bulk', {
          body: { items: [{ action: 'report', record: fields }, withdrawal, 7] },
          headers: below(2) ? { 'idempotency-key': `k${below(9)}` } : {},
        });
      case 6:
        return send('POST', `/v1/records/${id}/challenges`, { as: 'other', body: { reason } });
      case 7:
        return send('GET', `/v1/records/${id}/history`);
      case 8:
        return send('POST', `/v1/held-bulks/${id}/release`, { as: 'second', body: {} });
      case 9:
        return send('GET', `/v1/records/${id}`, { as: below(2) ? 'uto' : 'other' });
      case 10:
        return send('GET', '/v1/records?limit=7');
      default: {
        const keys = [`PUTO${number}`, `IUTO${number}`, `OUTO${number}`];
        const response = await central.ask(question(keys), tokens.edge);
        const { answer } = (await response.json()) as { answer?: string };
        const payload = Buffer.from(answer?.split('.')[1] ?? '', 'base64url').toString();
        // Nonce and hash are of this question alone.
        return { status: response.status, text: payload.replace(/^\{"nonce.*?,"issued/, '') };
      }
    }
  };
}

interface Sent {
  as?: 'uto' | 'second' | 'other';
  body?: unknown;
  headers?: Record<string, string>;
}

const replaced = (text: string, known: ReadonlyMap<string, string>): string =>
  text.replace(/[\w-]{22}/g, (id) => known.get(id) ?? id);

/** Values that a column takes which is not free; by column, or by table and column. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'cases.state': CASE_STATES,
  'cases.outcome': CASE_OUTCOMES,
  'deliveries.state': ['pending', 'delivered', 'dead'],
  category: ['stolen', 'lost'],
  kind: ['added', 'withdrawn'],
};
/** Columns that a later schema calls otherwise, by table and column. */
const RENAMED: Readonly<Record<string, string>> = { 'own_list_names.tenant': 'list_id' };
/** Of the widest table, as many as SQLite's 32,766 parameters allow by far. */
const ROWS_A_STATEMENT = 200;
/** Tables of one row, which a migration makes; and what is Kysely's own. */
const NOT_FILLED = /^(data_state|operation_counter|check_event_state|kysely_.*)$/;

/** Fills every table of an earlier schema, migrates, and counts the rows that are not as they were. */
async function migrationOn(
  kind: DatabaseKind,
  { schema, seed, size }: { schema: string; seed: number; size: number },
): Promise<{ rows: number; lost: number }> {
  const database = await kind.create(schema);
  try {
    const { db } = database;
    await fill(db, { seed, size });
    const tables = await tablesOf(db);
    const before = new Map<string, string[]>();
    for (const [table, columns] of tables) before.set(table, await rowsOf(db, table, columns));
    await migrate(db);
    let rows = 0;
    let lost = 0;
    for (const [table, columns] of tables) {
      const names = columns.map((column) => RENAMED[`${table}.${column}`] ?? column);
      const after = new Set(await rowsOf(db, table, names));
      const was = before.get(table) ?? [];
      rows += was.length;
      lost += was.filter((row) => !after.has(row)).length + Math.abs(after.size - was.length);
    }
    return { rows, lost };
  } finally {
    await database.remove();
  }
}

/** Names of our tables, and the columns that each has now. */
async function tablesOf(db: CentralDatabase): Promise<Map<string, string[]>> {
  const tables = await db.introspection.getTables();
  return new Map(
    tables
      .filter(({ name }) => !name.startsWith('kysely_') && !name.startsWith('sqlite_'))
      .map(({ name, columns }) => [name, columns.map((column) => column.name)]),
  );
}

async function fill(db: CentralDatabase, { seed, size }: { seed: number; size: number }) {
  const { u32, below } = randomSource(seed);
  // Rows of one table refer to rows of another at random: here it is about the rows themselves.
  const unchecked = isPostgres(db)
    ? sql`set session_replication_role = replica`
    : sql`pragma foreign_keys = off`;
  const tables = await db.introspection.getTables();
  await db.connection().execute(async (connection) => {
    await unchecked.execute(connection);
    // One commit, and not one a row, each of which waits for the disk.
    await sql`begin`.execute(connection);
    for (const { name, columns } of tables) {
      if (NOT_FILLED.test(name) || name.startsWith('sqlite_')) continue;
      const valueIn = (column: ColumnMetadata, i: number) => {
        const allowed = ALLOWED[`${name}.${column.name}`] ?? ALLOWED[column.name];
        if (allowed) return allowed[below(allowed.length)];
        if (column.isNullable && below(4) === 0) return null;
        const isNumber = /int|numeric|real/i.test(column.dataType);
        return isNumber ? i + 1 : `ü${u32().toString(36)}-${i}`;
      };
      const names = sql.join(columns.map((column) => sql.ref(column.name)));
      for (let start = 0; start < size; start += ROWS_A_STATEMENT) {
        const rows = Array.from({ length: Math.min(ROWS_A_STATEMENT, size - start) }, (_, i) => {
          const values = columns.map((column) => valueIn(column, start + i));
          return sql`(${sql.join(values)})`;
        });
        await sql`insert into ${sql.table(name)} (${names}) values ${sql.join(rows)}`.execute(
          connection,
        );
      }
    }
    await sql`commit`.execute(connection);
    // The connection goes back to the pool.
    if (isPostgres(db)) await sql`set session_replication_role = default`.execute(connection);
    else await sql`pragma foreign_keys = on`.execute(connection);
  });
}

/** A hash of each row of a table, over these columns. */
async function rowsOf(db: CentralDatabase, table: string, columns: readonly string[]) {
  const { rows } = await sql<Record<string, unknown>>`
    select ${sql.join(columns.map((name) => sql.ref(name)))} from ${sql.table(table)}`.execute(db);
  return rows.map((row) => {
    const values = JSON.stringify(columns.map((name) => row[name]));
    return createHash('sha256').update(values).digest('base64url');
  });
}
