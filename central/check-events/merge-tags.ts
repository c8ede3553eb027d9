/**
 * Merge: staged tags are moved into the order in which they are looked up.
 *
 * A slice of the tags at a time, because on SQLite answers wait for each; its calls are synchronous, so
 * without a pause between them the event loop would not turn either. A row may be in both places
 * meanwhile, and is moved again after a crash: the references say that it is the same. Staged rows go
 * only when all of them are in order.
 */

import { setImmediate as letOthers } from 'node:timers/promises';
import { sql } from 'kysely';
import { dayOf } from '../../src/format/tag-key.ts';
import type { CentralDatabase } from '../database/schema.ts';

/** Below this many they wait, unless their day is over: a merge touches nearly every page of a day. */
const STAGED_MIN = 200_000;
/** 64 slices of the signed integers: some 3,000 rows each. */
const SLICES = 64;
const LOWEST = -(2n ** 63n);
const SLICE_SIZE = 2n ** 64n / BigInt(SLICES);
const ROWS_PER_DELETE = 5_000;

/** Moves what is staged if it is enough, or of a day before today; how many rows. */
export async function mergeTags(db: CentralDatabase, nowMs: number): Promise<number> {
  const staged = await db
    .selectFrom('staged_tags')
    .select((eb) => [
      eb.cast<number>(eb.fn.countAll(), 'bigint').as('count'),
      eb.fn.max<number | null>('reference').as('last'),
      eb.fn.min<number | null>('day').as('day'),
    ])
    .executeTakeFirstOrThrow();
  const { count, last, day } = staged;
  const isDue = count >= STAGED_MIN || (day !== null && day < dayOf(nowMs));
  if (last === null || !isDue) return 0;
  for (let slice = 0; slice < SLICES; slice++) {
    const first = LOWEST + BigInt(slice) * SLICE_SIZE;
    await sql`insert into check_tags (day, tag, reference)
      select day, tag, reference from staged_tags
      where reference <= ${last} and tag >= ${first} and tag <= ${first + SLICE_SIZE - 1n}
      order by day, tag, reference
      on conflict do nothing`.execute(db);
    await letOthers();
  }
  for (;;) {
    const { numDeletedRows } = await db
      .deleteFrom('staged_tags')
      .where('reference', 'in', (eb) =>
        eb
          .selectFrom('staged_tags')
          .select('reference')
          .where('reference', '<=', last)
          .orderBy('reference')
          .limit(ROWS_PER_DELETE),
      )
      .executeTakeFirstOrThrow();
    if (numDeletedRows === 0n) return count;
    await letOthers();
  }
}
