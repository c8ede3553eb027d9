/**
 * Coverage: of those who crossed, how many were asked about (ICAO: query at entry and at departure).
 *
 * An agency declares its crossings by post, day and direction; checks are counted as they come, those of
 * all desks of a post (`post/desk`) together. A document that was answered `unknown` or `invalid`, by an
 * edge without a list say, is not covered by that; those are counted apart. Both sides are listed: a post
 * without a declaration, and a declaration without a single check. Where desks are declared for
 * themselves, the post has their sum, unless it is declared as a whole.
 */

import * as v from 'valibot';
import { Day, Name } from '../../src/format/forms.ts';
import { dayOf } from '../../src/format/tag-key.ts';
import { postOf } from '../cases/parties.ts';
import type { CentralDatabase } from '../database/schema.ts';

const DECLARATIONS_MAX = 2_000;
const DAY_MS = 86_400_000;

const day = v.pipe(
  Day,
  v.transform((text) => dayOf(Date.parse(text))),
);

/** Body of PUT /v1/coverage/crossings. */
export const CrossingsSchema = v.strictObject({
  crossings: v.pipe(
    v.array(
      v.strictObject({
        site: Name,
        day,
        direction: v.picklist(['entry', 'exit', 'transit']),
        crossings: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
      }),
    ),
    v.minLength(1),
    v.maxLength(DECLARATIONS_MAX),
  ),
});

/** Query of GET /v1/coverage; days as `2026-11-22`, both included; of a site, its post. */
export const CoverageQuerySchema = v.object({
  from: day,
  to: day,
  site: v.optional(Name),
});

export type CoverageQuery = v.InferOutput<typeof CoverageQuerySchema>;

/** Writes declarations; a later one of the same post, day and direction stands instead. */
export async function declareCrossings(
  db: CentralDatabase,
  { crossings }: v.InferOutput<typeof CrossingsSchema>,
  { tenant, nowMs }: { tenant: string; nowMs: number },
): Promise<void> {
  const unique = new Map(
    crossings.map((row) => [JSON.stringify([row.site, row.day, row.direction]), row]),
  );
  await db
    .insertInto('declared_crossings')
    .values([...unique.values()].map((row) => ({ ...row, tenant, declared_at: nowMs })))
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'day', 'site', 'direction']).doUpdateSet((eb) => ({
        crossings: eb.ref('excluded.crossings'),
        declared_at: eb.ref('excluded.declared_at'),
      })),
    )
    .execute();
}

/** One post, with all its desks, on one day, one way. */
export interface CoverageRow {
  /** Days since 1970. */
  day: number;
  site: string;
  direction: string;
  /** Documents that were answered otherwise than below. */
  checks: number;
  /** Documents whose answer was `unknown` or `invalid`. */
  unanswered: number;
  /** Undefined if nothing was declared. */
  crossings?: number;
}

/** Place of a row in the order of the list. */
export type CoveragePosition = [day: number, site: string, direction: string];

interface Asked extends CoverageQuery {
  tenant: string;
  limit: number;
  after: CoveragePosition | undefined;
}

/** Rows in the order of day, post and direction, one more than `limit` where there are more. */
export async function coverageRows(db: CentralDatabase, asked: Asked): Promise<CoverageRow[]> {
  const rows = new Map<string, CoverageRow>();
  const rowAt = (at: Pick<CoverageRow, 'day' | 'site' | 'direction'>): CoverageRow => {
    const key = JSON.stringify([at.day, at.site, at.direction]);
    const row = rows.get(key) ?? {
      ...{ day: at.day, site: at.site, direction: at.direction, checks: 0, unanswered: 0 },
    };
    rows.set(key, row);
    return row;
  };
  // Day by day from the cursor on: a page is full long before a year has been read.
  const firstDay = Math.max(asked.from, asked.after?.[0] ?? asked.from);
  const post = asked.site === undefined ? undefined : postOf(asked.site);
  const isAsked = ({ site }: { site: string }) => post === undefined || postOf(site) === post;
  const isWhole = ({ site }: { site: string }) => postOf(site) === site;
  for (let today = firstDay; today <= asked.to; today++) {
    const at = ({ site, direction }: { site: string; direction: string }) =>
      rowAt({ day: today, site: postOf(site), direction });
    const declared = Map.groupBy((await declaredOn(db, asked, today)).filter(isAsked), at);
    for (const [row, parts] of declared) {
      const whole = parts.find(isWhole);
      row.crossings = (whole ? [whole] : parts).reduce((sum, part) => sum + part.crossings, 0);
    }
    for (const part of (await countedOn(db, asked, today)).filter(isAsked)) {
      const row = at(part);
      row.checks += part.searches - part.unanswered;
      row.unanswered += part.unanswered;
    }
    if (sorted(rows, asked.after).length > asked.limit) break;
  }
  return sorted(rows, asked.after).slice(0, asked.limit + 1);
}

function sorted(
  rows: ReadonlyMap<string, CoverageRow>,
  after: CoveragePosition | undefined,
): CoverageRow[] {
  const all = [...rows.values()].sort((a, b) => compare(positionOf(a), positionOf(b)));
  return after ? all.filter((row) => compare(positionOf(row), after) > 0) : all;
}

/** Where a row stands in the list. */
export const positionOf = ({ day: on, site, direction }: CoverageRow): CoveragePosition => [
  ...([on, site, direction] as const),
];

function compare(a: CoveragePosition, b: CoveragePosition): number {
  for (const [index, value] of a.entries()) {
    const other = b[index]!;
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}

function declaredOn(db: CentralDatabase, { tenant }: Asked, on: number) {
  return db
    .selectFrom('declared_crossings')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('day', '=', on)
    .execute();
}

function countedOn(db: CentralDatabase, { tenant }: Asked, on: number) {
  return db
    .selectFrom('check_counters')
    .select(['site', 'direction'])
    .select((eb) => [
      eb.cast<number>(eb.fn.sum<number>('searches'), 'bigint').as('searches'),
      eb
        .cast<number>(eb.fn.sum<number>(eb('unknowns', '+', eb.ref('invalids'))), 'bigint')
        .as('unanswered'),
    ])
    .where('tenant', '=', tenant)
    .where('hour', '>=', on * DAY_MS)
    .where('hour', '<', (on + 1) * DAY_MS)
    .where('direction', '!=', '')
    .groupBy(['site', 'direction'])
    .execute();
}
