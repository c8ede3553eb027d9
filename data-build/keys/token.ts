/**
 * Caller tokens: the short-lived credential with which a person or a system asks edge or central.
 *
 * A JWT signed with the `token` key; who asks, for whom and from where stands in it and nowhere else.
 * Claims: docs/api.md.
 */

import { importJWK, SignJWT } from 'jose';
import type { StateCode } from '../../src/document/issuing-state.ts';
import type { Role } from '../../src/format/role.ts';
import type { KeysOf } from './keys.ts';

/** Who takes a token, and its longest life in minutes: a day with its overtime, or a shift. */
export const TOKEN_MINUTES_MAX = { edge: 24 * 60, central: 12 * 60 } as const;

/** Whom a token is for. A token for one is worth nothing at the other. */
export type TokenAudience = keyof typeof TOKEN_MINUTES_MAX;

interface TokenOptions {
  role: Role;
  /** Who the caller works for. */
  tenant: string;
  /** The post or the system. */
  site: string;
  /** The edge by default. */
  audience?: TokenAudience;
  /** Life in minutes, 1 to what its audience takes; 60 by default. */
  minutes?: number;
  /** The caller's own name within the site; by default the site. */
  subject?: string;
  /** Those that a check asks; the edge takes `sltd` if not given. */
  collections?: readonly string[];
  /** For which state the caller works; that of its bureau if not given. */
  state?: StateCode;
}

/** A signed token, valid from now. */
export async function issueToken(keys: KeysOf<'token'>, options: TokenOptions): Promise<string> {
  const { role, tenant, site, audience = 'edge', minutes = 60, subject = site } = options;
  const { collections, state } = options;
  const nowSeconds = Math.floor(Date.now() / 1000);
  return new SignJWT({ tenant, site, role, ...(collections && { collections }), state })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT' })
    .setIssuer('sltd-edge')
    .setAudience(`sltd-${audience}`)
    .setSubject(subject)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + minutes * 60)
    .sign(await importJWK({ ...keys.token }, 'EdDSA'));
}
