/**
 * What was told of a check already: the keys of the records that it met, and the records that corrections have
 * made of them, since whoever was told of a document is not told again when its class or category is corrected.
 */

import type { Transaction } from 'kysely';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import { referenceOf } from '../check-events/reference.ts';
import type { CentralSchema } from '../database/schema.ts';
import { keysOfRow } from '../records/record-row.ts';

type ListTransaction = Transaction<CentralSchema>;

/** One document of an event, and what it may meet. */
interface Meeting {
  number: number;
  place: number;
  report: { key: CanonicalKey; recordId: string };
}

export class Told {
  readonly #told = new Set<string>();

  /** Of these events. */
  static async of(trx: ListTransaction, eventNumbers: readonly number[]): Promise<Told> {
    const told = new Told();
    const known = await trx
      .selectFrom('retro_matches as match')
      .innerJoin('records', 'records.id', 'match.record_id')
      .select([
        'event_number',
        'place',
        'classes',
        'records.state',
        'records.number',
        'replaced_by',
      ])
      .where('event_number', 'in', eventNumbers)
      .execute();
    const next = await successors(trx, known);
    for (const { event_number: event, place, ...record } of known) {
      for (const key of keysOfRow(record)) told.#told.add(spell(event, place, key));
      for (let id = record.replaced_by; id !== null; id = next.get(id) ?? null) {
        told.#told.add(spell(event, place, id));
      }
    }
    return told;
  }

  has({ number, place, report }: Meeting): boolean {
    return (
      this.#told.has(spell(number, place, report.key)) ||
      this.#told.has(spell(number, place, report.recordId))
    );
  }

  add({ number, place, report }: Meeting): void {
    this.#told.add(spell(number, place, report.key));
  }
}

const spell = (number: number, place: number, keyOrRecord: string) =>
  `${referenceOf(number, place)} ${keyOrRecord}`;

/** The record that each one was corrected into, and so on; one that is listed has none. */
async function successors(
  trx: ListTransaction,
  records: readonly { replaced_by: string | null }[],
): Promise<Map<string, string | null>> {
  const next = new Map<string, string | null>();
  for (let rows = records; ; ) {
    const ids = rows.flatMap(({ replaced_by: id }) => (id === null || next.has(id) ? [] : [id]));
    if (ids.length === 0) return next;
    const found = await trx
      .selectFrom('records')
      .select(['id', 'replaced_by'])
      .where('id', 'in', ids)
      .execute();
    for (const { id, replaced_by: successor } of found) next.set(id, successor);
    rows = found;
  }
}
