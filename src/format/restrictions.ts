/**
 * Restrictions: which states see nothing of the records of which issuing states.
 *
 * The last rows of a manifest, docs/format.md section 9. A state that restricts nobody has no row, and
 * a manifest without rows costs the request path one test.
 *
 * struct RestrictionRow {        // 8 bytes
 *    0  u8[4]  source            // whose records; a state of the manifest
 *    4  u8[4]  excluded          // who sees nothing of them; another state
 * }
 */

import type { StateCode } from '../document/issuing-state.ts';
import { readState, refuse, writeState } from './fields.ts';
import {
  RESTRICTION_ROW_BYTES,
  RESTRICTION_ROW_EXCLUDED,
  RESTRICTION_ROW_SOURCE,
  RESTRICTIONS_MAX,
} from './layout.ts';

const DETAIL = 'manifest restriction';

/** A state whose records another state is told nothing of. */
export interface Restriction {
  source: StateCode;
  excluded: StateCode;
}

/** Order of the rows: by source, then by excluded state. */
export const compareRestrictions = (a: Restriction, b: Restriction): number =>
  compare(a.source, b.source) || compare(a.excluded, b.excluded);

// '<' sorts before every letter, so codes without fillers sort as their bytes do.
const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** First line of a file of restrictions. */
export const RESTRICTIONS_HEADING = 'issuing_state,excluded_state';

/** Restrictions, and whom they exclude. */
export class Restrictions {
  readonly rows: readonly Restriction[];
  readonly #bySource = new Map<string, Set<string>>();

  constructor(rows: readonly Restriction[]) {
    this.rows = rows;
    for (const { source, excluded } of rows) {
      const others = this.#bySource.get(source);
      if (others) others.add(excluded);
      else this.#bySource.set(source, new Set([excluded]));
    }
  }

  /**
   * Whether a caller of this state is told nothing of the source's records. A caller whose state is not
   * known might be of any: excluded wherever anybody is.
   */
  excludes(source: string, caller: string | undefined): boolean {
    const others = this.#bySource.get(source);
    return others !== undefined && (caller === undefined || others.has(caller));
  }
}

/** Writes the rows; format-value if there are too many, or a code is none. */
export function writeRestrictions(
  bytes: Uint8Array,
  offset: number,
  rows: readonly Restriction[],
): void {
  if (rows.length > RESTRICTIONS_MAX) refuse('format-value', DETAIL);
  rows.forEach(({ source, excluded }, index) => {
    const row = offset + RESTRICTION_ROW_BYTES * index;
    writeState(bytes, row + RESTRICTION_ROW_SOURCE, source, DETAIL);
    writeState(bytes, row + RESTRICTION_ROW_EXCLUDED, excluded, DETAIL);
  });
}

/** The restrictions in the rows of a manifest; undefined if there are none. Throws a format error. */
export function openRestrictions(
  bytes: Uint8Array,
  hasState: (code: string) => boolean,
): Restrictions | undefined {
  const rows: Restriction[] = [];
  for (let row = 0; row < bytes.length; row += RESTRICTION_ROW_BYTES) {
    const source = readState(bytes, row + RESTRICTION_ROW_SOURCE, DETAIL);
    const excluded = readState(bytes, row + RESTRICTION_ROW_EXCLUDED, DETAIL);
    const before = rows.at(-1);
    const isNext = before === undefined || compareRestrictions(before, { source, excluded }) < 0;
    if (!isNext) refuse('format-value', 'manifest restriction order');
    // No state can be kept from its own records, nor restrict what the list does not cover.
    if (source === excluded || !hasState(source)) refuse('format-value', DETAIL);
    rows.push({ source, excluded });
  }
  return rows.length === 0 ? undefined : new Restrictions(rows);
}
