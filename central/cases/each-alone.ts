/**
 * Each alone: items of a queue in the database are worked off one by one, each in a transaction of its own.
 *
 * One that fails is left where it is and holds up none behind it. The first failure is thrown at the end,
 * so that it is seen in the log; the next round tries again.
 */

import { setImmediate as giveWay } from 'node:timers/promises';
import { isBusy } from '../database/database.ts';

/**
 * Work off all items that `read` gives, some at a time, those after the last one; how many were. A database
 * that is busy ends it at once: the others would only wait in vain as well.
 */
export async function eachAlone<T>(
  read: (after: T | undefined) => Promise<readonly T[]>,
  work: (item: T) => Promise<unknown>,
): Promise<number> {
  let doneCount = 0;
  const failures: unknown[] = [];
  for (let items = await read(undefined); items.length > 0; items = await read(items.at(-1))) {
    for (const item of items) {
      try {
        await work(item);
        doneCount++;
      } catch (error) {
        if (isBusy(error)) throw error;
        failures.push(error);
      }
      // On SQLite nothing else of this process has run meanwhile: whoever asks comes first.
      await giveWay();
    }
  }
  if (failures.length > 0) throw failures[0];
  return doneCount;
}
