/**
 * Matches: documents that the edge matched, from the first answer to the last.
 *
 * The first question makes a row for each hit and candidate; a later one about a candidate moves the
 * same row on, to cleared or to hit, whichever of the two events comes first. A hit stays a hit, and
 * the shortest time to it stands: a client that asks again does not make a second hit.
 */

import { type Insertable, sql, type Transaction } from 'kysely';
import { FIRST_ROUTE, tagBytesOf } from '../../src/format/check-event.ts';
import { dayOf } from '../../src/format/tag-key.ts';
import type { CentralSchema } from '../database/schema.ts';
import { type CheckMatchesTable, OUTCOME } from './tables.ts';
import { tagsIn } from './tags.ts';
import type { TakenEvent } from './taken-event.ts';

const OUTCOME_OF: Record<string, number> = {
  h: OUTCOME.hit,
  c: OUTCOME.cleared,
  a: OUTCOME.candidate,
};

/** Writes what the events say of documents that were matched. */
export async function recordMatches(
  trx: Transaction<CentralSchema>,
  taken: readonly TakenEvent[],
): Promise<void> {
  // One statement may touch a row once only.
  for (const row of taken.flatMap(matchesOf)) await upsert(trx, row);
}

function matchesOf(each: TakenEvent): Insertable<CheckMatchesTable>[] {
  const { event, at } = each;
  const isFirst = event.route === FIRST_ROUTE;
  if (!isFirst && event.first === undefined) return [];
  if (isFirst && !/[ha]/.test(event.answers)) return [];
  const bytes = tagBytesOf(event);
  const tags = bytes && tagsIn(bytes);
  const rows: Insertable<CheckMatchesTable>[] = [];
  for (const [place, letter] of [...event.answers].entries()) {
    if (isFirst ? letter !== 'h' && letter !== 'a' : !(letter in OUTCOME_OF)) continue;
    const askedAt = event.first ? Date.parse(event.first.time) : at;
    const afterMs = event.first ? at - askedAt : Math.round(event.durationMs);
    rows.push({
      request_id: event.first?.requestId ?? event.requestId,
      place: event.first?.place ?? place,
      ...{ tenant: event.tenant, site: event.site, operation_id: each.operationId ?? null },
      at: askedAt,
      is_first: isFirst ? 1 : 0,
      outcome: OUTCOME_OF[letter]!,
      confirmed_after_ms: letter === 'h' ? Math.max(0, afterMs) : null,
      tag_day: tags ? dayOf(at) : null,
      tag: tags ? String(tags[place]) : null,
    });
  }
  return rows;
}

/** Columns that the first question knows best. */
const OF_FIRST = ['tenant', 'site', 'operation_id', 'at', 'tag_day', 'tag'] as const;

async function upsert(
  trx: Transaction<CentralSchema>,
  row: Insertable<CheckMatchesTable>,
): Promise<void> {
  const larger = (column: 'outcome' | 'is_first') =>
    sql<number>`case when excluded.${sql.ref(column)} > check_matches.${sql.ref(column)}
      then excluded.${sql.ref(column)} else check_matches.${sql.ref(column)} end`;
  await trx
    .insertInto('check_matches')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['request_id', 'place']).doUpdateSet({
        outcome: larger('outcome') as never,
        is_first: larger('is_first') as never,
        confirmed_after_ms: sql<number>`case
          when check_matches.confirmed_after_ms is null
            or excluded.confirmed_after_ms < check_matches.confirmed_after_ms
          then excluded.confirmed_after_ms else check_matches.confirmed_after_ms end`,
        ...Object.fromEntries(
          OF_FIRST.map((column) => [
            column,
            sql`case when excluded.is_first = 1
              then excluded.${sql.ref(column)} else check_matches.${sql.ref(column)} end`,
          ]),
        ),
      }),
    )
    .execute();
}
