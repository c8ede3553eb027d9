/**
 * A database holds live data or training, for good.
 *
 * Its collection is set once, by the first load or the first start with `COLLECTION`, and never changed.
 * So training has tables, counters, cases and notifications of its own, and no error in a
 * query, a credential or a setting can bring the two together.
 */

import { SltdError } from '../../src/errors.ts';
import { TRAINING } from '../../src/format/training.ts';
import type { CentralDatabase } from '../database/schema.ts';

const DEFAULT_COLLECTION = 'sltd';

/** Set the collection of a database that has none; 'config-invalid' if it holds another one. */
export async function claimCollection(db: CentralDatabase, collection: string): Promise<void> {
  await db
    .updateTable('data_state')
    .set({ collection })
    .where('id', '=', 1)
    .where('collection', 'is', null)
    .execute();
  if ((await collectionOf(db)) !== collection) {
    throw new SltdError('config-invalid', { detail: 'the database holds another collection' });
  }
}

/** Whether the database holds the training collection; one that has no collection yet does not. */
export const holdsTraining = async (db: CentralDatabase): Promise<boolean> =>
  (await collectionOf(db)) === TRAINING;

/** The collection that is held here; in a new database, the one that is loaded by default. */
export const ownCollection = async (db: CentralDatabase): Promise<string> =>
  (await collectionOf(db)) ?? DEFAULT_COLLECTION;

async function collectionOf(db: CentralDatabase): Promise<string | null> {
  const row = await db.selectFrom('data_state').select('collection').executeTakeFirstOrThrow();
  return row.collection;
}

/**
 * ownCollection() for a service: asked of the database until it has a collection, by one question at a
 * time however many requests wait for it, and remembered from then on.
 */
export function collectionReader(db: CentralDatabase): () => Promise<string> {
  let known: string | undefined;
  let asking: Promise<string | null> | undefined;
  return async () => {
    if (known !== undefined) return known;
    asking ??= collectionOf(db).finally(() => {
      asking = undefined;
    });
    known = (await asking) ?? known;
    return known ?? DEFAULT_COLLECTION;
  };
}
