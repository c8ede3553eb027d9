/** Tables of what is published; the SQL is in database/migrations/0009-overlay-publications.ts. */

/** One row a collection. */
export interface OverlayPublicationsTable {
  collection: string;
  /** Of the head. */
  sequence: number;
  /** The overlay has every operation up to this one. */
  last_operation: number;
  /** In milliseconds since 1970. */
  published_at: number;
}

export interface OverlayTables {
  overlay_publications: OverlayPublicationsTable;
}
