/**
 * Which joint operation a check counts for: the one that it names, if it is of that operation.
 *
 * It is, if there is one of that id, the check was made within its dates, and the site is one of its
 * posts: a post that is named without a desk stands for all its desks. Else it counts for none, and is counted as stray with the reason, so that a post with a
 * wrong setting is seen on the first day.
 */

import type { Transaction } from 'kysely';
import type { CheckEvent } from '../../src/format/check-event.ts';
import { FIRST_ROUTE } from '../../src/format/check-event.ts';
import { postOf } from '../cases/parties.ts';
import type { CentralSchema } from '../database/schema.ts';
import type { StrayReason } from './tables.ts';

/** A function that tells the operation of each of these events; writes down the strays among them. */
export async function operationFinder(
  trx: Transaction<CentralSchema>,
  events: readonly CheckEvent[],
): Promise<(event: CheckEvent) => string | undefined> {
  const named = events.filter(({ operation }) => operation !== undefined);
  if (named.length === 0) return () => undefined;
  const ids = [...new Set(named.map(({ operation }) => operation!))];
  const operations = await trx
    .selectFrom('joint_operations')
    .select(['id', 'starts_at', 'ends_at'])
    .where('id', 'in', ids)
    .execute();
  const posts = await trx
    .selectFrom('joint_operation_posts')
    .selectAll()
    .where('operation_id', 'in', ids)
    .where('tenant', 'in', [...new Set(named.map(({ tenant }) => tenant))])
    .execute();
  const datesOf = new Map(operations.map((operation) => [operation.id, operation]));
  const members = new Set(posts.map((post) => memberKey(post.operation_id, post)));
  const reasonOf = (event: CheckEvent): StrayReason | undefined => {
    const dates = datesOf.get(event.operation!);
    // Of a candidate asked about again, the time of the first question counts.
    const at = Date.parse(event.first?.time ?? event.time);
    if (!dates) return 'unknown';
    if (at < dates.starts_at || at >= dates.ends_at) return 'outside-dates';
    const { tenant, site } = event;
    const isMember = [site, postOf(site)].some((each) =>
      members.has(memberKey(dates.id, { tenant, site: each })),
    );
    return isMember ? undefined : 'not-a-post';
  };
  for (const event of named) {
    const reason = reasonOf(event);
    if (reason !== undefined && event.route === FIRST_ROUTE) await countStray(trx, event, reason);
  }
  return (event) =>
    event.operation !== undefined && reasonOf(event) === undefined ? event.operation : undefined;
}

const memberKey = (operationId: string, { tenant, site }: { tenant: string; site: string }) =>
  JSON.stringify([operationId, tenant, site]);

async function countStray(
  trx: Transaction<CentralSchema>,
  { operation, tenant, site, answers }: CheckEvent,
  reason: StrayReason,
): Promise<void> {
  const searches = answers.length;
  await trx
    .insertInto('joint_operation_strays')
    .values({ operation_id: operation!, reason, tenant, site, searches })
    .onConflict((conflict) =>
      conflict.columns(['operation_id', 'reason', 'tenant', 'site']).doUpdateSet((eb) => ({
        searches: eb('joint_operation_strays.searches', '+', eb.ref('excluded.searches')),
      })),
    )
    .execute();
}
