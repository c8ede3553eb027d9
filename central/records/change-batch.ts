/**
 * Change batch: changes of records by one caller in one transaction, under the lock of the log.
 *
 * The lock comes first, then whoever changes looks at what is there; operations and history are
 * written at the end, so that a bulk of thousands costs a few statements for them.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { sql, type Transaction } from 'kysely';
import { SltdError } from '../../src/errors.ts';
import { isBusy, isPostgres } from '../database/database.ts';
import type { CentralDatabase, CentralSchema } from '../database/schema.ts';
import type { Caller } from '../http/caller.ts';
import { appendOperations, lockRecords, type Operation } from './operation-log.ts';
import type { HistoryRow } from './tables.ts';
import { slicesOf } from './turns.ts';

/** Who changes records, and when. */
export interface ChangeOptions {
  db: CentralDatabase;
  caller: Pick<Caller, 'tenant' | 'subject'>;
  nowMs: number;
  /** A second person of the bureau has looked: nothing of it counts as unusual any more. */
  isReleased?: boolean;
}

/** A load's takeover may hold the lock for minutes: nobody waits for that long. */
const BUSY_WAIT_MS = 5_000;
const BUSY_RETRY_MS = 50;

/** What a transaction has changed so far. */
export class ChangeBatch {
  readonly transaction: Transaction<CentralSchema>;
  readonly caller: Pick<Caller, 'tenant' | 'subject'>;
  readonly nowMs: number;
  readonly #isReleased: boolean;
  /** From which ids are made. */
  readonly identityKey: string;
  #operations: Omit<Operation, 'seq'>[] = [];
  #history: HistoryRow[] = [];
  #changes = new Map<string, 'listing' | 'fields' | 'none'>();
  #listedChange = 0;

  constructor(
    transaction: Transaction<CentralSchema>,
    { caller, nowMs, isReleased = false }: ChangeOptions,
    identityKey: string,
  ) {
    this.transaction = transaction;
    this.caller = caller;
    this.nowMs = nowMs;
    this.#isReleased = isReleased;
    this.identityKey = identityKey;
  }

  operate(operation: Omit<Operation, 'seq' | 'at'>): void {
    this.#operations.push({ ...operation, at: this.nowMs });
  }

  /**
   * A line of history; its number is the version that the record now has. The second line of one change
   * is not counted.
   */
  record({
    isCounted = true,
    ...line
  }: Pick<HistoryRow, 'record_id' | 'number' | 'action'> &
    Partial<Pick<HistoryRow, 'reason' | 'changes'>> & { isCounted?: boolean }): void {
    const { tenant, subject } = this.caller;
    const is_counted = isCounted && !this.#isReleased ? 1 : 0;
    this.#history.push({
      ...{ reason: null, changes: null, ...line },
      ...{ at: this.nowMs, tenant, subject, is_counted },
    });
  }

  /**
   * What the bureau has decided of a record, which stands until an export confirms it: that it is
   * listed or not, its fields too, or nothing.
   */
  decide(recordId: string, what: 'listing' | 'fields' | 'none'): void {
    this.#changes.set(recordId, what);
  }

  /** One record more or less is listed. */
  countListed(change: 1 | -1): void {
    this.#listedChange += change;
  }

  /** Write operations and history; the last operation that was written, undefined if none was. */
  async flush(): Promise<number | undefined> {
    const { transaction } = this;
    const operations = this.#operations.splice(0);
    const history = this.#history.splice(0);
    for await (const rows of slicesOf(history)) {
      await transaction.insertInto('record_history').values(rows).execute();
    }
    await this.#flushChanges();
    if (this.#listedChange !== 0) {
      const change = this.#listedChange;
      this.#listedChange = 0;
      await transaction
        .updateTable('data_state')
        .set((eb) => ({ record_count: eb('record_count', '+', change) }))
        .where('id', '=', 1)
        .execute();
    }
    if (operations.length === 0) return undefined;
    return appendOperations(transaction, operations);
  }

  async #flushChanges(): Promise<void> {
    const { transaction, nowMs } = this;
    const changes = [...this.#changes];
    this.#changes.clear();
    for await (const slice of slicesOf(changes)) {
      const taken = slice.filter(([, what]) => what !== 'none');
      await transaction
        .deleteFrom('bureau_changes')
        .where(
          'record_id',
          'in',
          slice.map(([id]) => id),
        )
        .execute();
      if (taken.length === 0) continue;
      await transaction
        .insertInto('bureau_changes')
        .values(
          taken.map(([id, what]) => ({
            ...{ record_id: id, at: nowMs, keeps_fields: what === 'fields' ? 1 : 0 },
          })),
        )
        .execute();
    }
  }
}

/**
 * Run a change in a transaction of its own under the lock; all of it stands or none. Throws
 * 'central-busy' if the lock cannot be had within five seconds.
 */
export async function changeRecords<T>(
  options: ChangeOptions,
  change: (batch: ChangeBatch) => Promise<T>,
): Promise<T> {
  const giveUpMs = performance.now() + BUSY_WAIT_MS;
  return inTurn(options.db, async () => {
    for (;;) {
      try {
        return await changeNow(options, giveUpMs, change);
      } catch (error) {
        if (!isBusy(error)) throw error;
        if (performance.now() >= giveUpMs) throw new SltdError('central-busy', { cause: error });
        await sleep(BUSY_RETRY_MS);
      }
    }
  });
}

function changeNow<T>(
  options: ChangeOptions,
  giveUpMs: number,
  change: (batch: ChangeBatch) => Promise<T>,
): Promise<T> {
  return options.db.transaction().execute(async (transaction) => {
    if (isPostgres(transaction)) {
      // SQLite has its time for a lock from openDatabase().
      const waitMs = Math.max(1, Math.ceil(giveUpMs - performance.now()));
      await sql`set local lock_timeout = ${sql.lit(waitMs)}`.execute(transaction);
    }
    await lockRecords(transaction);
    const { identity_key: identityKey } = await transaction
      .selectFrom('data_state')
      .select('identity_key')
      .executeTakeFirstOrThrow();
    const batch = new ChangeBatch(transaction, options, identityKey);
    const result = await change(batch);
    await batch.flush();
    return result;
  });
}

/** The last of those who wait for their turn, by database. */
const TURNS = new WeakMap<CentralDatabase, Promise<void>>();

/**
 * One change at a time: the lock lets no more through, and each that waited for it in the database
 * would take a connection from those who only ask. Throws 'central-busy' after five seconds.
 */
async function inTurn<T>(db: CentralDatabase, run: () => Promise<T>): Promise<T> {
  const before = TURNS.get(db) ?? Promise.resolve();
  const { promise: mine, resolve: end } = Promise.withResolvers<void>();
  TURNS.set(
    db,
    before.then(() => mine),
  );
  const timeOut = new AbortController();
  try {
    const waited = sleep(BUSY_WAIT_MS, 'late', { signal: timeOut.signal });
    waited.catch(() => {});
    if ((await Promise.race([before, waited])) === 'late') throw new SltdError('central-busy');
    return await run();
  } finally {
    timeOut.abort();
    end();
  }
}
