/**
 * The keys file: every secret of one deployment, made once and kept from everybody else.
 *
 * One epoch key for the digests, one Ed25519 key for each role (docs/format.md section 8, and the
 * roles of central, caller tokens and the edge), one key that seals check ids; of each the one in use
 * and, while keys are changed, the one before. A file may also hold only the keys that one process
 * needs. It is made with mode 600, is never written over, and is refused when others can read it.
 */

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import * as v from 'valibot';
import { SltdError } from '../../src/errors.ts';
import { monthOf, tagKeyText } from '../../src/format/tag-key.ts';

/** The roles, in the order in which keys are shown. */
export const KEY_ROLES = ['edition', 'overlay', 'head', 'central', 'token', 'edge'] as const;

/** Who signs with a key; a key of one role is worth nothing in another. */
export type KeyRole = (typeof KEY_ROLES)[number];

/** A private Ed25519 key as a JSON Web Key (RFC 8037). */
export interface PrivateJwk {
  kty: 'OKP';
  crv: 'Ed25519';
  /** Public key, base64url of 32 bytes. */
  x: string;
  /** Private key, base64url of 32 bytes. */
  d: string;
}

/** Content of a keys file. */
export interface KeysFile extends Record<KeyRole, PrivateJwk> {
  /** 32 hexadecimal digits: the 16-byte SipHash key of the current epoch. */
  epochKey: string;
  /** The epoch before, still answered from while its edition is in use. */
  previousEpochKey?: string;
  /** base64url of 32 bytes. */
  seal: string;
  /** The one before, with which check ids of the last day were sealed. */
  previousSeal?: string;
  /** Public halves of the keys before, base64url: still believed, never signed with again. */
  previous?: Partial<Record<KeyRole, string>>;
  /** Key of the tags of checks, `2026-11:<base64url of 32 bytes>` (src/format/tag-key.ts). */
  tag?: string;
}

/** A key by its member in the file. */
export type KeyMember = KeyRole | 'epochKey' | 'seal';

/** A keys file of which only these members have to be there. */
export type KeysOf<K extends KeyMember> = Pick<
  KeysFile,
  K | 'previous' | 'previousEpochKey' | 'previousSeal' | 'tag'
>;

/** Every member. */
const KEY_MEMBERS: readonly KeyMember[] = [...KEY_ROLES, 'epochKey', 'seal'];

const hex16 = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));
const base64url32 = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/));
const jwk = v.object({
  kty: v.literal('OKP'),
  crv: v.literal('Ed25519'),
  x: base64url32,
  d: base64url32,
});
const keysSchema = v.object({
  epochKey: v.optional(hex16),
  previousEpochKey: v.optional(hex16),
  edition: v.optional(jwk),
  overlay: v.optional(jwk),
  head: v.optional(jwk),
  central: v.optional(jwk),
  token: v.optional(jwk),
  edge: v.optional(jwk),
  seal: v.optional(base64url32),
  previousSeal: v.optional(base64url32),
  tag: v.optional(v.pipe(v.string(), v.regex(/^\d{4}-\d{2}:[A-Za-z0-9_-]{43}$/))),
  previous: v.optional(
    v.partial(
      v.object({
        edition: base64url32,
        overlay: base64url32,
        head: base64url32,
        central: base64url32,
        token: base64url32,
        edge: base64url32,
      }),
    ),
  ),
});

/** New random keys. */
export function createKeys(): KeysFile {
  return {
    epochKey: createEpochKey(),
    edition: createJwk(),
    overlay: createJwk(),
    head: createJwk(),
    central: createJwk(),
    token: createJwk(),
    edge: createJwk(),
    seal: createSeal(),
    tag: tagKeyText({ month: monthOf(Date.now()), bytes: randomBytes(32) }),
  };
}

/** Write keys to a new file with mode 600; 'config-invalid' if something is already there. */
export function writeKeys(path: string, keys: Partial<KeysFile>): void {
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (cause) {
    const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    const detail = exists
      ? 'the keys file exists and is not written over'
      : 'keys file not writable';
    throw new SltdError('config-invalid', { detail, cause });
  }
  try {
    writeSync(file, `${JSON.stringify(keys, null, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Keys of a keys file, all of them or those that are needed; without a file, from SLTD_KEYS in the
 * environment, which holds the same JSON.
 *
 * Throws 'config-invalid' if it is missing, readable by others, or lacks one of them.
 */
export function readKeys<K extends KeyMember = KeyMember>(
  path: string | undefined,
  needed: readonly K[] = KEY_MEMBERS as readonly K[],
): KeysOf<K> {
  const text = path === undefined ? process.env.SLTD_KEYS : readOwnFile(path);
  if (!text) throw new SltdError('config-invalid', { detail: 'no --keys FILE and no SLTD_KEYS' });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SltdError('config-invalid', { detail: 'keys file is not JSON' });
  }
  const parsed = v.safeParse(keysSchema, value);
  if (!parsed.success) throw new SltdError('config-invalid', { detail: 'keys file not usable' });
  for (const member of needed) {
    if (parsed.output[member] === undefined) {
      throw new SltdError('config-invalid', { detail: `the keys file has no key: ${member}` });
    }
  }
  return parsed.output as KeysOf<K>;
}

function readOwnFile(path: string): string {
  try {
    const file = openSync(path, 'r');
    try {
      // Windows has no such bits: there the folder's access list has to do.
      if (process.platform !== 'win32' && (fstatSync(file).mode & 0o077) !== 0) {
        throw new SltdError('config-invalid', { detail: 'keys file open to others: chmod 600' });
      }
      return readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    if (cause instanceof SltdError) throw cause;
    throw new SltdError('config-invalid', { detail: 'keys file not readable', cause });
  }
}

/** The public keys of a role that are believed, the current one first: base64url, with commas. */
export function publicKeysText<R extends KeyRole>(keys: KeysOf<R>, role: R): string {
  return [keys[role].x, keys.previous?.[role]].filter(Boolean).join(',');
}

/** The 16 bytes of the current epoch key. */
export function epochKeyOf(keys: KeysOf<'epochKey'>): Uint8Array {
  return new Uint8Array(Buffer.from(keys.epochKey, 'hex'));
}

/** A new random epoch key. */
export const createEpochKey = (): string => randomBytes(16).toString('hex');

/** A new random key that seals. */
export const createSeal = (): string => randomBytes(32).toString('base64url');

/** A new signing key. */
export function createJwk(): PrivateJwk {
  const { x, d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  if (!x || !d) throw new Error('the platform exports no Ed25519 key');
  return { kty: 'OKP', crv: 'Ed25519', x, d };
}
