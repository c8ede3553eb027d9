/**
 * Taking events: each request once, in whatever order and however often it is delivered.
 *
 *     known already? > number > chain of the tenant > tags > counters > matches
 *
 * All of a batch in one transaction. Its first statement takes the one row of check_event_state, so
 * that batches stand in a row on either database: numbers have no gaps, and no reader sees a later
 * event before an earlier one. Training never reaches tags, counters or operations.
 */

import { createHash } from 'node:crypto';
import { setImmediate as letOthers } from 'node:timers/promises';
import type { Insertable, Transaction } from 'kysely';
import { type CheckEvent, FIRST_ROUTE } from '../../src/format/check-event.ts';
import type { CentralDatabase, CentralSchema } from '../database/schema.ts';
import { operationFinder } from '../joint-operations/find-operation.ts';
import { countSearches } from './counters.ts';
import { recordMatches } from './matches.ts';
import type { CheckEventsTable } from './tables.ts';
import { keepTags } from './tags.ts';
import type { TakenEvent } from './taken-event.ts';

/** Events and documents of one transaction at most. */
export interface BatchLimits {
  eventsMax: number;
  documentsMax: number;
}

/**
 * Where a service answers beside: on SQLite a question about a candidate waits for the transaction,
 * so that one has to end within some 10 milliseconds. A larger event goes alone.
 */
export const LIVE_BATCH: BatchLimits = { eventsMax: 64, documentsMax: 2_000 };
/** The chain of a tenant begins with this in the place of a hash. */
export const CHAIN_START = Buffer.alloc(32).toString('base64url');
/** Purposes that leave a trace in the chain and nowhere else. */
export const NOT_LIVE = ['training', 'test'];

/** Take events, a batch a transaction; those that were not known already. */
export async function takeEvents(
  db: CentralDatabase,
  events: readonly CheckEvent[],
  { nowMs, limits = LIVE_BATCH }: { nowMs: number; limits?: BatchLimits },
): Promise<Set<CheckEvent>> {
  const taken = new Set<CheckEvent>();
  for (let first = 0; first < events.length; ) {
    const batch = events.slice(first, first + batchLength(events.slice(first), limits));
    first += batch.length;
    const fresh = await db.transaction().execute((trx) => takeBatch(trx, batch, nowMs));
    for (const event of fresh) taken.add(event);
    // On SQLite nothing else would come to its turn between two batches.
    await letOthers();
  }
  return taken;
}

/** How many of the events, from the first on, make one batch; at least one. */
export function batchLength(
  events: readonly CheckEvent[],
  { eventsMax, documentsMax }: BatchLimits,
): number {
  let documents = 0;
  for (let i = 0; i < Math.min(events.length, eventsMax); i++) {
    documents += events[i]!.answers.length;
    if (i > 0 && documents > documentsMax) return i;
  }
  return Math.min(events.length, eventsMax);
}

async function takeBatch(
  trx: Transaction<CentralSchema>,
  batch: readonly CheckEvent[],
  nowMs: number,
): Promise<readonly CheckEvent[]> {
  const { last_number: lastNumber } = await trx
    .updateTable('check_event_state')
    .set((eb) => ({ last_number: eb.ref('last_number') }))
    .returning('last_number')
    .executeTakeFirstOrThrow();
  const fresh = await withoutKnown(trx, batch);
  if (fresh.length === 0) return fresh;
  const live = fresh.filter(isLive);
  const operationOf = await operationFinder(trx, live);
  let number = lastNumber;
  const taken = fresh.map((event): TakenEvent => {
    const operationId = isLive(event) ? operationOf(event) : undefined;
    return { event, number: ++number, at: Date.parse(event.time), operationId };
  });
  await link(trx, taken);
  const takenLive = taken.filter(({ event }) => isLive(event));
  const takenFirst = takenLive.filter(({ event }) => event.route === FIRST_ROUTE);
  // Also of a candidate that was cleared when it was asked about again.
  await keepTags(trx, takenLive, nowMs);
  await countSearches(trx, takenFirst);
  await recordMatches(trx, takenLive);
  await trx.updateTable('check_event_state').set({ last_number: number }).execute();
  return fresh;
}

const isLive = ({ purpose }: CheckEvent): boolean =>
  purpose === undefined || !NOT_LIVE.includes(purpose);

async function withoutKnown(
  trx: Transaction<CentralSchema>,
  batch: readonly CheckEvent[],
): Promise<CheckEvent[]> {
  const byId = new Map(batch.map((event) => [event.requestId, event]));
  const known = await trx
    .selectFrom('check_events')
    .select('request_id')
    .where('request_id', 'in', [...byId.keys()])
    .execute();
  for (const { request_id: id } of known) byId.delete(id);
  return [...byId.values()];
}

/** Writes the events, each as the next link of its tenant's chain. */
async function link(trx: Transaction<CentralSchema>, taken: readonly TakenEvent[]): Promise<void> {
  const tenants = [...new Set(taken.map(({ event }) => event.tenant))];
  const rows = await trx
    .selectFrom('audit_chains')
    .selectAll()
    .where('tenant', 'in', tenants)
    .execute();
  const chains = new Map(rows.map((row) => [row.tenant, row]));
  const links = taken.map(({ event, number, at, operationId }) => {
    const { tags, ...rest } = event;
    const entry = JSON.stringify(rest);
    const before = chains.get(event.tenant);
    const tenantNumber = (before?.last_number ?? 0) + 1;
    const hash = linkHash(before?.last_hash ?? CHAIN_START, entry);
    chains.set(event.tenant, {
      tenant: event.tenant,
      last_number: tenantNumber,
      last_hash: hash,
    });
    return {
      ...{ number, request_id: event.requestId, tenant: event.tenant, at, entry, hash },
      tenant_number: tenantNumber,
      as_of: event.asOf === undefined ? null : Date.parse(event.asOf),
      operation_id: operationId ?? null,
    } satisfies Insertable<CheckEventsTable>;
  });
  await trx.insertInto('check_events').values(links).execute();
  await trx
    .insertInto('audit_chains')
    .values([...chains.values()])
    .onConflict((conflict) =>
      conflict.column('tenant').doUpdateSet((eb) => ({
        last_number: eb.ref('excluded.last_number'),
        last_hash: eb.ref('excluded.last_hash'),
      })),
    )
    .execute();
}

/** The hash of a link: SHA-256 over the hash before it and its entry, base64url. */
export function linkHash(before: string, entry: string): string {
  return createHash('sha256')
    .update(Buffer.from(before, 'base64url'))
    .update(entry)
    .digest('base64url');
}
