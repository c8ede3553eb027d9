/**
 * An agency's own list, to tell which hits it would have had without INTERPOL's data.
 *
 * Names of documents (issuing state and number), replaced as a whole. A hit is compared once, under
 * the list of that moment: the tags of its day are made from the names and looked at, because of the
 * hit nothing but a tag is known here. Without a list, or without a key for the day, it stays open.
 */

import { setImmediate as letOthers } from 'node:timers/promises';
import { canonicalNumber } from '../../src/document/canonical-key.ts';
import { parseStateCode } from '../../src/document/issuing-state.ts';
import { SltdError } from '../../src/errors.ts';
import type { DayKeys } from '../../src/format/tag-key.ts';
import { OUTCOME } from '../check-events/tables.ts';
import { tagOfName } from '../check-events/tag-of-name.ts';
import type { CentralDatabase } from '../database/schema.ts';

const NAMES_MAX = 2_000_000;
const ROWS_PER_STATEMENT = 5_000;
const NAMES_PER_READ = 2_000;
const HITS_PER_RUN = 1_000;

/**
 * The names in a CSV of `number,issuing_state`, with or without a first line of that kind. Throws
 * the code of the first row that is none: a list with a row left out would count too many hits.
 */
export function namesOfCsv(text: string): Set<string> {
  const names = new Set<string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === '' || (index === 0 && /^number,issuing_state$/i.test(line))) continue;
    const [number, issuingState, ...rest] = line.split(',');
    if (number === undefined || issuingState === undefined || rest.length > 0) {
      throw new SltdError('request-invalid');
    }
    const state = parseStateCode(issuingState);
    if (state === undefined) throw new SltdError('state-unknown');
    const canonical = canonicalNumber(number, state);
    if (!canonical.ok) throw new SltdError(canonical.code);
    names.add(state.padEnd(3, '<') + canonical.value);
    if (names.size > NAMES_MAX) throw new SltdError('body-too-large');
  }
  return names;
}

/** Put a list in the place of the one before. */
export async function replaceOwnList(
  db: CentralDatabase,
  names: ReadonlySet<string>,
  { tenant, nowMs }: { tenant: string; nowMs: number },
): Promise<void> {
  const row = { tenant, loaded_at: nowMs, name_count: names.size };
  await db.transaction().execute(async (trx) => {
    await trx.deleteFrom('own_list_names').where('tenant', '=', tenant).execute();
    let rows: { tenant: string; name: string }[] = [];
    const write = async () => {
      if (rows.length > 0) await trx.insertInto('own_list_names').values(rows).execute();
      rows = [];
    };
    for (const name of names) {
      rows.push({ tenant, name });
      if (rows.length === ROWS_PER_STATEMENT) await write();
    }
    await write();
    await trx
      .insertInto('own_lists')
      .values(row)
      .onConflict((conflict) => conflict.column('tenant').doUpdateSet(row))
      .execute();
  });
}

interface OpenHit {
  request_id: string;
  place: number;
  tag: string | null;
}

/** Compare the hits that were not compared yet; how many were. */
export async function compareWithOwnLists(db: CentralDatabase, dayKeys: DayKeys): Promise<number> {
  const open = await db
    .selectFrom('check_matches as hit')
    .innerJoin('own_lists as list', 'list.tenant', 'hit.tenant')
    .select(['hit.request_id', 'hit.place', 'hit.tenant', 'hit.tag_day', 'hit.tag'])
    .where('hit.outcome', '=', OUTCOME.hit)
    .where('hit.is_first', '=', 1)
    .where('hit.is_on_own_list', 'is', null)
    .where('hit.tag', 'is not', null)
    // The newest first: what has lost the key of its day stays open, and must hold up no other.
    .orderBy('hit.tag_day', 'desc')
    .limit(HITS_PER_RUN)
    .execute();
  let compared = 0;
  for (const hits of Map.groupBy(open, (hit) => `${hit.tag_day} ${hit.tenant}`).values()) {
    const [{ tenant, tag_day: day }] = hits as [(typeof hits)[number]];
    const key = await dayKeys.of(day!);
    if (!key) continue;
    await markHits(db, hits, await tagsOnList(db, { tenant, key, hits }));
    compared += hits.length;
  }
  return compared;
}

/** Those of the hits' tags that a name on the list has. */
async function tagsOnList(
  db: CentralDatabase,
  { tenant, key, hits }: { tenant: string; key: Uint8Array; hits: readonly OpenHit[] },
): Promise<Set<string>> {
  const wanted = new Set(hits.map(({ tag }) => tag));
  const found = new Set<string>();
  for (let after = ''; ; ) {
    const rows = await db
      .selectFrom('own_list_names')
      .select('name')
      .where('tenant', '=', tenant)
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
