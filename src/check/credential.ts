/**
 * Who asks: the caller's token, verified once and then remembered for a few minutes.
 *
 * JWT (RFC 7519), EdDSA only, issuer and audience `sltd-edge`, with an end. Verifying costs more than
 * a whole check, and a post asks with the same token all day; so what was verified is kept by the
 * token's text, never longer than the token lives, in a map that cannot grow without bound.
 */

import { jwtVerify } from 'jose';
import type { StateCode } from '../document/issuing-state.ts';
import { SltdError } from '../errors.ts';
import { callerStateOf } from '../format/caller-state.ts';
import { DEFAULT_COLLECTIONS, parseCollections } from '../format/collection.ts';
import { isName } from '../format/forms.ts';
import { ROLES, type Role } from '../format/role.ts';
import type { VerifyKey } from '../format/signature.ts';
import type { Caller } from './caller.ts';

/** Clocks of issuer and edge may differ by this much, in seconds. */
const CLOCK_TOLERANCE_SECONDS = 30;
/** A token is for a shift, not for ever. */
const LIFE_MAX_MS = (24 * 3600 + CLOCK_TOLERANCE_SECONDS) * 1000;
const REMEMBERED_MAX_MS = 5 * 60_000;
const REMEMBERED_COUNT_MAX = 1_000;
const TOKEN_LENGTH_MAX = 4_096;
const PREFIX = 'Bearer ';

interface Remembered {
  caller: Caller;
  untilMs: number;
}

export class CredentialReader {
  readonly #tokenKeys: readonly VerifyKey[];
  readonly #now: () => number;
  readonly #remembered = new Map<string, Remembered>();

  constructor(tokenKeys: readonly VerifyKey[], now: () => number) {
    this.#tokenKeys = tokenKeys;
    this.#now = now;
  }

  /** The caller of an Authorization header, or undefined: every way to fail looks the same. */
  async callerOf(authorization: string | null): Promise<Caller | undefined> {
    if (!authorization?.startsWith(PREFIX)) return undefined;
    const token = authorization.slice(PREFIX.length);
    if (token.length > TOKEN_LENGTH_MAX) return undefined;
    const known = this.#remembered.get(token);
    if (known) {
      if (this.#now() < known.untilMs) return known.caller;
      this.#remembered.delete(token);
    }
    const verified = await this.#verify(token);
    if (!verified) return undefined;
    this.#remember(token, verified);
    return verified.caller;
  }

  #remember(token: string, verified: Remembered): void {
    if (this.#remembered.size >= REMEMBERED_COUNT_MAX) {
      const [oldest] = this.#remembered.keys();
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
    this.#remembered.set(token, verified);
  }

  async #verify(token: string): Promise<Remembered | undefined> {
    const nowMs = this.#now();
    for (const { key } of this.#tokenKeys) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: ['EdDSA'],
          issuer: 'sltd-edge',
          audience: 'sltd-edge',
          requiredClaims: ['exp', 'sub'],
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          currentDate: new Date(nowMs),
        });
        const { exp = 0, tenant, site, sub, role, collections, state } = payload;
        if (exp * 1000 > nowMs + LIFE_MAX_MS) throw new SltdError('unauthenticated');
        const caller: Caller = {
          role: roleOf(role),
          tenant: nameOf(tenant),
          site: nameOf(site),
          subject: nameOf(sub),
          state: stateOf(state, nameOf(tenant)),
          collections: collectionsOf(collections),
        };
        const endMs = (exp + CLOCK_TOLERANCE_SECONDS) * 1000;
        return { caller, untilMs: Math.min(endMs, nowMs + REMEMBERED_MAX_MS) };
      } catch {
        // Not of this key, not now, or not a token of ours; perhaps of the next key.
      }
    }
    return undefined;
  }
}

function roleOf(value: unknown): Role {
  const role = ROLES.find((name) => name === value);
  if (!role) throw new SltdError('unauthenticated');
  return role;
}

function collectionsOf(value: unknown): readonly string[] {
  const collections = value === undefined ? DEFAULT_COLLECTIONS : parseCollections(value);
  if (!collections) throw new SltdError('unauthenticated');
  return collections;
}

function stateOf(value: unknown, tenant: string): StateCode | undefined {
  const state = callerStateOf(value, tenant);
  if (state === 'invalid') throw new SltdError('unauthenticated');
  return state;
}

function nameOf(value: unknown): string {
  if (typeof value !== 'string' || !isName(value)) throw new SltdError('unauthenticated');
  return value;
}
