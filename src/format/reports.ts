/**
 * Reports: up to when edition and overlay have them all, and whether that is as far as it once was.
 *
 * docs/format.md section 11. An edition in force alone is complete up to the oldest list of its states;
 * an overlay that fits it is complete for every state.
 */

import type { Head } from './head.ts';
import type { Manifest } from './manifest.ts';
import type { OverlayFacts } from './overlay.ts';

/** What an edition says of its times. */
export type EditionTimes = Pick<Manifest, 'asOf' | 'states'>;

/** Up to when the edition has every report of every state, in milliseconds since 1970. */
export function completeUntil(edition: EditionTimes): number {
  let until = edition.asOf;
  for (const { asOf } of edition.states()) until = Math.min(until, asOf);
  return until;
}

/** Whether reports that were in force are in neither edition nor overlay: then no answer comes from them. */
export function owesReports(
  { reportedUntil }: Pick<Head, 'reportedUntil'>,
  edition: EditionTimes,
  overlay: Pick<OverlayFacts, 'asOf'> | undefined,
): boolean {
  return Math.max(completeUntil(edition), overlay?.asOf ?? 0) < reportedUntil;
}
