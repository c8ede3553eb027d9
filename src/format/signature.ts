/**
 * Signature trailer: who vouches for a manifest, a permit, an overlay or a head.
 *
 * docs/format.md section 8. Ed25519 (RFC 8032) by WebCrypto, so that it runs in workerd, Node and a
 * browser alike. Every role has keys of its own: a caller passes verifyObject() those of the role
 * that it asks for, so that a key for overlays can never bring in an edition.
 */

import { assert, SltdError } from '../errors.ts';
import { readMagic, refuse, viewOf } from './fields.ts';
import {
  KEY_ID_BYTES,
  PAGE_LENGTH,
  TRAILER_BYTES,
  TRAILER_KEY_ID,
  TRAILER_SIGNATURE,
} from './layout.ts';
import { equalBytes, sha256 } from './names.ts';

/** What a key may sign. */
export type Role = 'edition' | 'overlay' | 'head';

/** A private key and the id under which readers know it. */
export interface SigningKey {
  keyId: Uint8Array;
  key: CryptoKey;
  /** Its public half. */
  verifier: VerifyKey;
}

/** A public key and its id. */
export interface VerifyKey {
  keyId: Uint8Array;
  key: CryptoKey;
}

const ALGORITHM = 'Ed25519';
const PUBLIC_KEY = /^[\w-]{43}$/; // 32 bytes as base64url

const ROLE_BY_MAGIC = new Map<string | undefined, Role>([
  ['SLTDMANI', 'edition'],
  ['SLTDPRMT', 'edition'],
  ['SLTDOVRL', 'overlay'],
  ['SLTDHEAD', 'head'],
]);

/** The role whose keys sign objects of this kind; undefined if it is not a signed object. */
export function roleOf(bytes: Uint8Array): Role | undefined {
  return ROLE_BY_MAGIC.get(readMagic(bytes));
}

/*
 * struct Trailer {               // 80 bytes
 *    0  u8[16] keyId
 *   16  u8[64] signature         // of every byte of the object before it
 * }
 */

/** The object: the body that an encoder returned, then its trailer. */
export async function signObject(body: Uint8Array, signer: SigningKey): Promise<Uint8Array> {
  assert(roleOf(body) !== undefined, 'a body that is signed');
  const bytes = new Uint8Array(body.length + TRAILER_BYTES);
  assert(viewOf(body).getUint32(PAGE_LENGTH, true) === bytes.length, 'a body without trailer');
  bytes.set(body);
  bytes.set(signer.keyId, body.length + TRAILER_KEY_ID);
  const signatureOffset = body.length + TRAILER_SIGNATURE;
  const signed = bytes.subarray(0, signatureOffset);
  bytes.set(
    new Uint8Array(await crypto.subtle.sign(ALGORITHM, signer.key, signed)),
    signatureOffset,
  );
  return bytes;
}

/** Throws format-signature unless one of the trusted keys signed every byte of the object. */
export async function verifyObject(
  bytes: Uint8Array,
  trusted: readonly VerifyKey[],
): Promise<void> {
  if (bytes.length < TRAILER_BYTES) refuse('format-signature', 'trailer');
  const object = bytes as Uint8Array<ArrayBuffer>;
  const trailer = object.length - TRAILER_BYTES;
  const keyId = object.subarray(trailer, trailer + KEY_ID_BYTES);
  const verifier = trusted.find((candidate) => equalBytes(candidate.keyId, keyId));
  if (!verifier) refuse('format-signature', 'key id');
  const signature = object.subarray(trailer + TRAILER_SIGNATURE);
  const signed = object.subarray(0, trailer + TRAILER_SIGNATURE);
  if (!(await crypto.subtle.verify(ALGORITHM, verifier.key, signature, signed))) {
    refuse('format-signature', 'signature');
  }
}

/** The private key of a JWK (RFC 8037); throws config-invalid if it is none or not that of its `x`. */
export async function signingKey(jwk: JsonWebKey): Promise<SigningKey> {
  const { kty, crv, x, d } = jwk;
  const [verifier] = await verifyKeys(x ?? '');
  const key = await importKey({ kty, crv, x, d }, 'sign');
  return { keyId: verifier!.keyId, key, verifier: verifier! };
}

/**
 * The public keys of a setting: one or more, raw as base64url, separated by commas.
 * Throws config-invalid if there is none or one of them is not a key.
 */
export async function verifyKeys(text: string): Promise<VerifyKey[]> {
  return Promise.all(
    text.split(',').map(async (part) => {
      const x = part.trim();
      if (!PUBLIC_KEY.test(x)) throw new SltdError('config-invalid', { detail: 'public key' });
      const key = await importKey({ kty: 'OKP', crv: ALGORITHM, x }, 'verify');
      return { keyId: (await sha256(decodeBase64url(x))).slice(0, KEY_ID_BYTES), key };
    }),
  );
}

async function importKey(jwk: JsonWebKey, usage: 'sign' | 'verify'): Promise<CryptoKey> {
  try {
    return await crypto.subtle.importKey('jwk', jwk, ALGORITHM, false, [usage]);
  } catch {
    // The cause may hold parts of the key: it is not passed on.
    throw new SltdError('config-invalid', { detail: 'Ed25519 key' });
  }
}

function decodeBase64url(text: string): Uint8Array {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
