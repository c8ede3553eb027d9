/**
 * Load: the records of an export take the place of those before, all at once.
 *
 * The rows are staged beside the list, then taken over in one transaction: a reader sees the list as it
 * was, or as it is, never half of it; what stops a load in the middle leaves the list as it was. The
 * same export twice changes nothing the second time. What was reported, corrected or withdrawn here
 * outlives every load until an export agrees with it once. A list that is much smaller than the one before is
 * refused. The export is read by the reader of the build, so that central and the edition hold the
 * same list.
 */

import { sql, type Transaction } from 'kysely';
import { findProfile } from '../../data-build/import/find-profile.ts';
import { inputsSha256Of } from '../../data-build/import/inputs-digest.ts';
import type { ReadExport } from '../../data-build/import/read-export.ts';
import type { ImportedRecord } from '../../data-build/import/record.ts';
import { SltdError } from '../../src/errors.ts';
import { toHex } from '../../src/format/names.ts';
import type { CentralDatabase, CentralSchema } from '../database/schema.ts';
import { lockRecords } from '../records/operation-log.ts';
import { reportedRow } from '../records/record-row.ts';
import { claimCollection } from '../training/database.ts';
import { fillFirstList, isFirstList } from './first-list.ts';
import { type MergeOptions, mergeList } from './merge-list.ts';
import { LineBuffer, lineOf } from './row-text.ts';
import { checkShrink, countByState } from './shrink-gate.ts';
import { type ExportStaging, type Stage, stageExport } from './stage-export.ts';
import { openStaging } from './staging.ts';

/** Clocks differ: an export may be this much ahead of ours. */
const FUTURE_MAX_MS = 5 * 60_000;
/**
 * Clocks differ: a change here so little before the export's time may not be in it. It is kept, and
 * if the export knew it, nothing is different.
 */
export const EXPORT_OVERLAP_MS = 10 * 60_000;

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
  /** Accept a list that is much smaller than the one before. */
  acceptShrink?: boolean | undefined;
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
  /** Records that stay as their bureaus reported, corrected or withdrew them, against the export. */
  contradictedCount: number;
}

/**
 * Replace the list by these records. Throws 'input-empty' if there is none, 'list-shrinks' if the list
 * would lose too many, 'config-invalid' if `asOf` is no time, in the future or before what is loaded,
 * and whatever `records` throws; nothing has changed then.
 */
export const loadRecords = (
  db: CentralDatabase,
  records: AsyncIterable<ImportedRecord>,
  options: LoadOptions,
): Promise<LoadResult> =>
  load(db, (stage, identityKey) => stageRecords(stage, records, identityKey), options);

async function load(
  db: CentralDatabase,
  read: (stage: Stage, identityKey: string) => Promise<void>,
  options: LoadOptions,
): Promise<LoadResult> {
  const { asOf, inputsSha256, clock = Date.now, allowOlder = false } = options;
  const nowMs = clock();
  const before = await stateBefore(db);
  const limits = { loaded: allowOlder ? null : before.asOf, nowMs };
  // What can be refused now need not be read first.
  if (typeof asOf === 'number') checkAsOf(asOf, limits);
  const staging = await openStaging(db);
  try {
    let readCount = 0;
    const stage: Stage = async (lines, recordCount) => {
      readCount += recordCount;
      await staging.add(lines);
    };
    await read(stage, before.identityKey);
    await staging.finish();
    if (readCount === 0) throw new SltdError('input-empty');
    const asOfMs = typeof asOf === 'number' ? asOf : checkAsOf(asOf(), limits);
    // Null where there is none: that of the load before would vouch for other records.
    const digest = (await inputsSha256?.()) ?? null;
    const counts = await takeOver(db, { ...options, asOfMs, digest, nowMs });
    return { asOf: asOfMs, readCount, ...counts };
  } finally {
    await staging.close();
  }
}

export interface ExportOptions
  extends Omit<LoadOptions, 'asOf' | 'inputsSha256'>,
    Omit<ExportStaging, 'profile' | 'identityKey' | 'stage'> {
  /** Name of a profile of docs/export-profiles.md, or a mapping file. */
  profile?: string | undefined;
  mapping?: string | undefined;
  /** By default the newest date of report in the export, as in the build. */
  asOf?: number | undefined;
}

