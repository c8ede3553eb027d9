/**
 * Report of a joint operation: what was asked where and when, and what came of it.
 *
 * The lead sees all posts; an agency that takes part sees the sums and its own posts. Counters are
 * sums of check_counters; matches are rows, few enough to be looked at one by one.
 */

import type { Selectable } from 'kysely';
import { type CheckMatchesTable, OUTCOME } from '../check-events/tables.ts';
import { postOf } from '../cases/parties.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { isoTime } from '../http/iso-time.ts';
import { type Operation, operationView } from './operations.ts';

const HOUR_MS = 3_600_000;

/** Figures of a post, of an hour, or of all. */
export interface Figures {
  /** Documents asked about. */
  searches: number;
  clears: number;
  unknowns: number;
  /** Could not be read as a document. */
  invalids: number;
  /** Documents that the edge matched, whatever became of them. */
  candidates: number;
  hits: number;
  /** Hits that are not on the agency's own list. */
  hitsNotOnOwnList: number;
  /** Hits of agencies whose own list is not known here. */
  hitsWithoutOwnList: number;
  /** Milliseconds from the question to the hit. */
  confirmationMs?: { median: number; p95: number; max: number };
}

/** One operation at one moment, as one tenant sees it. */
export interface OperationReport {
  operation: ReturnType<typeof operationView>;
  /** ISO 8601: the moment. */
  time: string;
  quota?: { searches: number; usedPercent: number };
  all: Figures;
  posts: ({ tenant: string; site: string } & Figures)[];
  hours: ({ hour: string } & Figures)[];
  /** By post and hour, as in the CSV. */
  rows: ({ tenant: string; site: string; hour: string } & Figures)[];
  /** Documents of checks that named the operation and do not count for it. */
  strays: { tenant: string; site: string; reason: string; searches: number }[];
}

interface Cell {
  tenant: string;
  site: string;
  hour: number;
  figures: Figures;
  confirmationsMs: number[];
}

/** The report of an operation for a tenant that sees it. */
export async function operationReport(
  db: CentralDatabase,
  operation: Operation,
  { tenant, nowMs }: { tenant: string; nowMs: number },
): Promise<OperationReport> {
  const cells = await cellsOf(db, operation.id);
  const isSeen = (post: { tenant: string }) =>
    operation.lead_tenant === tenant || post.tenant === tenant;
  const own = cells.filter(isSeen);
  const all = sum(cells);
  const { quota } = operation;
  const strays = await db
    .selectFrom('joint_operation_strays')
    .select(['tenant', 'site', 'reason', 'searches'])
    .where('operation_id', '=', operation.id)
    .orderBy('tenant')
    .orderBy('site')
    .orderBy('reason')
    .execute();
  const usedPercent = quota === null ? 0 : Math.round((all.searches / quota) * 1000) / 10;
  return {
    operation: operationView(operation),
    time: isoTime(nowMs),
    ...(quota === null ? {} : { quota: { searches: quota, usedPercent } }),
    all,
    posts: operation.posts.filter(isSeen).map((post) => ({
      ...post,
      ...sum(own.filter((cell) => isOf(cell, post))),
    })),
    hours: grouped(cells, ({ hour }) => String(hour)).map((group) => ({
      hour: isoTime(group[0]!.hour),
      ...sum(group),
    })),
    rows: own.map((cell) => ({
      tenant: cell.tenant,
      site: cell.site,
      hour: isoTime(cell.hour),
      ...sum([cell]),
    })),
    strays: strays.filter(isSeen),
  };
}

/** What there is of each post and hour, in the order of hour, tenant, site. */
async function cellsOf(db: CentralDatabase, operationId: string): Promise<Cell[]> {
  const counters = await db
    .selectFrom('check_counters')
    .selectAll()
    .where('operation_id', '=', operationId)
    .execute();
  const matches = await db
    .selectFrom('check_matches')
    .selectAll()
    .where('operation_id', '=', operationId)
    .execute();
  const cells = new Map<string, Cell>();
  const cellAt = (place: { tenant: string; site: string }, ms: number): Cell => {
    const { tenant, site } = place;
    const hour = ms - (ms % HOUR_MS);
    const key = JSON.stringify([hour, tenant, site]);
    const cell = cells.get(key) ?? { tenant, site, hour, figures: none(), confirmationsMs: [] };
    cells.set(key, cell);
    return cell;
  };
  for (const row of counters) {
    const { figures } = cellAt(row, row.hour);
    figures.searches += row.searches;
    figures.clears += row.clears;
    figures.unknowns += row.unknowns;
    figures.invalids += row.invalids;
  }
  for (const row of matches) addMatch(cellAt(row, row.at), row);
  const order = (a: Cell, b: Cell) =>
    a.hour - b.hour || compare(a.tenant, b.tenant) || compare(a.site, b.site);
  return [...cells.values()].sort(order);
}

/** True for what was counted at the post, or at one of its desks. */
const isOf = (cell: Cell, { tenant, site }: { tenant: string; site: string }): boolean =>
  cell.tenant === tenant && (cell.site === site || postOf(cell.site) === site);

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function addMatch({ figures, confirmationsMs }: Cell, row: Selectable<CheckMatchesTable>): void {
  figures.candidates++;
  if (row.outcome !== OUTCOME.hit) return;
  figures.hits++;
  if (row.is_on_own_list === 0) figures.hitsNotOnOwnList++;
  if (row.is_on_own_list === null) figures.hitsWithoutOwnList++;
  if (row.confirmed_after_ms !== null) confirmationsMs.push(row.confirmed_after_ms);
}

const none = (): Figures => ({
  ...{ searches: 0, clears: 0, unknowns: 0, invalids: 0, candidates: 0 },
  ...{ hits: 0, hitsNotOnOwnList: 0, hitsWithoutOwnList: 0 },
});

/** Names of the figures that are sums. */
export const COUNTS = Object.keys(none()) as Exclude<keyof Figures, 'confirmationMs'>[];

function sum(cells: readonly Cell[]): Figures {
  const total = none();
  const times: number[] = [];
  for (const { figures, confirmationsMs } of cells) {
    for (const name of COUNTS) total[name] += figures[name];
    times.push(...confirmationsMs);
  }
  if (times.length === 0) return total;
  times.sort((a, b) => a - b);
  // Nearest rank: the smallest time that at least this share of the hits did not exceed.
  const at = (share: number) => times[Math.ceil(share * times.length) - 1]!;
  return { ...total, confirmationMs: { median: at(0.5), p95: at(0.95), max: at(1) } };
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  return [...Map.groupBy(items, keyOf).values()];
}
