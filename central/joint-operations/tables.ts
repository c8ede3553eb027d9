/** Tables of joint operations, as Kysely sees them; the SQL is in migrations 0005, 0013 and 0016. */

/** An operation of several states at several posts, for some days. */
export interface JointOperationsTable {
  /** Opaque; checks name it. */
  id: string;
  name: string;
  /** Who made it, and sees all of it. */
  lead_tenant: string;
  /** Codes of the states that take part, as a JSON list. */
  states: string;
  /** Milliseconds since 1970; checks from here on count, */
  starts_at: number;
  /** and before here. */
  ends_at: number;
  /** Searches that were agreed; null for no limit. */
  quota: number | null;
  created_at: number;
  /** Counts changes from 1. */
  version: number;
}

export interface JointOperationPostsTable {
  operation_id: string;
  tenant: string;
  site: string;
}

/** Why a check that names an operation does not count for it. */
export type StrayReason = 'unknown' | 'outside-dates' | 'not-a-post';

export interface JointOperationStraysTable {
  /** As named by the check. */
  operation_id: string;
  reason: StrayReason;
  tenant: string;
  site: string;
  searches: number;
}

/** Who has the token may look at the page, until it expires. */
export interface JointOperationLinksTable {
  token_sha256: string;
  operation_id: string;
  /** As whom: what is shown depends on it. */
  tenant: string;
  expires_at: number;
}

export interface OwnListsTable {
  tenant: string;
  /** The list in force. */
  list_id: string;
  loaded_at: number;
  name_count: number;
}

/** A document on an agency's own list: issuing state and number, as in a canonical key. */
export interface OwnListNamesTable {
  list_id: string;
  name: string;
}

/** Every list that has names: in force, under way, or left over. */
export interface OwnListUploadsTable {
  list_id: string;
  /** Milliseconds since 1970. */
  started_at: number;
}

export interface JointOperationTables {
  joint_operations: JointOperationsTable;
  joint_operation_posts: JointOperationPostsTable;
  joint_operation_strays: JointOperationStraysTable;
  joint_operation_links: JointOperationLinksTable;
  own_lists: OwnListsTable;
  own_list_names: OwnListNamesTable;
  own_list_uploads: OwnListUploadsTable;
}
