/** Tables of retro-match, as Kysely sees them; the SQL is in migrations 0006 and 0014. */

/** A document that was let pass before its report was known there. */
export interface RetroMatchesTable {
  /** Opaque. */
  id: string;
  record_id: string;
  /** Issuing state of the record. */
  state: string;
  /** The check: event, and place of the document in it. */
  event_number: number;
  place: number;
  /** Who checked, and where. */
  tenant: string;
  /** Bureau of that agency; null if it has none. */
  bureau: string | null;
  site: string;
  checked_at: number;
  direction: string | null;
  /** What was answered. */
  answer: 'clear' | 'unknown';
  reported_at: number;
  found_at: number;
}

/** A record that a load has listed, while it is still compared: see loaded-reports.ts. */
export interface LoadedReportsTable {
  record_id: string;
  /** When central took it. */
  at: number;
  /** When it is compared next. */
  due_at: number;
}

export interface RetroMatchTables {
  retro_matches: RetroMatchesTable;
  loaded_reports: LoadedReportsTable;
}
