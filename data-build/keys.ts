/**
 * The keys file: every secret of one deployment, made once and kept from everybody else.
 *
 * One epoch key for the digests, one Ed25519 key for each role (docs/format.md section 8, and the
 * roles of central, caller tokens and the edge), one key that seals check ids. The file is made with
 * mode 600, is never written over, and is refused when others can read it.
 */

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import * as v from 'valibot';
import { SltdError } from '../src/errors.ts';
import { monthOf, tagKeyText } from '../src/format/tag-key.ts';

const KEY_ROLES = ['edition', 'overlay', 'head', 'central', 'token', 'edge'] as const;

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
  /** Key of the tags of checks, `2026-11:<base64url of 32 bytes>` (src/format/tag-key.ts). */
  tag?: string;
}

const hex16 = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));
const base64url32 = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/));
const jwk = v.object({
  kty: v.literal('OKP'),
  crv: v.literal('Ed25519'),
  x: base64url32,
  d: base64url32,
});
const keysSchema = v.object({
  epochKey: hex16,
  previousEpochKey: v.optional(hex16),
  edition: jwk,
  overlay: jwk,
  head: jwk,
  central: jwk,
  token: jwk,
  edge: jwk,
  seal: base64url32,
  tag: v.optional(v.pipe(v.string(), v.regex(/^\d{4}-\d{2}:[A-Za-z0-9_-]{43}$/))),
});

/** New random keys; given those of the epoch before, only the epoch key is new. */
export function createKeys(before?: KeysFile): KeysFile {
  const epochKey = randomBytes(16).toString('hex');
  if (before) return { ...before, epochKey, previousEpochKey: before.epochKey };
  return {
    epochKey,
    edition: createJwk(),
    overlay: createJwk(),
    head: createJwk(),
    central: createJwk(),
    token: createJwk(),
    edge: createJwk(),
    seal: randomBytes(32).toString('base64url'),
    tag: tagKeyText({ month: monthOf(Date.now()), bytes: randomBytes(32) }),
  };
}

/** Write keys to a new file with mode 600; 'config-invalid' if something is already there. */
export function writeKeys(path: string, keys: KeysFile): void {
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

/** Keys of a keys file; 'config-invalid' if it is missing, readable by others or not complete. */
export function readKeys(path: string): KeysFile {
  let text: string;
  try {
    const file = openSync(path, 'r');
    try {
      // Windows has no such bits: there the folder's access list has to do.
      if (process.platform !== 'win32' && (fstatSync(file).mode & 0o077) !== 0) {
        throw new SltdError('config-invalid', { detail: 'keys file open to others: chmod 600' });
      }
      text = readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    if (cause instanceof SltdError) throw cause;
    throw new SltdError('config-invalid', { detail: 'keys file not readable', cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SltdError('config-invalid', { detail: 'keys file is not JSON' });
  }
  const parsed = v.safeParse(keysSchema, value);
  if (!parsed.success) throw new SltdError('config-invalid', { detail: 'keys file not complete' });
  return parsed.output;
}

/** The public half of a key as the settings of the edge and of central spell it: base64url. */
export function publicKeyText(jwk: PrivateJwk): string {
  return jwk.x;
}

/** The 16 bytes of the current epoch key. */
export function epochKeyOf(keys: KeysFile): Uint8Array {
  return new Uint8Array(Buffer.from(keys.epochKey, 'hex'));
}

function createJwk(): PrivateJwk {
  const { x, d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  if (!x || !d) throw new Error('the platform exports no Ed25519 key');
  return { kty: 'OKP', crv: 'Ed25519', x, d };
}
