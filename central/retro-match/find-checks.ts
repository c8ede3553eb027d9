/**
 * Retro-match, the look-up: which checks of the last 30 days let one of these documents pass.
 *
 * A report is known here by its key, a check by its tag under the key of its day. So the tags that
 * the report would have had on each day are made, and looked up, a day a statement.
 */

import { setImmediate as letOthers } from 'node:timers/promises';
import { type DocumentName, documentName } from '../../src/document/canonical-key.ts';
import type { DayKeys } from '../../src/format/tag-key.ts';
import { placeOf } from '../check-events/reference.ts';
import { tagOfName } from '../check-events/tag-of-name.ts';
import { findStagedTags, findTags, stagedDays } from '../check-events/tags.ts';
import type { CentralDatabase } from '../database/schema.ts';
import type { Report } from './report.ts';

const TAGS_PER_STATEMENT = 10_000;
/** So many take a few milliseconds; on SQLite an answer waits for them. */
const TAGS_PER_TURN = 1_000;

/** A check of a document that was reported. */
export interface FoundCheck {
  report: Report;
  /** Number of the event. */
  number: number;
  /** Of the document in it. */
  place: number;
}

/** Checks on the days from `first` to `last` of the documents that the reports are about. */
export async function findChecks(
  db: CentralDatabase,
  dayKeys: DayKeys,
  reports: readonly Report[],
  { first, last }: { first: number; last: number },
): Promise<FoundCheck[]> {
  // A record with keys of several classes is one report of one document, in all of them.
  const byName = new Map<string, Report>();
  const names: DocumentName[] = [];
  for (const report of reports) {
    const name = documentName(report.key);
    const key = `${report.recordId} ${name}`;
    const before = byName.get(key);
    if (before) {
      before.classes |= report.classes;
      // Withdrawn and listed again: no list in between had it.
      if (report.knownAfter > before.knownAfter) {
        before.at = report.at;
        before.knownAfter = report.knownAfter;
      }
      continue;
    }
    byName.set(key, { ...report });
    names.push(name);
  }
  const wanted = [...byName.values()];
  const found: FoundCheck[] = [];
  // Asked first: what is moved meanwhile is then found in both places, and never in none.
  const staged = await stagedDays(db);
  for (let day = first; day <= last; day++) {
    const dayKey = await dayKeys.of(day);
    if (!dayKey) continue;
    const byTag = new Map<bigint, Report[]>();
    for (const [index, name] of names.entries()) {
      if (index % TAGS_PER_TURN === 0) await letOthers();
      const tag = tagOfName(name, dayKey);
      const others = byTag.get(tag);
      if (others) others.push(wanted[index]!);
      else byTag.set(tag, [wanted[index]!]);
    }
    const tags = [...byTag.keys()];
    for (let start = 0; start < tags.length; start += TAGS_PER_STATEMENT) {
      const some = tags.slice(start, start + TAGS_PER_STATEMENT);
      const rows = [
        ...(staged.has(day) ? await findStagedTags(db, day, some) : []),
        ...(await findTags(db, day, some)),
      ];
      const byReference = new Map(rows.map((row) => [row.reference, row.tag]));
      for (const [reference, tag] of byReference) {
        for (const report of byTag.get(tag) ?? []) found.push({ report, ...placeOf(reference) });
      }
    }
  }
  return found;
}
