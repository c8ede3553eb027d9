/**
 * Changes of records by the bureau of their issuing state: report, correct, withdraw.
 *
 * Nobody else may change a record, whatever role a token has. A correction of what identifies a record
 * (number, type, category, reference) makes another record of it: the old one is withdrawn and names
 * the new one, since the next export will bring the corrected one under the new one's id.
 */

import { type ErrorCode, SltdError } from '../../src/errors.ts';
import { type FieldError, FieldsError } from '../../src/fields-error.ts';
import { stateOfBureau } from '../../src/format/caller-state.ts';
import { CATEGORIES } from '../../src/format/category.ts';
import { bureauOf } from '../http/caller.ts';
import type { ChangeBatch } from './change-batch.ts';
import { findRecord } from './find-records.ts';
import { moveChallenges } from './move-challenges.ts';
import { parseCorrection, parseRecord, RECORD_FIELDS, type RecordFields } from './record-input.ts';
import {
  CORRECTABLE,
  keysOfRow,
  type ReportedRow,
  recordOfRow,
  reportedRow,
} from './record-row.ts';
import type { RecordRow } from './tables.ts';
import { oneByOne } from './turns.ts';

/** One change, as a bulk lists it. */
export type ChangeItem =
  | { action: 'report'; record: unknown }
  | { action: 'correct'; id: string; version?: number | undefined; changes: unknown }
  | { action: 'withdraw'; id: string; version?: number | undefined; reason: string }
  /** Something in a bulk that is none of these. */
  | { action: 'unreadable' };

/** What became of an item; in the order of the items. */
export type ChangeResult =
  | { status: 'reported' | 'corrected' | 'withdrawn' | 'expired'; id: string; version: number }
  | { status: 'refused'; code: ErrorCode; errors?: readonly FieldError[] };

/** Apply items one by one; one that is refused changes nothing and does not stop the others. */
export async function applyItems(
  batch: ChangeBatch,
  items: readonly ChangeItem[],
): Promise<ChangeResult[]> {
  const results: ChangeResult[] = [];
  for await (const item of oneByOne(items)) {
    try {
      results.push(await applyItem(batch, item));
    } catch (error) {
      if (!(error instanceof SltdError)) throw error;
      const errors = error instanceof FieldsError ? { errors: error.fields } : {};
      results.push({ status: 'refused', code: error.code, ...errors });
    }
  }
  return results;
}

/** Apply one item; throws what refuses it. */
export async function applyItem(batch: ChangeBatch, item: ChangeItem): Promise<ChangeResult> {
  switch (item.action) {
    case 'report':
      return reportRecord(batch, item.record);
    case 'correct':
      return correctRecord(batch, item);
    case 'withdraw':
      return withdrawRecord(batch, item);
    case 'unreadable':
      throw new SltdError('request-invalid');
  }
}

/** The record of an id if the caller's bureau owns it; throws 'not-found' or 'forbidden'. */
async function ownedRecord(batch: ChangeBatch, id: string): Promise<RecordRow> {
  const row = await findRecord(batch.transaction, id, {
    state: stateOfBureau(batch.caller.tenant),
  });
  if (!row) throw new SltdError('not-found');
  if (bureauOf(row.state) !== batch.caller.tenant) throw new SltdError('forbidden');
  return row;
}

async function reportRecord(batch: ChangeBatch, value: unknown): Promise<ChangeResult> {
  const { record, reviewDate } = parseRecord(value, batch.nowMs);
  if (bureauOf(record.state) !== batch.caller.tenant) throw new SltdError('forbidden');
  const row = reportedRow(record, batch.identityKey);
  const version = await list(batch, row, reviewDate, { action: 'reported' });
  return { status: 'reported', id: row.id, version };
}

async function correctRecord(
  batch: ChangeBatch,
  { id, version, changes }: Extract<ChangeItem, { action: 'correct' }>,
): Promise<ChangeResult> {
  const row = await ownedRecord(batch, id);
  checkVersion(row, version);
  if (row.withdrawn_at !== null) throw new SltdError('record-withdrawn');
  const before = fieldsOf(row);
  const isObject = typeof changes === 'object' && changes !== null && !Array.isArray(changes);
  if (!isObject) throw new FieldsError([{ field: '', code: 'field-invalid' }]);
  const isReviewed = 'reviewDate' in changes;
  const known = recordOfRow(row);
  const { record, reviewDate } = parseCorrection(changes, batch.nowMs, known);
  if (record.state !== row.state) {
    throw new FieldsError([{ field: 'issuingState', code: 'field-invalid' }]);
  }
  const { reportedAt = record.reportedAt, ncb, blankRange } = known;
  const isOfRange = record.number === row.number;
  const after = reportedRow(
    // Central's own words about the report, which no bureau corrects.
    { ...record, reportedAt, ncb, blankRange: isOfRange ? blankRange : undefined },
    batch.identityKey,
  );
  const review = isReviewed ? reviewDate : row.review_date;
  const changed = JSON.stringify(changedFields(before, changes));
  if (after.id !== row.id) {
    const newVersion = await list(batch, after, review, { action: 'corrected', changes: changed });
    await unlist(batch, row, { action: 'corrected', changes: changed, replacedBy: after.id });
    await moveChallenges(batch, { from: row, to: after.id });
    return { status: 'corrected', id: after.id, version: newVersion };
  }
  const newVersion = row.version + 1;
  await batch.transaction
    .updateTable('records')
    .set({
      ...Object.fromEntries(CORRECTABLE.map((name) => [name, after[name]])),
      review_date: review,
      review_noticed_at: isReviewed ? null : row.review_noticed_at,
      updated_at: batch.nowMs,
      version: newVersion,
    })
    .where('id', '=', id)
    .execute();
  batch.record({ record_id: id, number: newVersion, action: 'corrected', changes: changed });
  if (CORRECTABLE.some((name) => after[name] !== row[name])) batch.decide(id, 'fields');
  // The edges need nothing of it, but a load must know that the record is newer than its export.
  await operateKeys(batch, row, 'withdrawn');
  await operateKeys(batch, row, 'added');
  return { status: 'corrected', id, version: newVersion };
}

