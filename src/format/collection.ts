/**
 * Names of collections: as manifests, credentials and settings spell them.
 *
 * `sltd`, `tdawn`, `training`, and `national-` with a state's code are those that docs/api.md tells of;
 * none of them is special to the format, `training` is never asked with others, and a state's own list
 * is written by its bureau alone.
 */

import { isForTraining } from './training.ts';

/** One name. */
export const COLLECTION = /^[A-Za-z0-9-]{1,24}$/;

/**
 * Collections that a credential may name. With more of them the audit line of 1,000 documents would be
 * longer than what Logpush keeps of a request (check-event.ts).
 */
const ASKED_MAX = 4;
/** What a credential asks that names no collection. */
export const DEFAULT_COLLECTIONS: readonly string[] = ['sltd'];

/**
 * The state whose own list a collection is; undefined for a list of all states. What stands there need be
 * no code: it is nobody's then.
 */
export const stateOfCollection = (name: string): string | undefined =>
  /^national-(.*)$/.exec(name)?.[1];

/** The names in a claim, each once and in order, training alone; undefined if it is no such list. */
export function parseCollections(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > ASKED_MAX) return undefined;
  const isName = (name: unknown) => typeof name === 'string' && COLLECTION.test(name);
  if (!value.every(isName) || new Set(value).size < value.length) return undefined;
  const names = value as readonly string[];
  return isForTraining(names) === undefined ? undefined : names;
}
