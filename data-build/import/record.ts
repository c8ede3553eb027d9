/**
 * One accepted record of an export, as every profile delivers it.
 *
 * The build needs only state, classes, number and category; central keeps the rest. No profile reads
 * a holder's name, so there is no field for one. A text that a profile could not read is left out
 * rather than guessed, and never costs the record its place in the list.
 */

import type { DocumentClass } from '../../src/document/document-class.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import type { Category } from '../../src/format/category.ts';
import type { NoticeColor } from '../../src/format/notice.ts';

/** One document of the list; a row with a range of numbers becomes one record a number. */
export interface ImportedRecord {
  state: StateCode;
  /** Document type code as in the export, if it has one. */
  typeCode?: string;
  /** Every class under which the document is indexed; at least one. */
  classes: readonly DocumentClass[];
  /** Canonical, 1 to 32 characters A-Z 0-9. */
  number: string;
  /** As the export spells it; for a range the canonical number. */
  numberAsReported: string;
  category: Category;
  /** Dates are YYYY-MM-DD. */
  dateOfTheft?: string;
  placeOfTheft?: string;
  countryOfTheft?: string;
  dateOfIssue?: string;
  dateOfExpiry?: string;
  nationalReference?: string;
  /** Of the notice that the document belongs to. */
  noticeColor?: NoticeColor;
  /** The National Central Bureau that owns the record. */
  ncb?: string;
  /** ISO 8601, date or date and time. */
  reportedAt?: string;
  /** Canonical ends of the range of blanks that the number is from, both inside it. */
  blankRange?: { from: string; to: string };
  /** Line of the export on which the row begins, from 1; for Parquet the row. */
  line: number;
}