async function withdrawRecord(
  batch: ChangeBatch,
  { id, version, reason }: Extract<ChangeItem, { action: 'withdraw' }>,
): Promise<ChangeResult> {
  const row = await ownedRecord(batch, id);
  checkVersion(row, version);
  if (row.withdrawn_at !== null) throw new SltdError('record-withdrawn');
  const newVersion = await unlist(batch, row, { action: 'withdrawn', reason });
  return { status: 'withdrawn', id, version: newVersion };
}

/** Throws 'version-changed' unless the version is the record's, or none is expected. */
function checkVersion(row: RecordRow, version: number | undefined): void {
  if (version !== undefined && version !== row.version) throw new SltdError('version-changed');
}

interface Why {
  action: 'reported' | 'corrected' | 'withdrawn' | 'expired';
  reason?: string;
  changes?: string;
}

/** List a record, new or withdrawn before; its version. Throws 'record-exists' if it is listed. */
async function list(
  batch: ChangeBatch,
  row: ReportedRow,
  reviewDate: string | null,
  why: Why,
): Promise<number> {
  const { transaction, nowMs } = batch;
  const before = await transaction
    .selectFrom('records')
    .select(['version', 'withdrawn_at'])
    .where('id', '=', row.id)
    .executeTakeFirst();
  if (before && before.withdrawn_at === null) throw new SltdError('record-exists');
  const version = (before?.version ?? 0) + 1;
  const listed = {
    ...{ ...row, review_date: reviewDate, updated_at: nowMs, withdrawn_at: null },
    ...{ version, replaced_by: null, review_noticed_at: null },
  };
  if (before) {
    // Not its id: SQLite would go through all keys of the list for those that refer to it.
    const { id, ...columns } = listed;
    await transaction.updateTable('records').set(columns).where('id', '=', id).execute();
  } else {
    await transaction.insertInto('records').values(listed).execute();
    await transaction
      .insertInto('record_keys')
      .values(keysOfRow(row).map((key) => ({ key, record_id: row.id })))
      .execute();
  }
  batch.record({ record_id: row.id, number: version, ...why });
  batch.decide(row.id, 'listing');
  batch.countListed(1);
  await operateKeys(batch, row, 'added');
  return version;
}

/** Take a record off the list; its version. */
export async function unlist(
  batch: ChangeBatch,
  row: RecordRow,
  { replacedBy = null, ...why }: Why & { replacedBy?: string | null },
): Promise<number> {
  const version = row.version + 1;
  await batch.transaction
    .updateTable('records')
    .set({
      ...{ withdrawn_at: batch.nowMs, updated_at: batch.nowMs, version },
      replaced_by: replacedBy,
    })
    .where('id', '=', row.id)
    .execute();
  batch.record({ record_id: row.id, number: version, isCounted: replacedBy === null, ...why });
  // Central lets a record expire: no bureau has said so.
  batch.decide(row.id, why.action === 'expired' ? 'none' : 'listing');
  batch.countListed(-1);
  await operateKeys(batch, row, 'withdrawn');
  return version;
}

/**
 * The operations of a change of one record. The last operation of a key must say what is listed under
 * it, so other records of the key count: what is withdrawn here may be listed by them.
 */
async function operateKeys(
  batch: ChangeBatch,
  row: Pick<ReportedRow, 'id' | 'classes' | 'state' | 'number' | 'category'>,
  kind: 'added' | 'withdrawn',
): Promise<void> {
  const keys = keysOfRow(row);
  const others = await batch.transaction
    .selectFrom('record_keys')
    .innerJoin('records', 'records.id', 'record_keys.record_id')
    .select(['record_keys.key', 'records.category'])
    .where('record_keys.key', 'in', keys)
    .where('records.id', '!=', row.id)
    .where('records.withdrawn_at', 'is', null)
    .execute();
  for (const key of keys) {
    const categories = others.filter((each) => each.key === key).map((each) => each.category);
    if (kind === 'added') categories.push(row.category);
    // Both operations are this record's: the other one is as it was, also for the next load.
    const own = { key, recordId: row.id };
    if (kind === 'withdrawn') batch.operate({ ...own, kind, category: row.category });
    const stands = CATEGORIES.findLast((category) => categories.includes(category));
    if (stands) batch.operate({ ...own, kind: 'added', category: stands });
  }
}

/** A row in the words of RecordFields. */
function fieldsOf(row: RecordRow): RecordFields {
  return {
    issuingState: row.state,
    documentNumber: row.number_as_reported,
    documentType: row.type_code ?? '',
    category: row.category,
    dateOfTheft: row.date_of_theft,
    placeOfTheft: row.place_of_theft,
    countryOfTheft: row.country_of_theft,
    dateOfIssue: row.date_of_issue,
    dateOfExpiry: row.date_of_expiry,
    nationalReference: row.national_reference,
    noticeColor: row.notice_color,
    reviewDate: row.review_date,
  };
}

/** The values before, of the fields that a correction names. */
function changedFields(before: RecordFields, changes: object): Partial<RecordFields> {
  const names = RECORD_FIELDS.filter((name) => name in changes);
  return Object.fromEntries(names.map((name) => [name, before[name] ?? null]));
}
