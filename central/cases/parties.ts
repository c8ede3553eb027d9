/**
 * Parties of a case: who takes part in it, read from tenant, site and role of the token alone.
 *
 *     post      officers of the agency that asked, at the post where it asked
 *     asking    the bureau of that agency's state
 *     issuing   the bureau that owns the record: that of the state that issued the document, but in a
 *               state's own list that state's
 *     audit     auditors of any of these three: they look and change nothing
 *
 * Everyone else does not learn that there is a case.
 */

import { parseStateCode } from '../../src/document/issuing-state.ts';
import { stateOfBureau } from '../../src/format/caller-state.ts';
import { bureauOf, type Caller } from '../http/caller.ts';
import type { CasesTable } from './tables.ts';

export type Party = 'post' | 'asking' | 'issuing';
export type Viewer = Party | 'audit';

/** What says who takes part. */
export type CaseOwners = Pick<CasesTable, 'issuing_ncb' | 'asking_ncb' | 'asking_tenant' | 'post'>;

/** What this caller is in this case: more than one thing where a bureau is both ends; none at all. */
export function viewersOf({ role, tenant, site }: Caller, owners: CaseOwners): readonly Viewer[] {
  const isAsking = tenant === owners.asking_tenant || tenant === owners.asking_ncb;
  const isIssuing = tenant === owners.issuing_ncb;
  switch (role) {
    case 'officer':
      return tenant === owners.asking_tenant && postOf(site) === owners.post ? ['post'] : [];
    case 'ncb':
      return [
        ...(isAsking && stateOfBureau(tenant) !== undefined ? (['asking'] as const) : []),
        ...(isIssuing ? (['issuing'] as const) : []),
      ];
    case 'auditor':
      return isAsking || isIssuing ? ['audit'] : [];
    default:
      return [];
  }
}

/** Tenants that are told of what happens, each once. */
export const tenantsOf = (owners: CaseOwners): readonly string[] => [
  ...new Set(
    [owners.issuing_ncb, owners.asking_ncb, owners.asking_tenant].filter(
      (tenant): tenant is string => tenant !== null,
    ),
  ),
];

/** The tenant that a party is. */
export function tenantOf(party: Party, owners: CaseOwners): string {
  if (party === 'issuing') return owners.issuing_ncb;
  return (party === 'asking' ? owners.asking_ncb : null) ?? owners.asking_tenant;
}

/** The post of a site, which is `post/desk`; a site without a stroke is a post by itself. */
export const postOf = (site: string): string => site.split('/', 1)[0] ?? site;

/**
 * The bureau of an agency: its tenant ends in a hyphen and its state's code, as in `BORDER-UTO`; else
 * that of the state for which its token says that it works. Undefined where neither names one. A bureau
 * is its own.
 */
export function bureauOfAgency(
  tenant: string,
  state: string | null | undefined,
): string | undefined {
  const named = /-([A-Z]{1,3})$/.exec(tenant)?.[1];
  if (named !== undefined && parseStateCode(named) === named) return bureauOf(named);
  return state ? bureauOf(state) : undefined;
}
