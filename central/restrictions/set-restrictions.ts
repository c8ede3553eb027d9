/**
 * Restrictions of one state: the list as its bureau sets it, and how it came to be.
 *
 * The list is set as a whole, under the version that it was read at, so that two persons of a bureau
 * cannot undo each other's without seeing it. A version is written once: whoever comes second with the
 * same number is told that the list has changed.
 */

import { SltdError } from '../../src/errors.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { isoTime } from '../http/iso-time.ts';
import type { PageRequest } from '../http/page.ts';
import type { RestrictionChangesTable } from './tables.ts';

/** The list of a state as its bureau sees it; version 0 if none was ever set. */
export interface RestrictionList {
  issuingState: string;
  version: number;
  /** Codes of Doc 9303-3, ascending. */
  excluded: readonly string[];
  updatedAt?: string;
}

/** The list in force. */
export async function readRestrictionList(
  db: CentralDatabase,
  state: string,
): Promise<RestrictionList> {
  const last = await db
    .selectFrom('restriction_changes')
    .selectAll()
    .where('state', '=', state)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst();
  return last ? listOf(last) : { issuingState: state, version: 0, excluded: [] };
}

interface NewList {
  state: string;
  excluded: readonly string[];
  reason: string;
  /** That the list was read at. */
  version: number;
  subject: string;
  nowMs: number;
}

/** Puts a list in force; 'version-changed' if it is not at that version any more. */
export async function setRestrictionList(
  db: CentralDatabase,
  { state, excluded, reason, version, subject, nowMs }: NewList,
): Promise<RestrictionList> {
  const states = [...excluded].sort();
  const row: RestrictionChangesTable = {
    ...{ state, version: version + 1, at: nowMs, subject, reason },
    excluded: JSON.stringify(states),
  };
  await db.transaction().execute(async (transaction) => {
    const written = await transaction
      .insertInto('restriction_changes')
      .values(row)
      .onConflict((conflict) => conflict.columns(['state', 'version']).doNothing())
      .returning('version')
      .executeTakeFirst();
    // Read behind the row: whoever writes at the same time waits for it.
    const before = await transaction
      .selectFrom('restriction_changes')
      .select((eb) => eb.fn.max<number | null>('version').as('version'))
      .where('state', '=', state)
      .where('version', '<=', version)
      .executeTakeFirstOrThrow();
    if (!written || (before.version ?? 0) !== version) throw new SltdError('version-changed');
    await transaction.deleteFrom('restrictions').where('source', '=', state).execute();
    if (states.length === 0) return;
    const rows = states.map((each) => ({ source: state, excluded: each }));
    await transaction.insertInto('restrictions').values(rows).execute();
  });
  return listOf(row);
}

/** Versions of a list, the first one first: one more than the page has. */
export const listChanges = (
  db: CentralDatabase,
  state: string,
  { limit, after }: PageRequest<number>,
): Promise<RestrictionChangesTable[]> =>
  db
    .selectFrom('restriction_changes')
    .selectAll()
    .where('state', '=', state)
    .where('version', '>', after ?? 0)
    .orderBy('version')
    .limit(limit + 1)
    .execute();

/** A version as the bureau sees it: who, when, why, and the list from then on. */
export const changeView = (row: RestrictionChangesTable) => ({
  version: row.version,
  at: isoTime(row.at),
  by: row.subject,
  reason: row.reason,
  excluded: JSON.parse(row.excluded) as string[],
});

const listOf = (row: RestrictionChangesTable): RestrictionList => ({
  issuingState: row.state,
  version: row.version,
  excluded: JSON.parse(row.excluded) as string[],
  updatedAt: isoTime(row.at),
});
