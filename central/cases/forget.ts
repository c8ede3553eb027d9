/**
 * Forgetting: what was said in a case, and by whom, goes a year after it was closed; in a case that nobody
 * closes, a year after anything happened in it.
 *
 * The case itself stays with its states and times, for statistics; texts, reasons, names, desks,
 * sightings and attachments do not.
 */

import type { CentralDatabase } from '../database/schema.ts';
import { type AttachmentStore, removeFile } from './attachments.ts';
import { eachAlone } from './each-alone.ts';
import { EVENT_KINDS } from './tables.ts';

const KEPT_MS = 365 * 24 * 3_600_000;
const CASES_PER_READ = 100;
/** Of these only states and times are kept; the others go as a whole. */
const KEPT_KINDS = EVENT_KINDS.filter((kind) => kind === 'state' || kind === 'escalated');

/** Forget what is over its time; how many cases. */
export const forgetCases = (
  db: CentralDatabase,
  store: AttachmentStore,
  nowMs: number,
): Promise<number> =>
  eachAlone(
    (after: string | undefined) => casesToForget(db, after, nowMs - KEPT_MS),
    (id) => forgetCase(db, store, id),
  );

/** Ids of cases that are over since before a time, or quiet since then, and have something to forget. */
async function casesToForget(
  db: CentralDatabase,
  after: string | undefined,
  beforeMs: number,
): Promise<string[]> {
  let query = db
    .selectFrom('cases')
    .select('id')
    .where((eb) => {
      const events = eb
        .selectFrom('case_events')
        .select('case_events.version')
        .whereRef('case_events.case_id', '=', 'cases.id');
      const isQuiet = eb.and([
        eb('closed_at', 'is', null),
        eb.not(eb.exists(events.where('at', '>=', beforeMs))),
      ]);
      // Whatever a person did names that person; what comes after a first time is forgotten as well.
      const isThere = events.where((each) =>
        each.or([each('by_subject', 'is not', null), each('kind', 'not in', KEPT_KINDS)]),
      );
      return eb.and([eb.or([eb('closed_at', '<', beforeMs), isQuiet]), eb.exists(isThere)]);
    });
  if (after !== undefined) query = query.where('id', '>', after);
  const rows = await query.orderBy('id').limit(CASES_PER_READ).execute();
  return rows.map(({ id }) => id);
}

async function forgetCase(db: CentralDatabase, store: AttachmentStore, id: string): Promise<void> {
  const files = await db.selectFrom('attachments').select('id').where('case_id', '=', id).execute();
  // Files first: a row without a file is only not found, a file without a row is seen by nobody.
  for (const file of files) await removeFile(store, file.id);
  await db.transaction().execute(async (transaction) => {
    await transaction.deleteFrom('attachments').where('case_id', '=', id).execute();
    await transaction.deleteFrom('encounters').where('case_id', '=', id).execute();
    await transaction
      .deleteFrom('case_events')
      .where('case_id', '=', id)
      .where('kind', 'not in', KEPT_KINDS)
      .execute();
    const kept = await transaction
      .selectFrom('case_events')
      .select(['version', 'data'])
      .where('case_id', '=', id)
      .execute();
    for (const { version, data } of kept) {
      const { reason: _, ...rest } = JSON.parse(data) as Record<string, unknown>;
      await transaction
        .updateTable('case_events')
        .set({ data: JSON.stringify(rest), by_subject: null, request_key: null })
        .where('case_id', '=', id)
        .where('version', '=', version)
        .execute();
    }
    await transaction.deleteFrom('sightings').where('case_id', '=', id).execute();
  });
}
