/** Table of declared crossings, as Kysely sees it; the SQL is in migration 0006. */

export interface DeclaredCrossingsTable {
  tenant: string;
  site: string;
  /** Days since 1970. */
  day: number;
  direction: string;
  crossings: number;
  declared_at: number;
}

export interface CoverageTables {
  declared_crossings: DeclaredCrossingsTable;
}
