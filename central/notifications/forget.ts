/**
 * Forgetting: a notification goes after 30 days, with its deliveries, dead letters included.
 *
 * What is still on its way stays; it comes to an end within a day. What waits for an endpoint that is switched
 * off is on no way.
 */

import type { CentralDatabase } from '../database/schema.ts';

const KEPT_MS = 30 * 24 * 3_600_000;

/** Delete what is over its time; how many notifications. */
export async function forgetNotifications(db: CentralDatabase, nowMs: number): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('notifications')
    .where('created_at', '<', nowMs - KEPT_MS)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('deliveries')
            .innerJoin('endpoints', 'endpoints.id', 'deliveries.endpoint_id')
            .select('deliveries.id')
            .whereRef('deliveries.notification_id', '=', 'notifications.id')
            .where('deliveries.state', '=', 'pending')
            .where('endpoints.disabled_at', 'is', null),
        ),
      ),
    )
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}
