/** Records that a bureau reported: row, key, history and operation, as central writes them, by the key alone. */

import type { Transaction } from 'kysely';
import type { CentralSchema } from '../../central/database/schema.ts';
import { appendOperations } from '../../central/records/operation-log.ts';
import { reportedRow } from '../../central/records/record-row.ts';
import { CLASS_LETTER, DOCUMENT_CLASSES } from '../../src/document/document-class.ts';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';

const ROWS_PER_STATEMENT = 500;

export interface ReportedKey {
  recordId: string;
  key: string;
  /** Milliseconds since 1970. */
  at: number;
}

/** Lists each key as a record of its own, or lists such a record again. */
export async function reportKeys(
  trx: Transaction<CentralSchema>,
  reports: readonly ReportedKey[],
): Promise<void> {
  for (let start = 0; start < reports.length; start += ROWS_PER_STATEMENT) {
    const some = reports.slice(start, start + ROWS_PER_STATEMENT);
    await trx
      .insertInto('records')
      .values(some.map((report) => ({ ...rowOf(report), id: report.recordId, review_date: null })))
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ withdrawn_at: null }))
      .execute();
    await trx
      .insertInto('record_keys')
      .values(some.map(({ key, recordId }) => ({ key, record_id: recordId })))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const { count } = await trx
      .selectFrom('record_history')
      .select((eb) => eb.cast<number>(eb.fn.countAll(), 'integer').as('count'))
      .executeTakeFirstOrThrow();
    await trx
      .insertInto('record_history')
      .values(
        some.map(({ recordId, at }, index) => ({
          ...{ record_id: recordId, number: count + index + 1, at, action: 'reported' as const },
          ...{ tenant: 'NCB-UTO', subject: 'clerk-1', reason: null, changes: null },
        })),
      )
      .execute();
  }
  await appendOperations(
    trx,
    reports.map(({ recordId, key, at }) => ({
      ...({ kind: 'added', category: 'stolen' } as const),
      ...{ recordId, key: key as CanonicalKey, at },
    })),
  );
}

function rowOf({ key, at }: ReportedKey) {
  const number = key.slice(4);
  const row = reportedRow(
    {
      state: key.slice(1, 4).replaceAll('<', '') as StateCode,
      classes: DOCUMENT_CLASSES.filter((name) => CLASS_LETTER[name] === key[0]),
      ...{ number, numberAsReported: number, category: 'stolen' },
    },
    '',
  );
  return { ...row, updated_at: at, withdrawn_at: null };
}
