/** Counters by post, hour, direction and joint operation, added to as events are taken. */

import type { Transaction } from 'kysely';
import type { CentralSchema } from '../database/schema.ts';
import type { CheckCountersTable } from './tables.ts';
import type { TakenEvent } from './taken-event.ts';

const HOUR_MS = 3_600_000;

/** Adds the documents of first questions to the counters. */
export async function countSearches(
  trx: Transaction<CentralSchema>,
  taken: readonly TakenEvent[],
): Promise<void> {
  const rows = new Map<string, CheckCountersTable>();
  for (const { event, at, operationId = '' } of taken) {
    const { tenant, site, direction = '', answers } = event;
    const hour = at - (at % HOUR_MS);
    const key = JSON.stringify([tenant, site, hour, direction, operationId]);
    const row = rows.get(key) ?? {
      ...{ tenant, site, hour, direction, operation_id: operationId },
      ...{ searches: 0, clears: 0, unknowns: 0, invalids: 0 },
    };
    row.searches += answers.length;
    for (const letter of answers) {
      if (letter === 'c') row.clears++;
      else if (letter === 'u') row.unknowns++;
      else if (letter === 'i') row.invalids++;
    }
    rows.set(key, row);
  }
  if (rows.size === 0) return;
  await trx
    .insertInto('check_counters')
    .values([...rows.values()])
    .onConflict((conflict) =>
      conflict
        .columns(['tenant', 'site', 'hour', 'direction', 'operation_id'])
        .doUpdateSet((eb) => ({
          searches: eb('check_counters.searches', '+', eb.ref('excluded.searches')),
          clears: eb('check_counters.clears', '+', eb.ref('excluded.clears')),
          unknowns: eb('check_counters.unknowns', '+', eb.ref('excluded.unknowns')),
          invalids: eb('check_counters.invalids', '+', eb.ref('excluded.invalids')),
        })),
    )
    .execute();
}
