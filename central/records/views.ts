/**
 * What a caller may see of a record.
 *
 * Everyone may know that a document is listed. Beyond that each role sees what its work needs: the
 * officer whom to call and what to quote, a carrier next to nothing, the bureau that owns the record
 * all of it. docs/api.md, "Central", has the table in words.
 */

import type { RecordView } from '../../src/format/confirmation.ts';
import type { Role } from '../../src/format/role.ts';
import type { Caller } from '../http/caller.ts';
import { isoTime } from '../http/iso-time.ts';
import { blankRangeOf } from './record-row.ts';
import type { RecordRow } from './tables.ts';

/** How much a caller sees, from least to most. */
export type ViewLevel = 'minimal' | 'audit' | 'operational' | 'full';

/** By role: records that other bureaus own, and those of the caller's own. */
const LEVELS: Record<Role, { others: ViewLevel; own: ViewLevel }> = {
  carrier: { others: 'minimal', own: 'minimal' },
  integrator: { others: 'minimal', own: 'minimal' },
  auditor: { others: 'audit', own: 'audit' },
  'data-operator': { others: 'audit', own: 'full' },
  officer: { others: 'operational', own: 'operational' },
  ncb: { others: 'operational', own: 'full' },
};

/** Stands for the id where the caller may not open the record, so that answers cannot be linked. */
const ID_WITHHELD = '-';

/** How much this caller sees of records of this owner (owners.ts). */
function viewLevel(caller: Caller, owner: string): ViewLevel {
  return LEVELS[caller.role][caller.tenant === owner ? 'own' : 'others'];
}

/** True if the role may open no record at all, whatever the state. */
export function opensNoRecord(role: Role): boolean {
  return LEVELS[role].own === 'minimal';
}

/** The record in a signed confirmation. */
export function confirmationView(row: RecordRow, caller: Caller, owner: string): RecordView {
  const level = viewLevel(caller, owner);
  // A challenge is told to everyone: it is in favor of whoever stands at the desk.
  const challenged = row.open_challenge_count > 0 ? true : undefined;
  if (level === 'minimal') return { id: ID_WITHHELD, category: row.category, challenged };
  const typeCode = fitting(row.type_code, 8);
  const ncb = fitting(row.owner_ncb, 64) ?? owner;
  if (level === 'audit') return { id: row.id, category: row.category, typeCode, ncb, challenged };
  return {
    id: row.id,
    category: row.category,
    typeCode,
    dateOfTheft: fitting(row.date_of_theft, 10),
    nationalReference: fitting(row.national_reference, 64),
    noticeColor: row.notice_color ?? undefined,
    ncb,
    challenged,
  };
}

/** A record opened by its id. Fields that the level does not show are undefined, and so not sent. */
export interface RecordDetails {
  id: string;
  status: 'listed' | 'withdrawn';
  issuingState: string;
  ncb: string;
  /** The record that took its place when it was corrected. */
  replacedBy?: string;
  /** Another bureau disputes it, and its owner has not answered yet. */
  challenged?: true;
  category?: string;
  typeCode?: string;
  dateOfTheft?: string;
  nationalReference?: string;
  noticeColor?: string;
  reportedAt?: string;
  updatedAt?: string;
  withdrawnAt?: string;
  documentNumber?: string;
  placeOfTheft?: string;
  countryOfTheft?: string;
  dateOfIssue?: string;
  dateOfExpiry?: string;
  reviewDate?: string;
  /** For If-Match. */
  version?: number;
  blankRange?: { from: string; to: string };
}

/** The record behind `GET /v1/records/:id`; undefined if the caller may not open it. */
export function recordDetails(
  row: RecordRow,
  caller: Caller,
  owner: string,
): RecordDetails | undefined {
  const level = viewLevel(caller, owner);
  if (level === 'minimal') return undefined;
  const isWithdrawn = row.withdrawn_at !== null;
  const details: RecordDetails = {
    id: row.id,
    status: isWithdrawn ? 'withdrawn' : 'listed',
    issuingState: row.state,
    ncb: row.owner_ncb ?? owner,
    replacedBy: row.replaced_by ?? undefined,
    challenged: row.open_challenge_count > 0 ? true : undefined,
  };
  // What was said of a document that is no longer listed is its owner's business, and the auditor's.
  if (level === 'operational' && isWithdrawn) return details;
  details.category = row.category;
  details.typeCode = row.type_code ?? undefined;
  if (level !== 'operational') {
    details.reportedAt = row.reported_at ?? undefined;
    details.updatedAt = isoTime(row.updated_at);
    details.withdrawnAt = row.withdrawn_at === null ? undefined : isoTime(row.withdrawn_at);
  }
  if (level === 'audit') return details;
  details.dateOfTheft = row.date_of_theft ?? undefined;
  details.nationalReference = row.national_reference ?? undefined;
  details.noticeColor = row.notice_color ?? undefined;
  return level === 'full' ? { ...details, ...ownersFields(row) } : details;
}

/** How much of a record's history the caller sees: all, without its values, or nothing. */
export function historyLevel(caller: Caller, owner: string): 'full' | 'audit' | undefined {
  const level = viewLevel(caller, owner);
  return level === 'full' || level === 'audit' ? level : undefined;
}

function ownersFields(row: RecordRow): Partial<RecordDetails> {
  return {
    documentNumber: row.number_as_reported,
    placeOfTheft: row.place_of_theft ?? undefined,
    countryOfTheft: row.country_of_theft ?? undefined,
    dateOfIssue: row.date_of_issue ?? undefined,
    dateOfExpiry: row.date_of_expiry ?? undefined,
    reviewDate: row.review_date ?? undefined,
    version: row.version,
    blankRange: blankRangeOf(row),
  };
}

/**
 * A text of the export if the confirmation can carry it. One that is too long is left out, not cut:
 * half a reference is a wrong one, and the edge would refuse the whole answer for a long one.
 */
function fitting(text: string | null, lengthMax: number): string | undefined {
  return text !== null && text !== '' && text.length <= lengthMax ? text : undefined;
}
