/**
 * Who may change records at all; which ones is for each change to say.
 *
 * A state's own list is that state's: its bureau alone writes in it, whatever states have issued what
 * stands there.
 */

import { SltdError } from '../../src/errors.ts';
import { stateOfBureau } from '../../src/format/caller-state.ts';
import { stateOfCollection } from '../../src/format/collection.ts';
import type { Caller } from '../http/caller.ts';
import type { CentralContext } from '../http/context.ts';
import type { CentralServices } from '../http/route-module.ts';

/** True for those of a bureau that report, and learn of what their bureau reported. */
export const isOfBureau = ({ role, tenant }: Caller): boolean =>
  (role === 'ncb' || role === 'data-operator') && tenant.startsWith('NCB-');

/** The caller, if it may change records in this collection; throws 'forbidden'. */
export async function writerOf(
  c: CentralContext,
  { callerOf, collection }: CentralServices,
): Promise<Caller> {
  const caller = await callerOf(c);
  const owner = stateOfCollection(await collection());
  const isOwner = owner === undefined || owner === stateOfBureau(caller.tenant);
  if (!isOfBureau(caller) || !isOwner) throw new SltdError('forbidden');
  return caller;
}
