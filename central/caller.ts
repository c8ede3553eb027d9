/**
 * Who asks: a bearer token that the edge signed for one question.
 *
 * JWT (RFC 7519), EdDSA only, `iss` sltd-edge, `aud` sltd-central, at most 60 seconds of life. Role
 * and tenant come from the token alone. Every way to fail gives the same 'unauthenticated', so that
 * nothing can be learned by trying.
 */

import { jwtVerify } from 'jose';
import * as v from 'valibot';
import { SltdError } from '../src/errors.ts';
import { ROLES, type Role } from '../src/format/role.ts';
import type { VerifyKey } from '../src/format/signature.ts';

const LIFETIME_MAX_SECONDS = 60;
/** Clocks of edge and central may differ by this much. */
const CLOCK_SKEW_SECONDS = 5;
const TOKEN_LENGTH_MAX = 4_096;

/** The person or system behind the question, as the edge vouches for it. */
export interface Caller {
  role: Role;
  /** Agency; the National Central Bureau of a state is `NCB-` and the state's code. */
  tenant: string;
  site: string;
  subject: string;
}

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(128));
const ClaimsSchema = v.object({
  sub: name,
  tenant: name,
  site: name,
  role: v.picklist(ROLES),
  exp: v.number(),
});

/** The caller of an Authorization header; throws 'unauthenticated' on anything else. */
export async function authenticate(
  authorization: string | undefined,
  { edgeKeys, nowMs }: { edgeKeys: readonly VerifyKey[]; nowMs: number },
): Promise<Caller> {
  const token = /^Bearer ([\w.-]+)$/i.exec(authorization ?? '')?.[1];
  if (token && token.length <= TOKEN_LENGTH_MAX) {
    for (const { key } of edgeKeys) {
      const caller = await callerOf(token, key, nowMs);
      if (caller) return caller;
    }
  }
  throw new SltdError('unauthenticated');
}

async function callerOf(token: string, key: CryptoKey, nowMs: number): Promise<Caller | undefined> {
  let payload: unknown;
  try {
    ({ payload } = await jwtVerify(token, key, {
      algorithms: ['EdDSA'],
      issuer: 'sltd-edge',
      audience: 'sltd-central',
      requiredClaims: ['exp'],
      clockTolerance: CLOCK_SKEW_SECONDS,
      currentDate: new Date(nowMs),
    }));
  } catch {
    // Signature, algorithm, audience, time or form: the caller is told no more than that it failed.
    return undefined;
  }
  const claims = v.safeParse(ClaimsSchema, payload);
  if (!claims.success) return undefined;
  const { role, tenant, site, sub, exp } = claims.output;
  if (exp - nowMs / 1000 > LIFETIME_MAX_SECONDS + CLOCK_SKEW_SECONDS) return undefined;
  return { role, tenant, site, subject: sub };
}
