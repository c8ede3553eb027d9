/**
 * Load: the records of an export take the place of those before, all at once.
 *
 * One transaction: a reader sees the list as it was, or as it is, never half of it; what stops a
 * load in the middle leaves the list as it was. A record that the export no longer has is kept and
 * marked withdrawn. The same export twice changes nothing the second time. The export is read by the
 * reader of the build, so that central and the edition hold the same list.
 *
 * A record's id must be stable over loads, because officers and cases refer to it, and must not be
 * guessable from a document number, because it stands in addresses. So it is a keyed hash of what
 * makes it this record and not another: issuing state, type, classes, number, category, national
 * reference. Two rows equal in all of these are one record; the later row stands.
 */

import { findProfile } from '../../data-build/import/find-profile.ts';
import { inputsSha256Of } from '../../data-build/import/inputs-digest.ts';
import { readRecords } from '../../data-build/import/read-records.ts';
import type { FileSummary } from '../../data-build/import/read-rows.ts';
import type { ImportedRecord } from '../../data-build/import/record.ts';
import { canonicalKey } from '../../src/document/canonical-key.ts';
import { sipHash128 } from '../../src/document/digest.ts';
import { CLASS_LETTER } from '../../src/document/document-class.ts';
import { SltdError } from '../../src/errors.ts';
import { toHex } from '../../src/format/names.ts';
import type { CentralDatabase, RecordKeysTable, RecordRow } from '../database/schema.ts';
import { beginReplacement, finishReplacement, replaceBatch } from './replace-list.ts';

/** Rows a statement: 20 columns each, and SQLite takes at most 32,766 parameters. */
const BATCH_ROWS = 1_000;

export interface LoadOptions {
  /**
   * The export has every report up to here, in milliseconds since 1970; or a function that is asked
   * after the last record.
   */
  asOf: number | (() => number);
  /**
   * Digest of the export's files in hexadecimal, asked after the last record; left out where the
   * records come from no file.
   */
  inputsSha256?: () => Promise<string>;
  /** Name of the list, by which the edge asks; 'sltd' by default. */
  collection?: string | undefined;
  /** Accept an export that is older than what is loaded: the way back from a bad export. */
  allowOlder?: boolean | undefined;
  /** Milliseconds since 1970. */
  clock?: () => number;
}

export interface LoadResult {
  /** What the list is now complete up to, in milliseconds since 1970. */
  asOf: number;
  /** Records of the export. */
  readCount: number;
  /** Records listed now. Equal rows of the export are one record. */
  listedCount: number;
  /** Records that were listed before and are not in the export. */
  withdrawnCount: number;
}

/** Clocks differ: an export may be this much ahead of ours. */
const FUTURE_MAX_MS = 5 * 60_000;

/**
 * Replace the list by these records. Throws 'input-empty' if there is none, 'config-invalid' if
 * `asOf` is no time, in the future or before what is loaded, and whatever `records` throws; nothing
 * has changed then.
 */
export async function loadRecords(
  db: CentralDatabase,
  records: AsyncIterable<ImportedRecord>,
  { asOf, inputsSha256, collection = 'sltd', allowOlder = false, clock = Date.now }: LoadOptions,
): Promise<LoadResult> {
  const nowMs = clock();
  return db.transaction().execute(async (transaction) => {
    const before = await beginReplacement(transaction, collection);
    const limits = { loaded: allowOlder ? null : before.asOf, nowMs };
    // What can be refused now need not be read first.
    if (typeof asOf === 'number') checkAsOf(asOf, limits);
    let readCount = 0;
    for await (const batch of batchesOf(records)) {
      readCount += batch.length;
      const { rows, keys } = rowsOf(batch, { identityKey: before.identityKey, nowMs });
      await replaceBatch(transaction, rows, keys);
    }
    if (readCount === 0) throw new SltdError('input-empty');
    const asOfMs = typeof asOf === 'number' ? asOf : checkAsOf(asOf(), limits);
    const counts = await finishReplacement(transaction, {
      // Null where there is none: that of the load before would vouch for other records.
      ...{ asOf: asOfMs, nowMs, inputsSha256: (await inputsSha256?.()) ?? null },
    });
    return { asOf: asOfMs, readCount, ...counts };
  });
}

