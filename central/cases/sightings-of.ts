/**
 * Which answers are confirmed hits: what the edge is going to show as `hit` to somebody at a desk.
 *
 * Central answers keys; only the edge knows which of them is the number as it was read, of the state
 * as read. It says so in the question (`encounter.exact`). A listed look-alike or other reading is no
 * hit, and neither is one for a caller who is told of no hit (carrier, integrator): the second check,
 * by an officer, is the encounter. Checks for training or test meet no traveller.
 */

import type { ConfirmationQuestion } from '../../src/format/confirmation.ts';
import type { Role } from '../../src/format/role.ts';
import type { Caller } from '../http/caller.ts';
import type { RecordRow } from '../records/tables.ts';
import type { NewSighting } from './tables.ts';

const TOLD_OF_HITS: readonly Role[] = ['officer', 'ncb'];
const WITHOUT_TRAVELLER: readonly string[] = ['training', 'test'];

/** One sighting for each document of the question that is a hit. */
export function sightingsOf(
  { nonce, keys, encounter }: ConfirmationQuestion,
  {
    records,
    caller,
    nowMs,
  }: {
    records: ReadonlyMap<string, RecordRow>;
    caller: Caller;
    nowMs: number;
  },
): NewSighting[] {
  if (!encounter || !TOLD_OF_HITS.includes(caller.role)) return [];
  const { exact, purpose, direction } = encounter;
  if (purpose !== undefined && WITHOUT_TRAVELLER.includes(purpose)) return [];
  const sightings = new Map<string, NewSighting>();
  for (const index of exact) {
    const key = keys[index];
    const record = key === undefined ? undefined : records.get(key);
    if (key === undefined || !record) continue;
    // One document is asked under several classes; the edge shows the first that is listed.
    const document = key.slice(1);
    if (sightings.has(document)) continue;
    sightings.set(document, {
      id: `${nonce}.${index}`,
      record_id: record.id,
      issuing_state: record.state,
      category: record.category,
      tenant: caller.tenant,
      site: caller.site,
      subject: caller.subject,
      asking_state: caller.state ?? null,
      purpose: purpose ?? null,
      direction: direction ?? null,
      seen_at: nowMs,
    });
  }
  return [...sightings.values()];
}
