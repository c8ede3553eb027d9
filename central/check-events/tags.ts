/**
 * Tags of documents that were let pass, kept for 30 days, found again by day and tag.
 *
 * Let pass are those that were answered clear, and those that were answered unknown: nobody can say
 * what the desk did with them. They are staged as they come, at the end of a table, and moved into the order
 * of (day, tag) many at a time (merge-tags.ts): put there one by one, each would dirty a page of its own.
 * A look-up asks both; in order it is one step down a tree, and a day that is over is one run of rows.
 */

import { setImmediate as letOthers } from 'node:timers/promises';
import { sql, type Transaction } from 'kysely';
import { tagBytesOf } from '../../src/format/check-event.ts';
import { dayOf, TAG_BYTES, TAG_KEPT_MS } from '../../src/format/tag-key.ts';
import { isPostgres } from '../database/database.ts';
import type { CentralDatabase, CentralSchema } from '../database/schema.ts';
import { referenceOf } from './reference.ts';
import type { TakenEvent } from './taken-event.ts';

/** Letters of the answers after which a traveller may have gone on. */
const LET_PASS = /[cu]/;
const ROWS_PER_STATEMENT = 20_000;
const ROWS_PER_DELETE = 5_000;

interface TagRow {
  day: number;
  tag: bigint;
  reference: number;
}

/** The first day of which tags are kept at this time. */
export const firstDayKept = (nowMs: number): number => dayOf(nowMs - TAG_KEPT_MS);

/** Stages the tags of events, as far as they are still to be kept. */
export async function keepTags(
  trx: Transaction<CentralSchema>,
  taken: readonly TakenEvent[],
  nowMs: number,
): Promise<void> {
  const firstDay = firstDayKept(nowMs);
  const rows = taken.flatMap((each) => (dayOf(each.at) < firstDay ? [] : rowsOf(each)));
  for (let first = 0; first < rows.length; first += ROWS_PER_STATEMENT) {
    await insertTags(trx, rows.slice(first, first + ROWS_PER_STATEMENT));
  }
}

function rowsOf({ event, number, at }: TakenEvent): TagRow[] {
  const bytes = tagBytesOf(event);
  if (!bytes) return [];
  const day = dayOf(at);
  const rows: TagRow[] = [];
  for (const [place, tag] of tagsIn(bytes).entries()) {
    if (tag === 0n || !LET_PASS.test(event.answers[place] ?? '')) continue;
    rows.push({ day, tag, reference: referenceOf(number, place) });
  }
  return rows;
}

/** The tags in the bytes of an event, as signed integers. */
export function tagsIn(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / TAG_BYTES }, (_, place) =>
    view.getBigInt64(TAG_BYTES * place, true),
  );
}

/** All rows by one parameter: a statement with a parameter for each value costs ten times as much. */
async function insertTags(trx: Transaction<CentralSchema>, rows: readonly TagRow[]): Promise<void> {
  if (!isPostgres(trx)) {
    const json = `[${rows.map(({ day, tag, reference }) => `[${tag},${reference},${day}]`).join()}]`;
    await sql`insert into staged_tags (tag, reference, day)
      select value ->> 0, value ->> 1, value ->> 2 from json_each(${json})`.execute(trx);
    return;
  }
  const list = (values: (number | bigint)[]) => `{${values.join()}}`;
  await sql`insert into staged_tags (tag, reference, day)
    select * from unnest(
      ${list(rows.map(({ tag }) => tag))}::bigint[],
      ${list(rows.map(({ reference }) => reference))}::bigint[],
      ${list(rows.map(({ day }) => day))}::integer[])`.execute(trx);
}

/** A tag that was looked for, and the document that has it. */
export interface FoundTag {
  tag: bigint;
  reference: number;
}

/** The documents of a day, in order, that have one of the tags. */
export async function findTags(
  db: CentralDatabase,
  day: number,
  tags: readonly bigint[],
): Promise<FoundTag[]> {
  const found = !isPostgres(db)
    ? sql<FoundRow>`select cast(t.tag as text) as tag, t.reference
        from json_each(${`[${tags.join()}]`}) as asked
        cross join check_tags as t on t.day = ${day} and t.tag = asked.value`
    : sql<FoundRow>`select tag::text as tag, reference from check_tags
        where day = ${day} and tag = any(${`{${tags.join()}}`}::bigint[])`;
  return foundTags((await found.execute(db)).rows);
}

/** The same among those that are staged: all of them are read, so ask for `stagedDays` alone. */
export async function findStagedTags(
  db: CentralDatabase,
  day: number,
  tags: readonly bigint[],
): Promise<FoundTag[]> {
  const found = !isPostgres(db)
    ? sql<FoundRow>`select cast(tag as text) as tag, reference from staged_tags
        where day = ${day} and tag in (select value from json_each(${`[${tags.join()}]`}))`
    : sql<FoundRow>`select t.tag::text as tag, t.reference from staged_tags as t
        join unnest(${`{${tags.join()}}`}::bigint[]) as asked (tag) on asked.tag = t.tag
        where t.day = ${day}`;
  return foundTags((await found.execute(db)).rows);
}

interface FoundRow {
  tag: string;
  reference: number;
}

const foundTags = (rows: readonly FoundRow[]): FoundTag[] =>
  rows.map(({ tag, reference }) => ({ tag: BigInt(tag), reference: Number(reference) }));

/** Days of which tags are staged. */
export async function stagedDays(db: CentralDatabase): Promise<Set<number>> {
  const rows = await db.selectFrom('staged_tags').select('day').distinct().execute();
  return new Set(rows.map(({ day }) => day));
}

/**
 * Removes the tags of the days that are over, also of matches: a slice of a day at a time, with a turn for
 * others between, because on SQLite answers wait for each.
 */
export async function removeOldTags(db: CentralDatabase, nowMs: number): Promise<void> {
  const firstDay = firstDayKept(nowMs);
  await db
    .updateTable('check_matches')
    .set({ tag_day: null, tag: null })
    .where('tag_day', '<', firstDay)
    .execute();
  for (let day = await oldestDay(db); day !== undefined && day < firstDay; ) {
    await removeDay(db, day);
    day = await oldestDay(db, day);
  }
}

/** The first day after another of which there are tags in order. */
async function oldestDay(db: CentralDatabase, after = 0): Promise<number | undefined> {
  const row = await db
    .selectFrom('check_tags')
    .select('day')
    .where('day', '>', after)
    .orderBy('day')
    .limit(1)
    .executeTakeFirst();
  return row?.day;
}

/** From tag to tag and never from the start: PostgreSQL would go over all that is removed already. */
async function removeDay(db: CentralDatabase, day: number): Promise<void> {
  let after: string | undefined;
  do {
    await letOthers();
    const isNext = after === undefined ? sql`true` : sql`tag > ${BigInt(after)}`;
    const ends = await sql<{ tag: string }>`select cast(tag as text) as tag from check_tags
      where day = ${day} and ${isNext} order by check_tags.tag limit 1 offset ${ROWS_PER_DELETE - 1}`.execute(
      db,
    );
    const end = ends.rows[0]?.tag;
    const isInSlice = end === undefined ? sql`true` : sql`tag <= ${BigInt(end)}`;
    await sql`delete from check_tags where day = ${day} and ${isNext} and ${isInSlice}`.execute(db);
    after = end;
  } while (after !== undefined);
}
