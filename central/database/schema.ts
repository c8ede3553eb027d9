/**
 * Tables of central, as Kysely sees them; the SQL is in migrations.ts.
 *
 * A record has no holder's name: there is no column for one. Dates of the record itself are text as
 * reported (YYYY-MM-DD); times that central sets are milliseconds since 1970.
 */

import type { Kysely, Selectable } from 'kysely';
import type { Category } from '../../src/format/category.ts';

/** One report of one document; a row is never deleted, it is withdrawn. */
export interface RecordsTable {
  /** Opaque and stable over loads: load.ts says how it is made. */
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
  owner_ncb: string | null;
  /** ISO 8601, as reported. */
  reported_at: string | null;
  /** Canonical ends of the range of blanks that the number is from. */
  blank_from: string | null;
  blank_to: string | null;
  /** Day by which the owner has to look at the record again; null while none is set. */
  review_date: string | null;
  /** When central last changed the row. */
  updated_at: number;
  /** When central first loaded a list without the record; null while it is listed. */
  withdrawn_at: number | null;
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
  /** Secret from which record ids are made, base64url of 16 bytes. */
  identity_key: string;
}

/** Ids that the load in progress has seen; a temporary table of its transaction. */
export interface LoadedIdsTable {
  id: string;
}

export interface CentralSchema {
  records: RecordsTable;
  record_keys: RecordKeysTable;
  data_state: DataStateTable;
  loaded_ids: LoadedIdsTable;
}

/** The database of central, on SQLite or PostgreSQL. */
export type CentralDatabase = Kysely<CentralSchema>;
export type RecordRow = Selectable<RecordsTable>;
