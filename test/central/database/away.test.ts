/** A database that is away is told from one that is there and refuses, by the errors of real ones. */

import { DatabaseSync } from 'node:sqlite';
import { sql } from 'kysely';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { isAway, openDatabase } from '../../../central/database/database.ts';
import { migrate } from '../../../central/database/migrations.ts';
import { SltdError } from '../../../src/errors.ts';
import { type BreakableDatabase, breakable } from '../../support/breakable-database.ts';
import { databaseKinds } from '../../support/postgres.ts';

const { kinds, stop } = await databaseKinds();
afterAll(stop);

const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe.each(kinds)('a database, on $name', ({ name, create }) => {
  it('is away while it cannot be reached or stays locked, and not before and after', async () => {
    const database = await create();
    const way = await breakable(database);
    const ask = () => errorOf(way.db.selectFrom('operation_counter').selectAll().execute());
    try {
      expect(await ask()).toBeUndefined();
      await way.takeAway();
      expect(await ask()).toSatisfy(isAway);
      expect(await errorOf(migrate(way.db))).toSatisfy(isAway);
      await way.bringBack();
      expect(await ask()).toBeUndefined();
    } finally {
      await way.close();
      await database.remove();
    }
  });

  it('is not away where it answers that something is wrong', async () => {
    const database = await create();
    try {
      const missing = await errorOf(sql`select * from no_such_table`.execute(database.db));
      expect(missing).toBeInstanceOf(Error);
      expect(isAway(missing)).toBe(false);
      await sql`drop table operation_counter`.execute(database.db);
      await sql`delete from kysely_migration where name > '0001-records'`.execute(database.db);
      const failed = await errorOf(migrate(database.db));
      expect(failed).toMatchObject({ code: 'internal' });
      expect(isAway(failed)).toBe(false);
    } finally {
      await database.remove();
    }
  });

  it.runIf(name === 'SQLite')('is away where its file cannot be opened', () => {
    const sqlite = new DatabaseSync(':memory:');
    let error: unknown;
    try {
      sqlite.exec("attach '/no/such/folder/central.sqlite' as other");
    } catch (caught) {
      error = caught;
    }
    sqlite.close();
    expect(error).toBeInstanceOf(Error);
    expect(isAway(error)).toBe(true);
  });

  it.runIf(name === 'PostgreSQL')(
    'is away when the server ends a connection in use, or the line breaks',
    async () => {
      const database = await create();
      const ways = [await breakable(database), await breakable(database)] as const;
      const sleepers = sql`
        from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`;
      const isAsleep = async () =>
        (await sql`select pid ${sleepers}`.execute(database.db)).rows.length > 0;
      /** What becomes of a statement that is under way when something happens. */
      const underWay = async ({ db }: BreakableDatabase, happen: () => Promise<unknown>) => {
        const asked = errorOf(sql`select pg_sleep(600)`.execute(db));
        await vi.waitUntil(isAsleep, { timeout: 30_000 });
        await happen();
        return asked;
      };
      try {
        const ended = await underWay(ways[0], () =>
          sql`select pg_terminate_backend(pid) ${sleepers}`.execute(database.db),
        );
        expect(ended).toMatchObject({ code: '57P01' });
        expect(isAway(ended)).toBe(true);
        expect(await underWay(ways[1], ways[1].takeAway)).toSatisfy(isAway);
      } finally {
        for (const way of ways) await way.close();
        await database.remove();
      }
    },
  );

  it.runIf(name === 'PostgreSQL')(
    'is not away where it knows the caller not, or gives up a statement',
    async () => {
      const database = await create();
      const { url } = database.location as { url: string };
      const with_ = (change: (url: URL) => void) => {
        const changed = new URL(url);
        change(changed);
        return openDatabase({ url: changed.href }, { statementTimeoutMs: 50 });
      };
      const others = {
        '28P01': with_((changed) => (changed.password = 'wrong')),
        '3D000': with_((changed) => (changed.pathname = '/no_such_database')),
        '57014': with_(() => {}),
      };
      try {
        for (const [code, db] of Object.entries(others)) {
          const error = await errorOf(sql`select pg_sleep(60)`.execute(db));
          expect(error).toMatchObject({ code });
          expect(isAway(error), code).toBe(false);
        }
      } finally {
        await Promise.all(Object.values(others).map((db) => db.destroy()));
        await database.remove();
      }
    },
  );
});

it('a store that is away is no database that is', () => {
  const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
  expect(isAway(cause)).toBe(true);
  expect(isAway(new SltdError('store-unavailable', { cause }))).toBe(false);
});
