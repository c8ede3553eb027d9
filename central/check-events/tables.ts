/**
 * Tables of check events, as Kysely sees them; the SQL is in migration 0006.
 *
 * Times are milliseconds since 1970, days are counted from 1970-01-01 UTC.
 */

/** One request of the edge, in the order in which central took it. */
export interface CheckEventsTable {
  /** Counts from 1, without gaps. */
  number: number;
  request_id: string;
  tenant: string;
  /** Place in the tenant's chain, from 1. */
  tenant_number: number;
  at: number;
  /** Of the list that was answered from; null if there was none. */
  as_of: number | null;
  /** The joint operation that it counts for; null for none. */
  operation_id: string | null;
  /** The event as JSON, without its tags: what the chain is over. */
  entry: string;
  /** SHA-256 of the hash before and this entry, base64url. */
  hash: string;
}

/** One row. */
export interface CheckEventStateTable {
  id: 1;
  /** Of check_events. */
  last_number: number;
  /** Events up to here were compared with the reports before them. */
  matched_number: number;
  /** Operations up to here were compared with the events before them. */
  matched_operation: number;
}

/** A document that was let pass, by its tag. */
export interface CheckTagsTable {
  day: number;
  /** Eight bytes as a signed integer. */
  tag: bigint;
  /** Number of the event and place of the document in it: see reference.ts. */
  reference: number;
}

/** The same, in the order in which they came; moved to check_tags many at a time. */
export type StagedTagsTable = CheckTagsTable;

/** Documents asked about in an hour at a post, going one way, for one operation. */
export interface CheckCountersTable {
  tenant: string;
  site: string;
  /** Start of the hour. */
  hour: number;
  /** '' if none was said. */
  direction: string;
  /** '' for none. */
  operation_id: string;
  searches: number;
  clears: number;
  unknowns: number;
  invalids: number;
}

/** A document that the edge matched: a candidate, and what became of it. */
export interface CheckMatchesTable {
  /** Of the first question about it. */
  request_id: string;
  place: number;
  tenant: string;
  site: string;
  operation_id: string | null;
  at: number;
  /** 1 once the first question itself is here. */
  is_first: 0 | 1;
  /** One of OUTCOME. */
  outcome: number;
  confirmed_after_ms: number | null;
  /** Null without a tag, and once the tags of the day are over. */
  tag_day: number | null;
  /** Decimal. */
  tag: string | null;
  /** Null while it is not known. */
  is_on_own_list: 0 | 1 | null;
}

/** Last link of each tenant's chain. */
export interface AuditChainsTable {
  tenant: string;
  last_number: number;
  last_hash: string;
}

/** A link that central has signed. */
export interface AuditCheckpointsTable {
  tenant: string;
  tenant_number: number;
  jws: string;
}

export interface CheckEventTables {
  check_events: CheckEventsTable;
  check_event_state: CheckEventStateTable;
  check_tags: CheckTagsTable;
  staged_tags: StagedTagsTable;
  check_counters: CheckCountersTable;
  check_matches: CheckMatchesTable;
  audit_chains: AuditChainsTable;
  audit_checkpoints: AuditCheckpointsTable;
}

/** What became of a match; the higher one stands. */
export const OUTCOME = { candidate: 0, cleared: 1, hit: 2 } as const;
