/**
 * What a bureau decides about its cards: a second person publishes a version, and one person is
 * enough to take a wrong card away from readers.
 *
 * A version is approved once, and only one that is newer than what readers see. Bureaus that subscribe
 * are told in the same transaction.
 */

import type { Transaction } from 'kysely';
import { SltdError } from '../../src/errors.ts';
import type { CentralDatabase, CentralSchema } from '../database/schema.ts';
import type { Caller } from '../http/caller.ts';
import { type NotificationType, notifyEverybody } from '../notifications/notify.ts';
import type { CardsTable } from './tables.ts';

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
    const card = await transaction
      .updateTable('cards')
      .set({ published_version: version })
      .where('id', '=', id)
      .where((eb) =>
        eb.or([eb('published_version', 'is', null), eb('published_version', '<', version)]),
      )
      .returning(['id', 'state', 'document_class'])
      .executeTakeFirst();
    if (approved.numUpdatedRows === 0n || !card) throw new SltdError('card-decided');
    await tell(transaction, { type: 'card.published', card, version, nowMs });
  });
}

/** Take the published version away from readers; 'card-decided' if none is published. */
export function withdrawCard(
  { id, reason }: { id: string; reason: string },
  { db, caller, nowMs }: DecideOptions,
): Promise<void> {
  return db.transaction().execute(async (transaction) => {
    const card = await transaction
      .selectFrom('cards')
      .select(['id', 'state', 'document_class', 'published_version'])
      .where('id', '=', id)
      .executeTakeFirst();
    const version = card?.published_version ?? null;
    if (!card || version === null) throw new SltdError('card-decided');
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
    await tell(transaction, { type: 'card.withdrawn', card, version, nowMs });
  });
}

/** Which card it is, and nothing of what it says: that is read by its id. */
const tell = (
  transaction: Transaction<CentralSchema>,
  { type, card, version, nowMs }: CardNotice,
): Promise<void> =>
  notifyEverybody(transaction, {
    ...{ type, nowMs },
    payload: {
      ...{ card: card.id, issuingState: card.state, documentClass: card.document_class },
      version,
    },
  });

interface CardNotice {
  type: NotificationType;
  card: Pick<CardsTable, 'id' | 'state' | 'document_class'>;
  version: number;
  nowMs: number;
}
