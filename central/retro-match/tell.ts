/**
 * Telling of retro-matches: the agency of the post, its bureau, the bureau that owns the record.
 *
 * One notice for each record and site, with all checks that were found at once; each of the three
 * gets it once, also where two of them are the same. The issuing bureau, like in a case, learns the
 * post and not the desk: its notice is for the post.
 */

import type { Transaction } from 'kysely';
import { postOf } from '../cases/parties.ts';
import type { CentralSchema } from '../database/schema.ts';
import { isoTime } from '../http/iso-time.ts';
import { notify } from '../notifications/notify.ts';
import { ownerOf } from '../records/owners.ts';
import { ownCollection } from '../training/database.ts';
import type { RetroMatchesTable } from './tables.ts';

/** Writes the notices into the transaction of the matches. */
export async function tellMatches(
  trx: Transaction<CentralSchema>,
  matches: readonly RetroMatchesTable[],
  nowMs: number,
): Promise<void> {
  const tell = async (
    tenant: string,
    where: { post: string; site?: string },
    group: readonly RetroMatchesTable[],
  ) => {
    const payload = payloadOf(where, group);
    await notify(trx, { tenant, type: 'retro-match.found', payload, nowMs });
  };
  for (const group of groupsBy(matches, ({ site }) => site)) {
    const [match] = group;
    const where = { post: postOf(match.site), site: match.site };
    for (const told of askingSide(match)) await tell(told, where, group);
  }
  const collection = await ownCollection(trx);
  for (const group of groupsBy(matches, ({ site }) => postOf(site))) {
    const [match] = group;
    const issuing = ownerOf(collection, match.state);
    // A bureau that is both ends has been told with the desk.
    if (!askingSide(match).has(issuing)) await tell(issuing, { post: postOf(match.site) }, group);
  }
}

/** The agency of the post and its bureau. */
const askingSide = ({ tenant, bureau }: RetroMatchesTable) => new Set([tenant, bureau ?? tenant]);

type Group = readonly [RetroMatchesTable, ...RetroMatchesTable[]];

const groupsBy = (
  matches: readonly RetroMatchesTable[],
  placeOf: (match: RetroMatchesTable) => string,
): Group[] => {
  const keyOf = (match: RetroMatchesTable) =>
    JSON.stringify([match.record_id, match.tenant, match.bureau, placeOf(match)]);
  return [...Map.groupBy(matches, keyOf).values()] as unknown as Group[];
};

const payloadOf = (
  where: { post: string; site?: string },
  group: readonly RetroMatchesTable[],
) => ({
  recordId: group[0]!.record_id,
  issuingState: group[0]!.state,
  tenant: group[0]!.tenant,
  ...where,
  reportedAt: isoTime(group[0]!.reported_at),
  checks: group.map((match) => ({
    retroMatchId: match.id,
    checkedAt: isoTime(match.checked_at),
    ...(match.direction === null ? {} : { direction: match.direction }),
    answered: match.answer,
  })),
});
