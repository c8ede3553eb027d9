/**
 * What each side sees of a case and of what happened in it.
 *
 *                                   post   asking   issuing   audit
 *     states, times, record's id     x       x        x         x
 *     agency and post                x       x        x         x
 *     desk of a sighting             x       x
 *     text and attachments           x       x        x
 *     name of who acted              only where it was the viewer's own tenant
 *
 * A name of a person never leaves its agency; the issuing bureau learns at which post, not at which
 * desk. docs/api.md, "Cases".
 */

import type { Selectable } from 'kysely';
import type { Caller } from '../http/caller.ts';
import { isoTime } from '../http/iso-time.ts';
import type { CaseRow } from './case-event.ts';
import { type CaseOwners, type Party, type Viewer, viewersOf } from './parties.ts';
import type { CaseEventsTable, EventKind } from './tables.ts';
import { movesFrom } from './transitions.ts';

/** Members of an event's data, by kind, and who sees each; what is not named here nobody sees. */
const EVERYONE: readonly Viewer[] = ['post', 'asking', 'issuing', 'audit'];
const PARTIES: readonly Viewer[] = ['post', 'asking', 'issuing'];
const ASKING_SIDE: readonly Viewer[] = ['post', 'asking'];

const SIGHTING = {
  seenAt: EVERYONE,
  post: EVERYONE,
  site: ASKING_SIDE,
  purpose: EVERYONE,
  direction: EVERYONE,
};

const VISIBLE: Record<EventKind, Record<string, readonly Viewer[]>> = {
  opened: SIGHTING,
  sighting: SIGHTING,
  state: { from: EVERYONE, to: EVERYONE, outcome: EVERYONE, reason: PARTIES },
  message: { text: PARTIES, attachments: PARTIES },
  attachment: { id: PARTIES, mediaType: PARTIES, sizeBytes: PARTIES },
  escalated: { party: EVERYONE, level: EVERYONE, isLast: EVERYONE },
};

/** The case as this caller sees it; undefined if the caller has no part in it. */
export function caseView(row: CaseRow, caller: Caller) {
  const viewers = viewersOf(caller, row);
  if (viewers.length === 0) return undefined;
  const parties = viewers.filter((viewer): viewer is Party => viewer !== 'audit');
  return {
    id: row.id,
    version: row.version,
    state: row.state,
    stateSince: isoTime(row.state_since),
    ...(row.outcome === null ? {} : { outcome: row.outcome }),
    ...(row.due_at === null ? {} : { dueAt: isoTime(row.due_at) }),
    escalationCount: row.escalation_count,
    openedAt: isoTime(row.opened_at),
    ...(row.closed_at === null ? {} : { closedAt: isoTime(row.closed_at) }),
    record: { id: row.record_id, category: row.category, issuingState: row.issuing_state },
    issuingNcb: row.issuing_ncb,
    askingTenant: row.asking_tenant,
    post: row.post,
    ...(row.asking_ncb === null ? {} : { askingNcb: row.asking_ncb }),
    you: viewers,
    moves: movesFrom(row.state, parties),
  };
}

/** The event as this caller sees it, who must have a part in the case. */
export function eventView(
  row: Selectable<CaseEventsTable>,
  { caller, owners }: { caller: Caller; owners: CaseOwners },
) {
  const viewers = viewersOf(caller, owners);
  const visible = VISIBLE[row.kind];
  const data = Object.entries(JSON.parse(row.data) as Record<string, unknown>).filter(([name]) =>
    visible[name]?.some((viewer) => viewers.includes(viewer)),
  );
  return {
    version: row.version,
    at: isoTime(row.at),
    kind: row.kind,
    ...(row.by_tenant === null ? {} : { byTenant: row.by_tenant }),
    ...(row.by_tenant === caller.tenant && row.by_subject !== null
      ? { bySubject: row.by_subject }
      : {}),
    ...Object.fromEntries(data),
  };
}
