/**
 * Who owns a record: the bureau of its issuing state; in a state's own list that state's bureau, whatever
 * state has issued the document.
 *
 * The owner sees all of a record, answers for it in cases and disputes, and restricts who sees it. To
 * change one it has to be of its own state as well: change-records.ts.
 */

import { SltdError } from '../../src/errors.ts';
import { stateOfBureau } from '../../src/format/caller-state.ts';
import { stateOfCollection } from '../../src/format/collection.ts';
import { bureauOf, type Caller } from '../http/caller.ts';
import type { CentralContext } from '../http/context.ts';
import type { CentralServices } from '../http/route-module.ts';

/** The bureau that owns the records of an issuing state in this collection. */
export const ownerOf = (collection: string, issuingState: string): string =>
  bureauOf(stateOfCollection(collection) ?? issuingState);

/** Which records a bureau of this state owns in this collection, if it owns any. */
export const ownedIn = (collection: string, bureauState: string): { state: string } | 'all' =>
  stateOfCollection(collection) === undefined ? { state: bureauState } : 'all';

/** True for those of a bureau that report, and learn of what their bureau reported. */
export const isOfBureau = ({ role, tenant }: Caller): boolean =>
  (role === 'ncb' || role === 'data-operator') && stateOfBureau(tenant) !== undefined;

/** A person or system of a bureau. */
export interface OwningCaller extends Caller {
  /** Of the bureau. */
  bureauState: string;
}

/** The caller, if its bureau owns records in this collection; throws 'forbidden'. */
export async function owningCallerOf(
  c: CentralContext,
  { callerOf, collection }: CentralServices,
): Promise<OwningCaller> {
  const caller = await callerOf(c);
  const bureauState = stateOfBureau(caller.tenant);
  if (!isOfBureau(caller) || bureauState === undefined) throw new SltdError('forbidden');
  if (ownerOf(await collection(), bureauState) !== caller.tenant) throw new SltdError('forbidden');
  return { ...caller, bureauState };
}
