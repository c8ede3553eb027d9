/**
 * Turns: a long change lets others be answered between its steps.
 *
 * SQLite runs inside the process and without a pause; a bulk of thousands would keep every officer
 * waiting until its end. PostgreSQL pauses by itself.
 */

import { setImmediate } from 'node:timers/promises';

/** Some milliseconds of SQLite. */
const STEPS_PER_TURN = 10;

/** Items one by one; others go first at every tenth. */
export async function* oneByOne<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const [index, item] of items.entries()) {
    if (index % STEPS_PER_TURN === 0) await setImmediate();
    yield item;
  }
}

/** Slices of rows, each for one statement, with a turn before each. */
export async function* slicesOf<T>(rows: readonly T[]): AsyncGenerator<T[]> {
  for (let start = 0; start < rows.length; start += ROWS_PER_STATEMENT) {
    await setImmediate();
    yield rows.slice(start, start + ROWS_PER_STATEMENT);
  }
}

/** Milliseconds again, and far from the 32,766 parameters that SQLite takes at most. */
const ROWS_PER_STATEMENT = 200;
