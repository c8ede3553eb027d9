/** Challenges of a record that becomes another one. */

import type { ChangeBatch } from './change-batch.ts';
import type { RecordRow } from './tables.ts';

/**
 * Open challenges of a record go with it where a correction makes another one of it: nobody has
 * answered them yet.
 */
export async function moveChallenges(
  { transaction }: ChangeBatch,
  { from, to }: { from: RecordRow; to: string },
): Promise<void> {
  if (from.open_challenge_count === 0) return;
  await transaction
    .updateTable('record_challenges')
    .set({ record_id: to })
    .where('record_id', '=', from.id)
    .where('resolved_at', 'is', null)
    .execute();
  await transaction
    .updateTable('records')
    .set({ open_challenge_count: 0 })
    .where('id', '=', from.id)
    .execute();
  await transaction
    .updateTable('records')
    .set((eb) => ({
      open_challenge_count: eb('open_challenge_count', '+', from.open_challenge_count),
    }))
    .where('id', '=', to)
    .execute();
}
