/**
 * Shrink gate: a list that suddenly loses many records is a broken export until somebody says otherwise.
 *
 * A truncated export would clear every document that it lacks, the worst that can happen. The limits
 * are those of the nightly build.
 */

import type { Transaction } from 'kysely';
import { SltdError } from '../../src/errors.ts';
import type { CentralSchema } from '../database/schema.ts';

/** Share of the whole list that a load may take away. */
const TOTAL_MAX = 0.01;
/** Share of one state's records that a load may take away. */
const STATE_MAX = 0.05;
/** So few may always go: five percent of ten records is no measure. */
const FLOOR_RECORDS = 100;

/** Listed records by issuing state. */
export async function countByState(
  transaction: Transaction<CentralSchema>,
): Promise<Map<string, number>> {
  const rows = await transaction
    .selectFrom('records')
    .select((eb) => ['state', eb.fn.countAll<number>().as('count')])
    .where('withdrawn_at', 'is', null)
    .groupBy('state')
    .execute();
  return new Map(rows.map(({ state, count }) => [state, count]));
}

/** Throws 'list-shrinks' if too much would be gone, with the states that lose it. */
export function checkShrink(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): void {
  const sum = (counts: ReadonlyMap<string, number>) =>
    [...counts.values()].reduce((total, count) => total + count, 0);
  const states = [...before.keys()].filter((state) =>
    shrinks(before.get(state) ?? 0, after.get(state) ?? 0, STATE_MAX),
  );
  const inAll = shrinks(sum(before), sum(after), TOTAL_MAX);
  if (!inAll && states.length === 0) return;
  const where = [inAll ? 'the whole list' : '', ...states.sort()].filter(Boolean);
  throw new SltdError('list-shrinks', { detail: `${where.join(', ')}: --accept-shrink` });
}

function shrinks(before: number, after: number, share: number): boolean {
  return before - after > Math.max(FLOOR_RECORDS, before * share);
}
