/**
 * Tables of the records and of what happens to them, as Kysely sees them.
 *
 * A record has no holder's name: there is no column for one. Dates of the record itself are text as
 * reported (YYYY-MM-DD); times that central sets are milliseconds since 1970.
 */

import type { Generated, Selectable } from 'kysely';
import type { Category } from '../../src/format/category.ts';
import type { NoticeColor } from '../../src/format/notice.ts';

/** One report of one document; a row is never deleted, it is withdrawn. */
export interface RecordsTable {
  /** Opaque and stable over loads: record-row.ts says how it is made. */
  id: string;
  /** ICAO Doc 9303-3 code of the issuing state, which alone owns the record. */
  state: string;
  type_code: string | null;
  /** Class letters of its canonical keys, in alphabetical order. */
  classes: string;
  /** Canonical number. */
  number: string;
  number_as_reported: string;
  category: Category;
  date_of_theft: string | null;
  place_of_theft: string | null;
  country_of_theft: string | null;
  date_of_issue: string | null;
  date_of_expiry: string | null;
  national_reference: string | null;
  /** Of the notice that the document belongs to. */
  notice_color: NoticeColor | null;
  owner_ncb: string | null;
  /** ISO 8601, as reported. */
  reported_at: string | null;
  /** Canonical ends of the range of blanks that the number is from. */
  blank_from: string | null;
  blank_to: string | null;
  /** Day by which the owner has to look at the record again; null where an export brought it, or listed it again. */
  review_date: string | null;
  /** When central last changed the row. */
  updated_at: number;
  /** When central first loaded a list without the record; null while it is listed. */
  withdrawn_at: number | null;
  /** 1, and one more with each change of the row. */
  version: Generated<number>;
  /** Challenges of other bureaus that the owner has not answered. */
  open_challenge_count: Generated<number>;
  /** The record that took its place when what identifies it was corrected. */
  replaced_by: Generated<string | null>;
  /** When the owner was told of the review date. */
  review_noticed_at: Generated<number | null>;
}

/** A record is found under each of its canonical keys; a key may have several records. */
export interface RecordKeysTable {
  key: string;
  record_id: string;
}

/** One row, made by the first migration. */
export interface DataStateTable {
  id: 1;
  collection: string | null;
  /** The records are complete up to here; null until the first load. */
  as_of: number | null;
  /** Digest of the export's files in hexadecimal; null if the records came from none. */
  inputs_sha256: string | null;
  /** Records listed. */
  record_count: number | null;
  /** Secret from which record ids are made: 16 random bytes in base64url. */
  identity_key: string;
}

/** One row: whoever changes records locks it. */
export interface OperationCounterTable {
  id: 1;
  /** Number of the last operation. */
  last_seq: number;
}

/** operation-log.ts. */
export interface OperationsTable {
  seq: number;
  kind: 'added' | 'withdrawn';
  key: string;
  category: Category;
  record_id: string;
  at: number;
}

/** What happened to a record; rows are only ever added. */
export interface RecordHistoryTable {
  record_id: string;
  /** 1, 2, 3 of this record. */
  number: number;
  at: number;
  action: HistoryAction;
  tenant: string;
  subject: string;
  reason: string | null;
  /** JSON: for each changed field its value before. */
  changes: string | null;
  /** 1 if the line counts among what a bureau does in 24 hours: held-bulks.ts. */
  is_counted: Generated<0 | 1>;
}

/** Whatever can happen to a record. */
export type HistoryAction =
  | 'reported'
  | 'corrected'
  | 'withdrawn'
  | 'review-noticed'
  | 'expired'
  | 'challenged'
  | 'challenge-resolved'
  | 'loaded'
  | 'loaded-again'
  | 'load-corrected'
  | 'load-withdrawn';

/** A bureau's last change of a record, until an export has confirmed it: load/keep-changes.ts. */
export interface BureauChangesTable {
  record_id: string;
  at: number;
  /** 1 if fields were corrected: an export confirms it only with these. */
  keeps_fields: 0 | 1;
  /** Time of the earliest export that agreed; null while none has. */
  confirmed_as_of: Generated<number | null>;
  /** When the bureau was told that exports say otherwise. */
  told_at: Generated<number | null>;
}

/** A bureau doubts a record of another. */
export interface RecordChallengesTable {
  /** Opaque: new-id.ts. */
  id: string;
  record_id: string;
  tenant: string;
  subject: string;
  reason: string;
  opened_at: number;
  outcome: 'record-stands' | 'record-corrected' | 'record-withdrawn' | null;
  answer: string | null;
  resolved_by: string | null;
  resolved_at: number | null;
}

/** Answers to requests with an Idempotency-Key, for 24 hours. */
export interface RepeatedRequestsTable {
  tenant: string;
  key: string;
  request_sha256: string;
  status: number;
  body: string;
  at: number;
}

/** Unusual bulks that wait for a second person of the bureau. */
export interface HeldBulksTable {
  id: string;
  tenant: string;
  subject: string;
  cause: 'many-reports' | 'many-withdrawals';
  item_count: number;
  /** JSON; null once it is decided. */
  items: string | null;
  status: 'held' | 'released' | 'refused';
  held_at: number;
  decided_by: string | null;
  decided_at: number | null;
  /** JSON of the results; null until it is released. */
  results: string | null;
}

export interface RecordTables {
  records: RecordsTable;
  record_keys: RecordKeysTable;
  data_state: DataStateTable;
  operation_counter: OperationCounterTable;
  operations: OperationsTable;
  record_history: RecordHistoryTable;
  bureau_changes: BureauChangesTable;
  record_challenges: RecordChallengesTable;
  repeated_requests: RepeatedRequestsTable;
  held_bulks: HeldBulksTable;
}

export type RecordRow = Selectable<RecordsTable>;
export type HistoryRow = Selectable<RecordHistoryTable>;
