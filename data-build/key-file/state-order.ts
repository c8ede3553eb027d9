/** Every state of an edition, with or without records, in the order of its rows: ascending by code. */

import { ISSUING_STATES, type StateCode } from '../../src/document/issuing-state.ts';

const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The codes of Doc 9303-3, each once. */
export const STATE_ORDER: readonly StateCode[] = [
  ...new Set(ISSUING_STATES.map(({ code }) => code)),
].sort(byCode);

/** Place of a code in STATE_ORDER. */
export const STATE_INDEX: ReadonlyMap<string, number> = new Map(
  STATE_ORDER.map((code, index) => [code, index]),
);
