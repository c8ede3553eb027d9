/**
 * Tables of Quick Check Cards, as Kysely sees them; the SQL is in migration 0008.
 *
 * Times are milliseconds since 1970. A version's content is written once; what is decided about it
 * later stands in columns of its own.
 */

import type { DocumentClass } from '../../src/document/document-class.ts';

/** One card: advice on one kind of document of one state. */
export interface CardsTable {
  /** Opaque; the same after export and import. */
  id: string;
  /** Issuing state, whose bureau alone writes the card. */
  state: string;
  document_class: DocumentClass;
  created_at: number;
  /** Highest version there is. */
  last_version: number;
  /** What readers see; null while nothing is published. */
  published_version: number | null;
}

/** What a card says, or is proposed to say. */
export interface CardVersionsTable {
  card_id: string;
  /** Counts from 1. */
  version: number;
  /** JSON: CardContent. */
  content: string;
  author: string;
  proposed_at: number;
  /** Another person than the author; null while it is proposed. */
  approver: string | null;
  approved_at: number | null;
  /** Who took it away from readers; null if nobody did. */
  withdrawn_by: string | null;
  withdrawn_at: number | null;
  withdrawal_reason: string | null;
}

/** An image that a state's cards may show: an object of the store, by its SHA-256. */
export interface CardImagesTable {
  state: string;
  /** Hexadecimal. */
  sha256: string;
  media_type: string;
  size_bytes: number;
  created_at: number;
}

export interface CardTables {
  cards: CardsTable;
  card_versions: CardVersionsTable;
  card_images: CardImagesTable;
}
