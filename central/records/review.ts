/**
 * Review: a record that a bureau reported here is looked at again by its review date, or expires.
 *
 * The bureau is told 90 days before. A record leaves the list by expiry only if its bureau was told at
 * least 30 days before, whatever the date says: nothing is cleared that nobody heard of. A correction
 * with a later date puts both off. Records that an export brings have no date here: their export decides.
 */

import type { Transaction } from 'kysely';
import type { CentralDatabase, CentralSchema } from '../database/schema.ts';
import { bureauOf } from '../http/caller.ts';
import { type NotificationType, notify } from '../notifications/notify.ts';
import { type ChangeBatch, changeRecords } from './change-batch.ts';
import { unlist } from './change-records.ts';
import type { RecordRow } from './tables.ts';
import { oneByOne } from './turns.ts';

const DAY_MS = 86_400_000;
const NOTICE_DAYS = 90;
const HEARD_DAYS = 30;
/** Records of one transaction: bureaus wait for it. */
const ROUND_RECORDS = 500;
/** Who it is in the history. */
const BY_CENTRAL = { tenant: 'central', subject: 'review' };

/** Tell bureaus of reviews that are due, and take off the list what was not looked at in time. */
export async function sweepReviews(
  db: CentralDatabase,
  nowMs: number,
): Promise<{ noticed: number; expired: number }> {
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const noticed = await eachRound(db, nowMs, async (batch) => {
    const due = listedUntil(batch.transaction, day(nowMs + NOTICE_DAYS * DAY_MS));
    const rows = await due.where('review_noticed_at', 'is', null).execute();
    for await (const row of oneByOne(rows)) await markNoticed(batch, row);
    return { rows, type: 'record.review-due' };
  });
  const expired = await eachRound(db, nowMs, async (batch) => {
    const over = listedUntil(batch.transaction, day(nowMs - DAY_MS));
    const heardBefore = nowMs - HEARD_DAYS * DAY_MS;
    const rows = await over.where('review_noticed_at', '<=', heardBefore).execute();
    for await (const row of oneByOne(rows)) await unlist(batch, row, { action: 'expired' });
    return { rows, type: 'record.expired' };
  });
  return { noticed, expired };
}

/** Listed records with a review date up to a day, the oldest first. */
const listedUntil = (transaction: Transaction<CentralSchema>, day: string) =>
  transaction
    .selectFrom('records')
    .selectAll()
    .where('review_date', 'is not', null)
    .where('review_date', '<=', day)
    .where('withdrawn_at', 'is', null)
    .orderBy('review_date')
    .orderBy('id')
    .limit(ROUND_RECORDS);

async function markNoticed(batch: ChangeBatch, row: RecordRow): Promise<void> {
  const number = row.version + 1;
  await batch.transaction
    .updateTable('records')
    .set({ review_noticed_at: batch.nowMs, version: number, updated_at: batch.nowMs })
    .where('id', '=', row.id)
    .execute();
  batch.record({ record_id: row.id, number, action: 'review-noticed' });
}

/** Rounds of one transaction each, until one finds nothing more; how many records there were. */
async function eachRound(
  db: CentralDatabase,
  nowMs: number,
  round: (batch: ChangeBatch) => Promise<{ rows: RecordRow[]; type: NotificationType }>,
): Promise<number> {
  let count = 0;
  for (;;) {
    const found = await changeRecords({ db, caller: BY_CENTRAL, nowMs }, async (batch) => {
      const { rows, type } = await round(batch);
      for await (const row of oneByOne(rows)) {
        const payload = { record: row.id, reviewDate: row.review_date };
        await notify(batch.transaction, { tenant: bureauOf(row.state), type, payload, nowMs });
      }
      return rows.length;
    });
    count += found;
    if (found < ROUND_RECORDS) return count;
  }
}
