import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import type { Operation } from '../records/operation-log.ts';

/** Clocks of publisher and central may differ: a list must be later by this to have known a report. */
export const CLOCK_MARGIN_MS = 10 * 60_000;

/** A report as it is compared with checks. */
export interface Report {
  recordId: string;
  key: CanonicalKey;
  /** When central took it, in milliseconds since 1970. */
  at: number;
  /** A list that is complete up to later than this had it; infinite where its age does not say so. */
  knownAfter: number;
}

/** The reports among operations. */
export const reportsOf = (operations: readonly Operation[]): Report[] =>
  operations
    .filter(({ kind }) => kind === 'added')
    .map(({ recordId, key, at }) => ({ recordId, key, at, knownAfter: at + CLOCK_MARGIN_MS }));
