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
  (await collectionOf(db)) ?? 'sltd';

async function collectionOf(db: CentralDatabase): Promise<string | null> {
  const row = await db.selectFrom('data_state').select('collection').executeTakeFirstOrThrow();
  return row.collection;
}

/** holdsTraining(), asked of the database until it has a collection and remembered from then on. */
export function trainingReader(db: CentralDatabase): () => Promise<boolean> {
  let known: boolean | undefined;
  return async () => {
    if (known !== undefined) return known;
    const collection = await collectionOf(db);
    if (collection !== null) known = collection === TRAINING;
    return known ?? false;
  };
}
