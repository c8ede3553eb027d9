/**
 * What a bureau decides about its cards: a second person publishes a version, and one person is
 * enough to take a wrong card away from readers.
 *
 * A version is approved once, and only one that is newer than what readers see.
 */

import { SltdError } from '../../src/errors.ts';
import type { CentralDatabase } from '../database/schema.ts';
import type { Caller } from '../http/caller.ts';

interface DecideOptions {
  db: CentralDatabase;
  /** A person of the bureau that owns the card. */
  caller: Caller;
  nowMs: number;
}

/**
 * Publish a version in the place of the one before. 'not-found' if there is none, 'second-person' if
 * the caller wrote it, 'card-decided' if it was approved before or a newer one is published.
 */
export function approveVersion(
  { id, version }: { id: string; version: number },
  { db, caller, nowMs }: DecideOptions,
): Promise<void> {
  return db.transaction().execute(async (transaction) => {
    const row = await transaction
      .selectFrom('card_versions')
      .select('author')
      .where('card_id', '=', id)
      .where('version', '=', version)
      .executeTakeFirst();
    if (!row) throw new SltdError('not-found');
    if (row.author === caller.subject) throw new SltdError('second-person');
    const approved = await transaction
      .updateTable('card_versions')
      .set({ approver: caller.subject, approved_at: nowMs })
      .where('card_id', '=', id)
      .where('version', '=', version)
      .where('approved_at', 'is', null)
      .executeTakeFirst();
    const published = await transaction
      .updateTable('cards')
      .set({ published_version: version })
      .where('id', '=', id)
      .where((eb) =>
        eb.or([eb('published_version', 'is', null), eb('published_version', '<', version)]),
      )
      .executeTakeFirst();
    if (approved.numUpdatedRows === 0n || published.numUpdatedRows === 0n) {
      throw new SltdError('card-decided');
    }
  });
}

/** Take the published version away from readers; 'card-decided' if none is published. */
export function withdrawCard(
  { id, reason }: { id: string; reason: string },
  { db, caller, nowMs }: DecideOptions,
): Promise<void> {
  return db.transaction().execute(async (transaction) => {
    const row = await transaction
      .selectFrom('cards')
      .select('published_version')
      .where('id', '=', id)
      .executeTakeFirst();
    const version = row?.published_version ?? null;
    if (version === null) throw new SltdError('card-decided');
    const taken = await transaction
      .updateTable('cards')
      .set({ published_version: null })
      .where('id', '=', id)
      .where('published_version', '=', version)
      .executeTakeFirst();
    // Another version was published meanwhile: nobody has said a word about that one.
    if (taken.numUpdatedRows === 0n) throw new SltdError('card-decided');
    await transaction
      .updateTable('card_versions')
      .set({ withdrawn_by: caller.subject, withdrawn_at: nowMs, withdrawal_reason: reason })
      .where('card_id', '=', id)
      .where('version', '=', version)
      .execute();
  });
}