export interface ExportOptions extends Omit<LoadOptions, 'asOf' | 'inputsSha256'> {
  files: readonly string[];
  /** Name of a profile of docs/export-profiles.md, or a mapping file. */
  profile?: string | undefined;
  mapping?: string | undefined;
  /** By default the newest date of report in the export, as in the build. */
  asOf?: number | undefined;
  /** Rejected rows allowed, in percent. */
  rejectsMaxPercent?: number | undefined;
  /** Where to write the places of rejected rows. */
  rejectsPath?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** Replace the list by export files; throws as loadRecords() and the reader of exports do. */
export async function loadExport(db: CentralDatabase, options: ExportOptions): Promise<LoadResult> {
  const { files, profile, mapping, rejectsMaxPercent, rejectsPath, signal } = options;
  const found = findProfile({ profile, mapping });
  let newestReport = 0;
  let read: readonly FileSummary[] = [];
  async function* records(): AsyncGenerator<ImportedRecord> {
    const settings = { profile: found, files, rejectsMaxPercent, rejectsPath, signal };
    const { counts, files: summaries } = yield* readRecords(settings);
    ({ newestReport } = counts);
    read = summaries;
  }
  const asOf = () => {
    if (newestReport > 0) return newestReport;
    throw new SltdError('config-invalid', { detail: 'no date of report in the export: --as-of' });
  };
  const inputsSha256 = async () => toHex(await inputsSha256Of(found, read));
  return loadRecords(db, records(), { ...options, asOf: options.asOf ?? asOf, inputsSha256 });
}

/** Data must not claim to know the future: a negative would then clear what nobody has reported yet. */
function checkAsOf(asOf: number, limits: { loaded: number | null; nowMs: number }): number {
  const refuse = (detail: string) => new SltdError('config-invalid', { detail });
  if (!Number.isSafeInteger(asOf) || asOf < 0) throw refuse('as-of is not a time');
  if (asOf > limits.nowMs + FUTURE_MAX_MS) throw refuse('as-of is in the future');
  if (asOf < (limits.loaded ?? 0)) throw refuse('as-of is before that of the loaded list');
  return asOf;
}

async function* batchesOf(
  records: AsyncIterable<ImportedRecord>,
): AsyncGenerator<ImportedRecord[]> {
  let batch: ImportedRecord[] = [];
  for await (const record of records) {
    batch.push(record);
    if (batch.length === BATCH_ROWS) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

interface RowOptions {
  identityKey: Uint8Array;
  nowMs: number;
}

/** Rows of different ids, because one statement may not meet a row twice, and their keys. */
function rowsOf(batch: readonly ImportedRecord[], options: RowOptions) {
  const rows = new Map<string, RecordRow>();
  const keys: RecordKeysTable[] = [];
  for (const record of batch) {
    const row = rowOf(record, options);
    if (!rows.has(row.id)) {
      for (const cls of new Set(record.classes)) {
        keys.push({ key: canonicalKey(cls, record.state, record.number), record_id: row.id });
      }
    }
    rows.set(row.id, row);
  }
  return { rows: [...rows.values()], keys };
}

const ENCODER = new TextEncoder();

function rowOf(record: ImportedRecord, { identityKey, nowMs }: RowOptions): RecordRow {
  const classes = [...new Set(record.classes.map((cls) => CLASS_LETTER[cls]))].sort().join('');
  const { state, number, category } = record;
  const typeCode = textOf(record.typeCode);
  const nationalReference = textOf(record.nationalReference);
  const identity = [state, typeCode, classes, number, category, nationalReference];
  const hash = sipHash128(identityKey, ENCODER.encode(JSON.stringify(identity)));
  return {
    id: Buffer.from(hash).toString('base64url'),
    state,
    type_code: typeCode,
    classes,
    number,
    number_as_reported: textOf(record.numberAsReported) ?? number,
    category,
    date_of_theft: textOf(record.dateOfTheft),
    place_of_theft: textOf(record.placeOfTheft),
    country_of_theft: textOf(record.countryOfTheft),
    date_of_issue: textOf(record.dateOfIssue),
    date_of_expiry: textOf(record.dateOfExpiry),
    national_reference: nationalReference,
    owner_ncb: textOf(record.ncb),
    reported_at: textOf(record.reportedAt),
    blank_from: record.blankRange?.from ?? null,
    blank_to: record.blankRange?.to ?? null,
    review_date: null,
    updated_at: nowMs,
    withdrawn_at: null,
  };
}

/** A text as both databases store it: PostgreSQL refuses a zero character, and with it the load. */
function textOf(text: string | undefined): string | null {
  const clean = text?.replaceAll('\0', '').toWellFormed() ?? '';
  return clean === '' ? null : clean;
}
