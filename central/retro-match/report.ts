import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import { CLASS_LETTER, classBits, DOCUMENT_CLASSES } from '../../src/document/document-class.ts';
import type { CentralDatabase } from '../database/schema.ts';
import type { Operation } from '../records/operation-log.ts';

/** Clocks of publisher and central may differ: a list must be later by this to have known a report. */
export const CLOCK_MARGIN_MS = 10 * 60_000;

/** A report as it is compared with checks. */
export interface Report {
  recordId: string;
  key: CanonicalKey;
  /** classBits() of this key, or of all that the record has. */
  classes: number;
  /** When central took it, in milliseconds since 1970. */
  at: number;
  /** A list that is complete up to later than this had it; infinite where its age does not say so. */
  knownAfter: number;
}

/**
 * The reports among operations, some thousand at most: what a bureau listed, and what is still listed. A correction of what identifies
 * a record lists another one, which is a report in place of the first: that one is withdrawn, compared or not. What
 * else a correction says, or that one of two records is left, is no news.
 */
export async function reportsOf(
  db: CentralDatabase,
  operations: readonly Operation[],
): Promise<Report[]> {
  const added = operations.filter(({ kind }) => kind === 'added');
  if (added.length === 0) return [];
  const lines = await db
    .selectFrom('record_history as line')
    .innerJoin('records as record', 'record.id', 'line.record_id')
    .select(['line.record_id', 'line.at'])
    .where('line.record_id', 'in', [...new Set(added.map(({ recordId }) => recordId))])
    .where('record.withdrawn_at', 'is', null)
    .where((eb) =>
      eb.or([
        eb('line.action', '=', 'reported'),
        // One that stays the same record withdraws its keys, and adds them again.
        eb.and([
          eb('line.action', '=', 'corrected'),
          eb.not(
            eb.exists(
              eb
                .selectFrom('operations as operation')
                .select('operation.seq')
                .whereRef('operation.record_id', '=', 'line.record_id')
                .whereRef('operation.at', '=', 'line.at')
                .where('operation.kind', '=', 'withdrawn'),
            ),
          ),
        ]),
      ]),
    )
    .execute();
  const news = new Set(lines.map((line) => `${line.record_id} ${line.at}`));
  return added
    .filter(({ recordId, at }) => news.has(`${recordId} ${at}`))
    .map(({ recordId, key, at }) => ({
      ...{ recordId, key, at, classes: classBitsOf(key), knownAfter: at + CLOCK_MARGIN_MS },
    }));
}

/** The class that a key begins with, as classBits(). */
export const classBitsOf = (key: CanonicalKey): number =>
  classBits(DOCUMENT_CLASSES.filter((each) => key.startsWith(CLASS_LETTER[each])));
