/**
 * Forgetting: what was said in a case, and by whom, goes a year after it was closed.
 *
 * The case itself stays with its states and times, for statistics; texts, reasons, names, desks,
 * sightings and attachments do not.
 */

import type { CentralDatabase } from '../database/schema.ts';
import { type AttachmentStore, removeFile } from './attachments.ts';
import { EVENT_KINDS } from './tables.ts';

const KEPT_MS = 365 * 24 * 3_600_000;
const CASES_PER_ROUND = 100;
/** Of these only states and times are kept; the others go as a whole. */
const KEPT_KINDS = EVENT_KINDS.filter((kind) => kind === 'state' || kind === 'escalated');

/** Forget what is over its time; how many cases. */
export async function forgetCases(
  db: CentralDatabase,
  store: AttachmentStore,
  nowMs: number,
): Promise<number> {
  const cases = await db
    .selectFrom('cases')
    .select('id')
    .where('closed_at', '<', nowMs - KEPT_MS)
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('sightings')
          .select('sightings.id')
          .whereRef('sightings.case_id', '=', 'cases.id'),
      ),
    )
    .limit(CASES_PER_ROUND)
    .execute();
  for (const { id } of cases) await forgetCase(db, store, id);
  return cases.length;
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
