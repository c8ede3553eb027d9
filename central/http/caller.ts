/**
 * Who asks: a bearer token, JWT (RFC 7519), EdDSA only, `iss` sltd-edge, `aud` sltd-central.
 *
 * There are two kinds, told apart by the key that signed and by nothing in the token:
 *
 *     edge     signed by an edge for one question about its caller; at most 60 seconds of life
 *     direct   issued to a person or a system of a bureau, a post or an agency; at most 12 hours
 *
 * A stolen edge key can thus ask, but never write a record or open a case. Role and tenant come from
 * the token alone. Every way to fail gives the same 'unauthenticated', so that nothing can be
 * learned by trying.
 */

import { jwtVerify } from 'jose';
import * as v from 'valibot';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { SltdError } from '../../src/errors.ts';
import { callerStateOf } from '../../src/format/caller-state.ts';
import { DEFAULT_COLLECTIONS } from '../../src/format/collection.ts';
import { Name } from '../../src/format/forms.ts';
import { ROLES, type Role } from '../../src/format/role.ts';
import type { VerifyKey } from '../../src/format/signature.ts';
import { isForTraining, TRAINING } from '../../src/format/training.ts';

/** Longest life of an edge's token, in seconds: one question. */
export const EDGE_TOKEN_SECONDS_MAX = 60;
/** Longest life of a direct token, in seconds: a shift. */
export const DIRECT_TOKEN_SECONDS_MAX = 12 * 3600;
/** Clocks of issuer and central may differ by this much. */
const CLOCK_SKEW_SECONDS = 5;
const TOKEN_LENGTH_MAX = 4_096;

/** The person or system behind a request, as its token says. */
export interface Caller {
  role: Role;
  /** Agency; the National Central Bureau of a state is `NCB-` and the state's code. */
  tenant: string;
  site: string;
  subject: string;
  /** For which state it works; undefined where the token does not say. */
  state: StateCode | undefined;
  /** End of the token, in milliseconds since 1970. */
  untilMs: number;
}

/** Whose tokens count, and for how long. */
export interface TokenRule {
  keys: readonly VerifyKey[];
  lifetimeMaxSeconds: number;
  nowMs: number;
  /** That central holds, which the token has to name; undefined: an edge's, which vouches for it. */
  collection: string | undefined;
}

const ClaimsSchema = v.object({
  sub: Name,
  tenant: Name,
  site: Name,
  role: v.picklist(ROLES),
  exp: v.number(),
  /** Those that the caller may ask; `sltd` alone without the claim, as at the edge. */
  collections: v.optional(v.array(v.string()), [...DEFAULT_COLLECTIONS]),
  state: v.optional(v.unknown()),
});

/** The caller of an Authorization header; throws 'unauthenticated' on anything else. */
export async function authenticate(
  authorization: string | undefined,
  rule: TokenRule,
): Promise<Caller> {
  const token = /^Bearer ([\w.-]+)$/i.exec(authorization ?? '')?.[1];
  if (token && token.length <= TOKEN_LENGTH_MAX) {
    for (const { key } of rule.keys) {
      const caller = await verify(token, key, rule);
      if (caller) return caller;
    }
  }
  throw new SltdError('unauthenticated');
}

/** The bureau that alone owns the records of an issuing state. */
export const bureauOf = (state: string): string => `NCB-${state}`;

async function verify(
  token: string,
  key: CryptoKey,
  { lifetimeMaxSeconds, nowMs, collection }: TokenRule,
): Promise<Caller | undefined> {
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
  const { role, tenant, site, sub, exp, collections } = claims.output;
  if (collection !== undefined) {
    const isForIt = collections.includes(collection);
    if (!isForIt || isForTraining(collections) !== (collection === TRAINING)) return undefined;
  }
  if (exp - nowMs / 1000 > lifetimeMaxSeconds + CLOCK_SKEW_SECONDS) return undefined;
  const state = callerStateOf(claims.output.state, tenant);
  if (state === 'invalid') return undefined;
  return { role, tenant, site, subject: sub, state, untilMs: exp * 1000 };
}
