/**
 * An agency's own list, to tell which hits it would have had without INTERPOL's data.
 *
 * Names of documents (issuing state and number), replaced as a whole: a new list is written beside the
 * one in force, a few rows at a time, and a row of `own_lists` says which it is. A hit is compared once,
 * under the list of that moment: the tags of its day are made from the names and looked at, because of the
 * hit nothing but a tag is known here. Without a list, or without a key for the day, it stays open.
 */

import { setImmediate as letOthers } from 'node:timers/promises';
import { SltdError } from '../../src/errors.ts';
import type { DayKeys } from '../../src/format/tag-key.ts';
import { OUTCOME } from '../check-events/tables.ts';
import { tagOfName } from '../check-events/tag-of-name.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { newId } from '../http/new-id.ts';

const NAMES_PER_READ = 2_000;
const HITS_PER_RUN = 1_000;
/** To write a list may take this long; what is older and not in force was given up. */
const UPLOAD_MS_MAX = 30 * 60_000;
const ROWS_PER_DELETE = 2_000;

/**
 * Write a list beside the one before and then put it in its place; how many names it has. Whatever
 * `batches` throws leaves the one before in force. 'central-busy' if it takes too long.
 */
export async function replaceOwnList(
  db: CentralDatabase,
  batches: AsyncIterable<readonly string[]>,
  { tenant, clock }: { tenant: string; clock: () => number },
): Promise<number> {
  const listId = newId();
  const startedMs = clock();
  await db
    .insertInto('own_list_uploads')
    .values({ list_id: listId, started_at: startedMs })
    .execute();
  try {
    let nameCount = 0;
    for await (const names of batches) {
      // A statement a batch, each for itself: whoever else writes comes in between.
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('own_list_names')
        .values(names.map((name) => ({ list_id: listId, name })))
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow();
      nameCount += Number(numInsertedOrUpdatedRows);
      if (clock() - startedMs > UPLOAD_MS_MAX) throw new SltdError('central-busy');
    }
    const row = { tenant, list_id: listId, loaded_at: clock(), name_count: nameCount };
    await db
      .insertInto('own_lists')
      .values(row)
      .onConflict((conflict) => conflict.column('tenant').doUpdateSet(row))
      .execute();
    return nameCount;
  } catch (error) {
    await removeList(db, listId);
    throw error;
  }
}

/** Remove lists that are no longer in force, or never came to be; how many. */
export async function sweepOwnLists(db: CentralDatabase, nowMs: number): Promise<number> {
  const lists = await db
    .selectFrom('own_list_uploads')
    .select('list_id')
    .where('started_at', '<', nowMs - 2 * UPLOAD_MS_MAX)
    .where('list_id', 'not in', (eb) => eb.selectFrom('own_lists').select('own_lists.list_id'))
    .execute();
  for (const { list_id: listId } of lists) await removeList(db, listId);
  return lists.length;
}

async function removeList(db: CentralDatabase, listId: string): Promise<void> {
  for (let last: string | undefined = ''; last !== undefined; ) {
    const rows = await db
      .selectFrom('own_list_names')
      .select('name')
      .where('list_id', '=', listId)
      .orderBy('name')
      .limit(ROWS_PER_DELETE)
      .execute();
    last = rows.at(-1)?.name;
    if (last === undefined) break;
    await db
      .deleteFrom('own_list_names')
      .where('list_id', '=', listId)
      .where('name', '<=', last)
      .execute();
    await letOthers();
  }
  await db.deleteFrom('own_list_uploads').where('list_id', '=', listId).execute();
}

interface OpenHit {
  request_id: string;
  place: number;
  tag: string | null;
}

/** Compare the hits that were not compared yet; how many were. */
export async function compareWithOwnLists(
  db: CentralDatabase,
  dayKeys: Pick<DayKeys, 'of'>,
): Promise<number> {
  const open = await db
    .selectFrom('check_matches as hit')
    .innerJoin('own_lists as list', 'list.tenant', 'hit.tenant')
    .select(['hit.request_id', 'hit.place', 'hit.tenant', 'hit.tag_day', 'hit.tag'])
    .select('list.list_id')
    .where('hit.outcome', '=', OUTCOME.hit)
    .where('hit.is_first', '=', 1)
    .where('hit.is_on_own_list', 'is', null)
    .where('hit.tag', 'is not', null)
    // The newest first: what has lost the key of its day stays open, and must hold up no other.
    .orderBy('hit.tag_day', 'desc')
    .limit(HITS_PER_RUN)
    .execute();
  let compared = 0;
  for (const hits of Map.groupBy(open, (hit) => `${hit.tag_day} ${hit.list_id}`).values()) {
    const [{ list_id: listId, tag_day: day }] = hits as [(typeof hits)[number]];
    const key = await dayKeys.of(day!);
    if (!key) continue;
    const onList = await tagsOnList(db, { listId, key, hits });
    // A list that was replaced meanwhile may have been read while it went: the next round reads the new one.
    if (!(await isInForce(db, listId))) continue;
    await markHits(db, hits, onList);
    compared += hits.length;
  }
  return compared;
}

const isInForce = async (db: CentralDatabase, listId: string): Promise<boolean> =>
  (await db
    .selectFrom('own_lists')
    .select('tenant')
    .where('list_id', '=', listId)
    .executeTakeFirst()) !== undefined;

/** Those of the hits' tags that a name on the list has. */
async function tagsOnList(
  db: CentralDatabase,
  { listId, key, hits }: { listId: string; key: Uint8Array; hits: readonly OpenHit[] },
): Promise<Set<string>> {
  const wanted = new Set(hits.map(({ tag }) => tag));
  const found = new Set<string>();
  for (let after = ''; ; ) {
    const rows = await db
      .selectFrom('own_list_names')
      .select('name')
      .where('list_id', '=', listId)
      .where('name', '>', after)
      .orderBy('name')
      .limit(NAMES_PER_READ)
      .execute();
    for (const { name } of rows) {
      const tag = String(tagOfName(name, key));
      if (wanted.has(tag)) found.add(tag);
    }
    if (rows.length < NAMES_PER_READ) return found;
    await letOthers();
    after = rows.at(-1)!.name;
  }
}

async function markHits(
  db: CentralDatabase,
  hits: readonly OpenHit[],
  onList: ReadonlySet<string>,
): Promise<void> {
  for (const { request_id: requestId, place, tag } of hits) {
    await db
      .updateTable('check_matches')
      .set({ is_on_own_list: onList.has(tag!) ? 1 : 0 })
      .where('request_id', '=', requestId)
      .where('place', '=', place)
      .execute();
  }
}
