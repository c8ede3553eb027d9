/**
 * Telling of retro-matches: the agency of the post, its bureau, the bureau of the issuing state.
 *
 * One notice for each record and post, with all checks that were found at once; each of the three
 * gets it once, also where two of them are the same.
 */

import type { Transaction } from 'kysely';
import type { CentralSchema } from '../database/schema.ts';
import { bureauOf } from '../http/caller.ts';
import { isoTime } from '../http/iso-time.ts';
import { notify } from '../notifications/notify.ts';
import type { RetroMatchesTable } from './tables.ts';

/** Writes the notices into the transaction of the matches. */
export async function tellMatches(
  trx: Transaction<CentralSchema>,
  matches: readonly RetroMatchesTable[],
  nowMs: number,
): Promise<void> {
  const keyOf = ({ record_id: record, tenant, site }: RetroMatchesTable) =>
    JSON.stringify([record, tenant, site]);
  for (const group of Map.groupBy(matches, keyOf).values()) {
    const [{ record_id: recordId, state, tenant, bureau, site, reported_at: reportedAt }] =
      group as [RetroMatchesTable];
    const payload = {
      recordId,
      issuingState: state,
      tenant,
      site,
      reportedAt: isoTime(reportedAt),
      checks: group.map((match) => ({
        retroMatchId: match.id,
        checkedAt: isoTime(match.checked_at),
        ...(match.direction === null ? {} : { direction: match.direction }),
        answered: match.answer,
      })),
    };
    for (const told of new Set([tenant, bureau ?? tenant, bureauOf(state)])) {
      await notify(trx, { tenant: told, type: 'retro-match.found', payload, nowMs });
    }
  }
}
