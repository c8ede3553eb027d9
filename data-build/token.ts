/**
 * Caller tokens: the short-lived credential with which an officer or a system asks the edge.
 *
 * A JWT signed with the `token` key; who asks, for whom and from where stands in it and nowhere else.
 * Claims: docs/api.md.
 */

import { importJWK, SignJWT } from 'jose';
import type { Role } from '../src/format/role.ts';
import type { KeysFile } from './keys.ts';

/** Longest life of a token: a working day with its overtime, in minutes. */
export const TOKEN_MINUTES_MAX = 24 * 60;

interface TokenOptions {
  role: Role;
  /** Who the caller works for. */
  tenant: string;
  /** The post or the system. */
  site: string;
  /** Life in minutes, 1 to 1,440; 60 by default. */
  minutes?: number;
  /** The caller's own name within the site; by default the site. */
  subject?: string;
}

/** A signed token, valid from now. */
export async function issueToken(keys: KeysFile, options: TokenOptions): Promise<string> {
  const { role, tenant, site, minutes = 60, subject = site } = options;
  const nowSeconds = Math.floor(Date.now() / 1000);
  return new SignJWT({ tenant, site, role })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT' })
    .setIssuer('sltd-edge')
    .setAudience('sltd-edge')
    .setSubject(subject)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + minutes * 60)
    .sign(await importJWK({ ...keys.token }, 'EdDSA'));
}
