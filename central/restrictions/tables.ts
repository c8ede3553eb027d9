/** Tables of restrictions, as Kysely sees them; the SQL is in migration 0011. */

/** A state that sees nothing of another's records. */
export interface RestrictionsTable {
  /** Issuing state. */
  source: string;
  excluded: string;
}

/** The whole story of a state's restrictions; rows are added and never changed. */
export interface RestrictionChangesTable {
  /** Issuing state. */
  state: string;
  /** Counts from 1 within the state, without gaps. */
  version: number;
  at: number;
  /** Who of the bureau. */
  subject: string;
  reason: string;
  /** JSON: all excluded states from then on. */
  excluded: string;
}

export interface RestrictionTables {
  restrictions: RestrictionsTable;
  restriction_changes: RestrictionChangesTable;
}