/** Replace the list by export files; throws as loadRecords() and the reader of exports do. */
export async function loadExport(db: CentralDatabase, options: ExportOptions): Promise<LoadResult> {
  const { profile, mapping } = options;
  const found = findProfile({ profile, mapping });
  let read: ReadExport | undefined;
  const readFiles = async (stage: Stage, identityKey: string) => {
    read = await stageExport({ ...options, profile: found, identityKey, stage });
  };
  const asOf = () => {
    const newestReport = read?.counts.newestReport ?? 0;
    if (newestReport > 0) return newestReport;
    throw new SltdError('config-invalid', { detail: 'no date of report in the export: --as-of' });
  };
  const inputsSha256 = async () => toHex(await inputsSha256Of(found, read?.files ?? []));
  return load(db, readFiles, { ...options, asOf: options.asOf ?? asOf, inputsSha256 });
}

interface TakeOver extends LoadOptions {
  asOfMs: number;
  digest: string | null;
  nowMs: number;
}

/** The one transaction: from here on nobody else changes records until it is through. */
function takeOver(db: CentralDatabase, options: TakeOver) {
  const { asOfMs, digest, nowMs, collection = 'sltd', allowOlder, acceptShrink } = options;
  return db.transaction().execute(async (transaction) => {
    await lockRecords(transaction);
    await claimCollection(transaction, collection);
    const { asOf: loaded } = await stateBefore(transaction);
    // Another load may have been through while this one was staging.
    checkAsOf(asOfMs, { loaded: allowOlder ? null : loaded, nowMs });
    const keptAfterMs = asOfMs - EXPORT_OVERLAP_MS;
    const isFirst = loaded === null;
    const times = { asOfMs, keptAfterMs, nowMs };
    const taken = (await isFirstList(transaction))
      ? { listedCount: await fillFirstList(transaction, nowMs), ...NOTHING_BEFORE }
      : await mergeInto(transaction, { ...times, isFirst, acceptShrink });
    await transaction
      .updateTable('data_state')
      .set({ as_of: asOfMs, inputs_sha256: digest, record_count: taken.listedCount })
      .where('id', '=', 1)
      .execute();
    // Without them PostgreSQL reads whole tables for a look-up, until it gets round to it by itself.
    for (const table of ['records', 'record_keys']) {
      await sql`analyze ${sql.table(table)}`.execute(transaction);
    }
    return taken;
  });
}

const NOTHING_BEFORE = { withdrawnCount: 0, contradictedCount: 0 };

/** The staged export in the place of a list; 'list-shrinks' if too much would be gone. */
async function mergeInto(
  transaction: Transaction<CentralSchema>,
  { acceptShrink, ...options }: MergeOptions & Pick<LoadOptions, 'acceptShrink'>,
) {
  const before = await countByState(transaction);
  const merged = await mergeList(transaction, options);
  const after = await countByState(transaction);
  if (!acceptShrink) checkShrink(before, after);
  return { listedCount: [...after.values()].reduce((sum, count) => sum + count, 0), ...merged };
}

async function stateBefore(db: CentralDatabase) {
  const row = await db
    .selectFrom('data_state')
    .select(['as_of', 'identity_key'])
    .executeTakeFirstOrThrow();
  return { asOf: row.as_of, identityKey: row.identity_key };
}

/** Data must not claim to know the future: a negative would then clear what nobody has reported yet. */
function checkAsOf(asOf: number, limits: { loaded: number | null; nowMs: number }): number {
  const refuse = (detail: string) => new SltdError('config-invalid', { detail });
  if (!Number.isSafeInteger(asOf) || asOf < 0) throw refuse('as-of is not a time');
  if (asOf > limits.nowMs + FUTURE_MAX_MS) throw refuse('as-of is in the future');
  if (asOf < (limits.loaded ?? 0)) throw refuse('as-of is before that of the loaded list');
  return asOf;
}

async function stageRecords(
  stage: Stage,
  records: AsyncIterable<ImportedRecord>,
  identityKey: string,
): Promise<void> {
  const buffer = new LineBuffer();
  const flush = async () => {
    const { lines, recordCount } = buffer.take();
    await stage(lines, recordCount);
  };
  for await (const record of records) {
    if (buffer.add(lineOf(reportedRow(record, identityKey)))) await flush();
  }
  if (!buffer.isEmpty) await flush();
}
