/**
 * State of a caller: for whom it works, as the token says it; edge and central read it alike.
 *
 * A source state may keep its records from other states, so a state that is doubtful is none: the caller
 * is then kept from all records that anybody is kept from.
 */

import { parseStateCode, type StateCode } from '../document/issuing-state.ts';

/** The state of a bureau's tenant, `NCB-` and its code; undefined if the tenant is no bureau. */
export const stateOfBureau = (tenant: string): string | undefined =>
  /^NCB-([A-Z]{1,3})$/.exec(tenant)?.[1];

/**
 * The claim `state`, else the state of a bureau's tenant, else undefined. 'invalid' for a claim that is no
 * code of Doc 9303-3 as it stands there, and for a bureau that would be of another state than its own.
 */
export function callerStateOf(claim: unknown, tenant: string): StateCode | 'invalid' | undefined {
  const bureau = stateOfBureau(tenant);
  if (claim === undefined) return bureau === undefined ? undefined : parseStateCode(bureau);
  if (typeof claim !== 'string') return 'invalid';
  const state = parseStateCode(claim);
  const isCode = state !== undefined && state === claim;
  return isCode && (bureau === undefined || bureau === state) ? state : 'invalid';
}
