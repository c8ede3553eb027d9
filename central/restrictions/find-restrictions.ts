/**
 * Look-ups: who sees nothing of whose records. Read anew each time, because a restriction holds from the
 * moment in which it is set; for a question in the snapshot of the records that it is about.
 */

import type { StateCode } from '../../src/document/issuing-state.ts';
import { Restrictions } from '../../src/format/restrictions.ts';
import type { CentralDatabase } from '../database/schema.ts';

/** The restrictions of these source states. */
export async function restrictionsOf(
  db: CentralDatabase,
  sources: readonly string[],
): Promise<Restrictions> {
  const rows = await db
    .selectFrom('restrictions')
    .select(['source', 'excluded'])
    .where('source', 'in', [...new Set(sources)])
    .execute();
  return new Restrictions(
    rows.map(({ source, excluded }) => ({
      source: source as StateCode,
      excluded: excluded as StateCode,
    })),
  );
}

/** Whether a caller of this state, if it is known, is told nothing of the records of the source. */
export async function isRestricted(
  db: CentralDatabase,
  source: string,
  caller: string | undefined,
): Promise<boolean> {
  return (await restrictionsOf(db, [source])).excludes(source, caller);
}

/** All source states of whose records a caller of this state is told nothing. */
export async function restrictingStates(
  db: CentralDatabase,
  caller: string | undefined,
): Promise<string[]> {
  let query = db.selectFrom('restrictions').select('source').distinct();
  if (caller !== undefined) query = query.where('excluded', '=', caller);
  return (await query.execute()).map(({ source }) => source);
}

/** All pairs, in the order of a manifest. */
export const allRestrictions = (db: CentralDatabase) =>
  db
    .selectFrom('restrictions')
    .select(['source', 'excluded'])
    .orderBy('source')
    .orderBy('excluded')
    .execute();
