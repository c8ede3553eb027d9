/**
 * Tables of hit cases, as Kysely sees them; the SQL is in migration 0003.
 *
 * Times are milliseconds since 1970. No document number stands in them: a case points at its record.
 */

import type { Insertable } from 'kysely';
import type { Category } from '../../src/format/category.ts';

/** States of a case; transitions.ts says who moves it where. */
export const CASE_STATES = [
  'opened',
  'notified',
  'acknowledged',
  'confirmed',
  'not-confirmed',
  'data-error',
  'recovered',
  'closed',
] as const;

export type CaseState = (typeof CASE_STATES)[number];

/** What became of document and traveller. */
export const CASE_OUTCOMES = ['refused', 'seized', 'released', 'referred'] as const;

export type CaseOutcome = (typeof CASE_OUTCOMES)[number];

/** A confirmed hit at a desk. */
export interface SightingsTable {
  /** Made of the question's nonce, so that a question asked twice is one sighting. */
  id: string;
  record_id: string;
  issuing_state: string;
  category: Category;
  /** Who asked, as the edge vouched for it. */
  tenant: string;
  site: string;
  subject: string;
  /** For which state; null where it was not known. */
  asking_state: string | null;
  purpose: string | null;
  direction: string | null;
  seen_at: number;
  /** Null until a case was opened for it, or joined. */
  case_id: string | null;
}

/** One that no case has taken yet. */
export type NewSighting = Omit<Insertable<SightingsTable>, 'case_id'>;

/** One document before one post, until it is over. */
export interface CasesTable {
  /** Opaque. */
  id: string;
  record_id: string;
  issuing_state: string;
  /** Category of the record when the case was opened. */
  category: Category;
  issuing_ncb: string;
  /** The agency that asked, and its post. */
  asking_tenant: string;
  post: string;
  /** Bureau of the agency's state; null where neither tenant nor token names one. */
  asking_ncb: string | null;
  /** State that the agency asked for; null where it was not known. */
  asking_state: string | null;
  state: CaseState;
  state_since: number;
  outcome: CaseOutcome | null;
  /** When the clock of the state runs out; null if none runs. */
  due_at: number | null;
  /** How often this state's clock has run out. */
  escalation_count: number;
  /** Version of the last event. */
  version: number;
  opened_at: number;
  closed_at: number | null;
  /** Notification by which the issuing bureau was told. */
  opening_notice: string;
}

/** The case that a further sighting joins. */
export interface EncountersTable {
  record_id: string;
  tenant: string;
  post: string;
  case_id: string;
  last_seen_at: number;
}

/** What can happen to a case. */
export const EVENT_KINDS = [
  'opened',
  'sighting',
  'state',
  'message',
  'attachment',
  'escalated',
] as const;

export type EventKind = (typeof EVENT_KINDS)[number];

/** The whole story of a case; rows are added and never changed. */
export interface CaseEventsTable {
  case_id: string;
  /** Counts from 1 within the case, without gaps. */
  version: number;
  at: number;
  kind: EventKind;
  /** Null where central itself did it. */
  by_tenant: string | null;
  by_subject: string | null;
  /** JSON, by kind; views.ts says who sees what of it. */
  data: string;
  /** Idempotency-Key of the request with its tenant; null without one. */
  request_key: string | null;
}

/** A file beside the database. */
export interface AttachmentsTable {
  /** Opaque, and the name of the file. */
  id: string;
  case_id: string;
  tenant: string;
  media_type: string;
  size_bytes: number;
  /** Hexadecimal. */
  sha256: string;
  created_at: number;
}

export interface CaseTables {
  sightings: SightingsTable;
  cases: CasesTable;
  encounters: EncountersTable;
  case_events: CaseEventsTable;
  attachments: AttachmentsTable;
}
