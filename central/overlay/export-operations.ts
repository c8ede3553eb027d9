/**
 * Operations as a file, for `sltd build --operations`: the log from a time on, an operation a line.
 *
 * The list knows one record of a key, central all of them. A withdrawal of one therefore says whether
 * another record of the key is listed, or was within the time of the file: then the list need not lose
 * the key. Operations whose change no export has confirmed are in the file however old they are: the next
 * one may be the first that has them. The file holds document numbers: mode 600, and never written over.
 */

import { closeSync, openSync, writeSync } from 'node:fs';
import { SltdError } from '../../src/errors.ts';
import type { CentralDatabase } from '../database/schema.ts';
import {
  lastOperation,
  lastOperationAt,
  operationsAfter,
  operationsUnconfirmed,
} from '../records/operation-log.ts';

/** SQLite takes at most 32,766 parameters a statement. */
const BATCH = 5_000;

/**
 * Writes every operation from `sinceMs` on, and those unconfirmed of before; how many there are.
 * 'config-invalid' if the file is there already or cannot be written.
 */
export async function exportOperations(
  db: CentralDatabase,
  { sinceMs, path }: { sinceMs: number; path: string },
): Promise<number> {
  const first = await lastOperationAt(db, sinceMs - 1);
  const file = openNew(path);
  try {
    const end = await lastOperation(db);
    const unconfirmed = await operationsUnconfirmed(db, sinceMs);
    const unconfirmedIds = new Set(unconfirmed.map(({ recordId }) => recordId));
    const older = unconfirmed.filter(({ seq }) => seq <= first);
    for (const { confirmedAsOf: _, ...operation } of older) {
      writeSync(file, `${JSON.stringify({ ...operation, unconfirmed: true })}\n`);
    }
    let count = older.length;
    for (let seq = first; seq < end; ) {
      const batch = await operationsAfter(db, seq, Math.min(BATCH, end - seq));
      if (batch.length === 0) break;
      const others = await otherRecords(db, batch, first);
      const lines = batch.map((operation) => {
        const { kind, key, recordId } = operation;
        const records = kind === 'withdrawn' ? others.get(key) : undefined;
        const elsewhere = [...(records ?? [])].some((other) => other !== recordId);
        const marks = {
          ...(elsewhere ? { elsewhere } : {}),
          ...(unconfirmedIds.has(recordId) ? { unconfirmed: true } : {}),
        };
        return `${JSON.stringify({ ...operation, ...marks })}\n`;
      });
      writeSync(file, lines.join(''));
      count += batch.length;
      seq = batch.at(-1)!.seq;
    }
    return count;
  } finally {
    closeSync(file);
  }
}

/** By key, the records that are listed under it, or were changed after the operation `first`. */
async function otherRecords(
  db: CentralDatabase,
  operations: readonly { kind: string; key: string }[],
  first: number,
): Promise<Map<string, Set<string>>> {
  const keys = operations.flatMap(({ kind, key }) => (kind === 'withdrawn' ? [key] : []));
  const byKey = new Map<string, Set<string>>();
  if (keys.length === 0) return byKey;
  const listed = await db
    .selectFrom('record_keys')
    .innerJoin('records', 'records.id', 'record_keys.record_id')
    .select(['record_keys.key', 'record_keys.record_id'])
    .where('record_keys.key', 'in', keys)
    .where('records.withdrawn_at', 'is', null)
    .execute();
  const changed = await db
    .selectFrom('operations')
    .select(['key', 'record_id'])
    .where('seq', '>', first)
    .where('key', 'in', keys)
    .where('kind', '=', 'withdrawn')
    .execute();
  for (const { key, record_id: recordId } of [...listed, ...changed]) {
    const records = byKey.get(key);
    if (records) records.add(recordId);
    else byKey.set(key, new Set([recordId]));
  }
  return byKey;
}

function openNew(path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (cause) {
    throw new SltdError('config-invalid', {
      detail: 'the file of operations cannot be made',
      cause,
    });
  }
}
