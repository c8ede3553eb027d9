/**
 * Who asks. Role, tenant and site come from the credential alone, never from the request.
 */

import type { StateCode } from '../document/issuing-state.ts';
import type { Role } from '../format/role.ts';

export interface Caller {
  role: Role;
  /** The agency or company. */
  tenant: string;
  /** The post or system. */
  site: string;
  subject: string;
  /** For which state the caller works; undefined where the credential does not say. */
  state: StateCode | undefined;
  /** Names of the collections that a check of the caller asks, at least one. */
  collections: readonly string[];
}

/** Roles that may ask for documents. */
export const CHECK_ROLES: readonly Role[] = ['officer', 'integrator', 'carrier', 'ncb'];

/** Whether the role is told what was found; the others only learn that a second check is needed. */
export const seesMatch = (role: Role): boolean => role === 'officer' || role === 'ncb';
