/** History of a record: who did what to it and when. Lines are added, never changed. */

import type { CentralDatabase } from '../database/schema.ts';
import { isoTime } from '../http/iso-time.ts';
import type { PageRequest } from '../http/page.ts';
import type { HistoryRow } from './tables.ts';

/** Lines of a record from the first on, one row more than the page has. */
export function listHistory(
  db: CentralDatabase,
  recordId: string,
  { limit, after }: PageRequest<number>,
): Promise<HistoryRow[]> {
  return db
    .selectFrom('record_history')
    .selectAll()
    .where('record_id', '=', recordId)
    .where('number', '>', after ?? 0)
    .orderBy('number')
    .limit(limit + 1)
    .execute();
}

/** A line; what was changed, and in whose words why, for the owner alone; a person's name for its own tenant. */
export const historyView = (
  line: HistoryRow,
  { level, tenant }: { level: 'full' | 'audit'; tenant: string },
) => ({
  version: line.number,
  at: isoTime(line.at),
  action: line.action,
  tenant: line.tenant,
  ...(line.tenant === tenant ? { subject: line.subject } : {}),
  ...(level === 'full' && line.reason !== null ? { reason: line.reason } : {}),
  ...(level === 'full' && line.changes !== null
    ? { before: JSON.parse(line.changes) as unknown }
    : {}),
});
