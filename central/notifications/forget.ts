/**
 * Forgetting: a notification goes after 30 days, with its deliveries, dead letters included.
 *
 * What is still on its way stays; it comes to an end within a day.
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
            .select('deliveries.id')
            .whereRef('deliveries.notification_id', '=', 'notifications.id')
            .where('deliveries.state', '=', 'pending'),
        ),
      ),
    )
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}
