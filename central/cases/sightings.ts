/**
 * Sightings: every confirmed hit is written down before its answer leaves.
 *
 * The answer waits for the write, since a hit that nobody hears of is worthless; but not for long,
 * since the traveller stands at the desk. Sightings that come while a write is under way go together
 * into the next one, so that a burst costs a few commits and not one each. A database that cannot
 * write (a list is being loaded into SQLite, say) delays an answer by WAIT_MAX_MS and a write to the
 * spool (sighting-spool.ts), for which it waits KEEP_MAX_MS at most: the sighting is tried again until it is stored, by the
 * next process if this one is killed, and a line in the log says that it was late. Only where the spool cannot be
 * written in that time is it in memory alone, and the line says so. One that the database does not take holds up
 * no other: those of one answer are then written by themselves.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { isBusy } from '../database/database.ts';
import type { CentralDatabase } from '../database/schema.ts';
import type { SightingSpool } from './sighting-spool.ts';
import type { NewSighting } from './tables.ts';

/** For the database, and for the disk after it: an edge gives up after 1.5 s, and the hit stays a candidate. */
const WAIT_MAX_MS = 250;
const KEEP_MAX_MS = 250;
const RETRY_MS = 250;
/** Twelve columns a row, and SQLite takes 32,766 parameters a statement. */
const WRITE_MAX = 1_000;

/** What came of writing sightings down: 'busy' ones are to be tried again, of those 'refused' each by itself. */
export type StoreOutcome = 'stored' | 'busy' | 'refused';
export type StoreSightings = (rows: readonly NewSighting[]) => Promise<StoreOutcome>;

interface RecorderOptions {
  store: StoreSightings;
  /** For what the database does not take in time. */
  spool: SightingSpool;
  /** Told how many sightings were not stored when their answer left, and how many of them the spool has. */
  onLate?: (counts: { lateCount: number; keptCount: number }) => void;
  /** Told of each file of the spool that is not taken up. */
  onUnread?: (name: string) => void;
  waitMaxMs?: number;
  keepMaxMs?: number;
}

/** The sightings of one answer. */
interface Waiting {
  rows: readonly NewSighting[];
  stored: () => void;
}

export class SightingRecorder {
  readonly #options: RecorderOptions;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #isStopping = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Resolves once the rows are stored, or have waited long enough; never rejects. */
  async record(rows: readonly NewSighting[]): Promise<void> {
    if (rows.length === 0) return;
    const { waitMaxMs = WAIT_MAX_MS, keepMaxMs = KEEP_MAX_MS, onLate, spool } = this.#options;
    let isStored = false;
    const stored = this.#add(rows).then(() => {
      isStored = true;
    });
    await firstOf([stored], waitMaxMs);
    if (isStored) return;
    let keptCount = 0;
    const kept = spool.keep(rows).then((name) => {
      if (name !== undefined) keptCount = rows.length;
      return name;
    });
    // Also what comes onto the disk later than the answer leaves.
    void Promise.all([kept, stored]).then(async ([name]) => {
      if (name !== undefined) await spool.drop(name);
    });
    await firstOf([kept, stored], keepMaxMs);
    if (!isStored) onLate?.({ lateCount: rows.length, keptCount });
  }

  /** Take up what an earlier process left in the spool; does not wait until it is stored. */
  async recover(): Promise<void> {
    const { spool, onUnread } = this.#options;
    for await (const { name, rows } of spool.read()) {
      if (!rows) onUnread?.(name);
      else void this.#add(rows).then(() => spool.drop(name));
    }
  }

  /** A last attempt for what still waits. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#writing;
  }

  /** Resolves once the rows are stored. */
  #add(rows: readonly NewSighting[]): Promise<void> {
    const stored = new Promise<void>((resolve) => {
      this.#waiting.push({ rows, stored: resolve });
    });
    this.#writing ??= this.#write();
    return stored;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const taken = this.#waiting;
      this.#waiting = [];
      const failed = await this.#store(taken);
      if (failed.length === 0) continue;
      // Whatever it was: the rows are still wanted.
      this.#waiting = [...failed, ...this.#waiting];
      if (this.#isStopping) break;
      await sleep(RETRY_MS);
    }
    // In the same turn as the last look: what comes from here on begins a write of its own.
    this.#writing = undefined;
  }

  /** Those that could not be stored. */
  async #store(taken: readonly Waiting[]): Promise<readonly Waiting[]> {
    const outcome = await this.#options.store(taken.flatMap(({ rows }) => rows));
    if (outcome === 'stored') {
      for (const { stored } of taken) stored();
      return [];
    }
    if (taken.length === 1 || outcome === 'busy') return taken;
    const failed: Waiting[] = [];
    for (const each of taken) failed.push(...(await this.#store([each])));
    return failed;
  }
}

/** Write sightings down in the database. */
export const storeIn =
  (db: CentralDatabase): StoreSightings =>
  async (rows) => {
    try {
      for (let start = 0; start < rows.length; start += WRITE_MAX) {
        await db
          .insertInto('sightings')
          .values(rows.slice(start, start + WRITE_MAX).map((row) => ({ ...row, case_id: null })))
          // The edge asks again with the same nonce where the line broke.
          .onConflict((conflict) => conflict.doNothing())
          .execute();
      }
      return 'stored';
    } catch (error) {
      return isBusy(error) ? 'busy' : 'refused';
    }
  };

/** Waits for the first of them, and no longer than this. */
async function firstOf(promises: readonly Promise<unknown>[], waitMaxMs: number): Promise<void> {
  const enough = new AbortController();
  const late = sleep(waitMaxMs, undefined, { signal: enough.signal }).catch(() => {});
  await Promise.race([...promises, late]);
  enough.abort();
}
