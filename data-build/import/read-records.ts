/**
 * Records of an export one by one, with all their fields: what central loads.
 *
 * The same rows, profiles and refusals as the build, because both must hold the same list: a document
 * in the edition that central does not know would be a candidate that nobody confirms.
 */

import { CLASS_LETTER } from '../../src/document/document-class.ts';
import { parseNoticeColor } from '../../src/format/notice.ts';
import { openTempDir } from '../temp-dir.ts';
import { importDate } from './import-date.ts';
import type { Profile } from './profile.ts';
import { type FileSummary, readRows } from './read-rows.ts';
import type { ImportedRecord } from './record.ts';
import { checkRejects, RejectLog } from './rejects.ts';
import { RemovedKeys } from './removed-keys.ts';
import { type ImportCounts, newCounts, type RecordConsumer, type RowReader } from './row-reader.ts';

/** Records handed over at a time; the reader waits while they are used. */
const BATCH_RECORDS = 4096;

export interface RecordOptions {
  profile: Profile;
  files: readonly string[];
  /** Where to write the places of rejected rows. */
  rejectsPath?: string | undefined;
  /** Rejected rows allowed, in percent of all; 0.01 if not told. */
  rejectsMaxPercent?: number | undefined;
  /** For temporary files; the machine's temporary folder if not told. */
  tempRoot?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** What is known once all files were read. */
export interface ReadResult {
  counts: ImportCounts;
  /** One for each input file, in order. */
  files: readonly FileSummary[];
}

/**
 * Every record in file order; its return value says what was read.
 *
 * Throws an input-* error where the build does: for too many rejected rows after the last record, so
 * whoever loads must do so in one transaction.
 */
export async function* readRecords(
  options: RecordOptions,
): AsyncGenerator<ImportedRecord, ReadResult> {
  const temp = openTempDir(options.tempRoot);
  const rejects = new RejectLog(options.rejectsPath);
  const counts = newCounts();
  const removed = new RemovedKeys();
  const queue = new RecordQueue();
  const collector = new RecordCollector(queue, removed.byKey);
  const ending = new AbortController();
  const signals = options.signal ? [options.signal, ending.signal] : [ending.signal];
  let read: readonly FileSummary[] = [];
  const reading = readRows({
    ...{ profile: options.profile, files: options.files, signal: AbortSignal.any(signals) },
    ...{ rejects, counts, tempDir: temp.path, now: Date.now() },
    listed: (index) => collector.startFile(index),
    removed: (index) => removed.startFile(index),
    pause: () => queue.drained(),
  }).then(
    (summaries) => {
      read = summaries;
      queue.end();
    },
    (error) => queue.end(error),
  );
  try {
    for (;;) {
      const batch = await queue.take();
      if (batch === undefined) break;
      yield* batch;
    }
    await reading;
    checkRejects(rejects, counts.rows, options.rejectsMaxPercent);
    return { counts, files: read };
  } finally {
    // Also when whoever takes the records has had enough of them.
    ending.abort();
    queue.abandon();
    await reading;
    rejects.close();
    temp.remove();
  }
}

/** Makes a record of each accepted row, but for those that a later file takes away. */
class RecordCollector implements RecordConsumer {
  readonly #queue: RecordQueue;
  readonly #removedBy: ReadonlyMap<string, number>;
  readonly #decoder = new TextDecoder();
  #fileIndex = 0;

  constructor(queue: RecordQueue, removedBy: ReadonlyMap<string, number>) {
    this.#queue = queue;
    this.#removedBy = removedBy;
  }

  startFile(index: number): this {
    this.#fileIndex = index;
    return this;
  }

  accept(row: RowReader): void {
    const number = this.#decoder.decode(row.number.subarray(0, row.numberLength));
    const classes = row.classes.filter((documentClass) => {
      if (this.#removedBy.size === 0) return true;
      const key = CLASS_LETTER[documentClass] + row.state.padEnd(3, '<') + number;
      return (this.#removedBy.get(key) ?? -1) <= this.#fileIndex;
    });
    if (classes.length === 0) return;
    const record: ImportedRecord = {
      state: row.state,
      classes,
      number,
      numberAsReported: row.range ? number : row.reportedNumber(),
      category: row.category,
      line: row.line,
    };
    const typeCode = row.text('type');
    if (typeCode !== undefined) record.typeCode = typeCode;
    for (const field of ['dateOfTheft', 'dateOfIssue', 'dateOfExpiry'] as const) {
      const date = importDate(row.text(field) ?? '');
      if (date !== undefined) record[field] = date;
    }
    for (const field of ['placeOfTheft', 'countryOfTheft', 'nationalReference', 'ncb'] as const) {
      const text = row.text(field);
      if (text !== undefined) record[field] = text;
    }
    const noticeColor = parseNoticeColor(row.text('noticeColor') ?? '');
    if (noticeColor !== undefined) record.noticeColor = noticeColor;
    const reportedAt = row.text('reportedAt') ?? '';
    const reportedTime = importDateTime(reportedAt) ?? importDate(reportedAt);
    if (reportedTime !== undefined) record.reportedAt = reportedTime;
    if (row.range) record.blankRange = { from: row.range.from, to: row.range.to };
    this.#queue.put(record);
  }
}

const DATE_LENGTH = 10;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/;

/** A date with time and zone, in UTC; without a zone nobody can say when it was. */
function importDateTime(text: string): string | undefined {
  // Most are dates alone.
  if (text.length <= DATE_LENGTH) return undefined;
  const time = DATE_TIME.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** Records between the scanner, which pushes, and the loader, which pulls. */
class RecordQueue {
  #records: ImportedRecord[] = [];
  #isEnded = false;
  #isAbandoned = false;
  #error: unknown;
  #wakeTaker: (() => void) | undefined;
  #wakeReader: (() => void) | undefined;

  put(record: ImportedRecord): void {
    if (this.#isAbandoned) return;
    this.#records.push(record);
    if (this.#records.length >= BATCH_RECORDS) this.#wakeTaker?.();
  }

  /** All that is there, at least one; undefined after the last. */
  async take(): Promise<ImportedRecord[] | undefined> {
    while (this.#records.length < BATCH_RECORDS && !this.#isEnded) {
      this.#wakeReader?.();
      await new Promise<void>((resolve) => {
        this.#wakeTaker = resolve;
      });
    }
    if (this.#error !== undefined) throw this.#error;
    if (this.#records.length === 0) return undefined;
    const batch = this.#records;
    this.#records = [];
    return batch;
  }

  /** Resolves when few enough wait to read on. */
  async drained(): Promise<void> {
    while (this.#records.length >= BATCH_RECORDS && !this.#isAbandoned) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  end(error?: unknown): void {
    this.#error = error;
    this.#isEnded = true;
    this.#wakeTaker?.();
  }

  /** Nobody takes any more. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#records = [];
    this.#wakeReader?.();
  }
}
