import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../src/errors.ts';
import { encodeHead } from '../../src/format/head.ts';
import { encodeManifest } from '../../src/format/manifest.ts';
import { encodeOverlay } from '../../src/format/overlay.ts';
import { encodePermit } from '../../src/format/permit.ts';
import {
  roleOf,
  type SigningKey,
  signingKey,
  signObject,
  type VerifyKey,
  verifyKeys,
  verifyObject,
} from '../../src/format/signature.ts';
import { keyPair, withTrailer } from './samples.ts';

const PERMIT = encodePermit({
  ...{ issuedAt: 1, notAfter: 2, collection: 'sltd' },
  manifestSha256: new Uint8Array(32),
  manifestLength: 208,
});
const BODIES = {
  edition: encodeManifest({
    epochKeyId: new Uint8Array(16),
    asOf: 1,
    collection: 'sltd',
    inputsSha256: new Uint8Array(32),
    states: [],
    shards: [],
  }),
  overlay: encodeOverlay({
    epochKeyId: new Uint8Array(16),
    collection: 'sltd',
    from: 1,
    asOf: 1,
    lastOperation: 1,
    operations: [{ digest: new Uint8Array(16), kind: 'added', category: 1 }],
  }),
  head: encodeHead({
    sequence: 1,
    issuedAt: 1,
    notAfter: 2,
    permit: withTrailer(PERMIT),
    overlayLength: 0,
    asOf: 1,
    reportedUntil: 0,
  }),
  permit: PERMIT,
};

let signer: SigningKey;
let trusted: VerifyKey[];
beforeAll(async () => {
  ({ signer, trusted } = await keyPair());
});

const refusal = async (promise: Promise<unknown>): Promise<ErrorCode | 'accepted'> =>
  promise.then(
    () => 'accepted' as const,
    (error) => error.code,
  );

describe.each(Object.entries(BODIES))('the signature of: %s', (kind, body) => {
  test('holds for the object as signed, under any of the trusted keys', async () => {
    const object = await signObject(body, signer);
    expect(object.length).toBe(body.length + 80);
    expect(roleOf(object)).toBe(kind === 'permit' ? 'edition' : kind);
    const other = await keyPair();
    expect(await refusal(verifyObject(object, [...other.trusted, ...trusted]))).toBe('accepted');
  });

  test('every flipped byte is refused, in body, key id and signature', async () => {
    const object = await signObject(body, signer);
    for (let at = 0; at < object.length; at++) {
      for (const change of [0x01, 0x80, 0xff]) {
        const damaged = object.slice();
        damaged[at]! ^= change;
        expect(await refusal(verifyObject(damaged, trusted)), `byte ${at}`).toBe(
          'format-signature',
        );
      }
    }
  });

  test('every truncation is refused', async () => {
    const object = await signObject(body, signer);
    for (let length = 0; length < object.length; length++) {
      expect(await refusal(verifyObject(object.subarray(0, length), trusted))).toBe(
        'format-signature',
      );
    }
  });

  test('a key of another role is not trusted, under its own id or a forged one', async () => {
    const other = await keyPair();
    const object = await signObject(body, other.signer);
    expect(await refusal(verifyObject(object, trusted))).toBe('format-signature');
    expect(await refusal(verifyObject(object, []))).toBe('format-signature');
    const forged = await signObject(body, { ...other.signer, keyId: signer.keyId });
    expect(await refusal(verifyObject(forged, trusted))).toBe('format-signature');
  });
});

describe('signing', () => {
  test('signs bodies of signed objects only, and none twice', async () => {
    const object = await signObject(BODIES.head, signer);
    await expect(signObject(object, signer)).rejects.toThrow('assertion');
    await expect(signObject(new Uint8Array(64), signer)).rejects.toThrow('assertion');
  });

  test('the same body under the same key gives the same bytes', async () => {
    expect(await signObject(BODIES.head, signer)).toEqual(await signObject(BODIES.head, signer));
  });
});

describe('key settings', () => {
  const jwk = () => generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });

  test('a list of public keys is read in order, blanks around commas allowed', async () => {
    const [a, b] = [jwk(), jwk()];
    const keys = await verifyKeys(`${a.x} , ${b.x}`);
    const ids = await Promise.all([signingKey(a), signingKey(b)]);
    expect(keys.map((key) => key.keyId)).toEqual(ids.map((key) => key.keyId));
    expect(keys[0]!.keyId).toHaveLength(16);
  });

  test('what is not a key is config-invalid, and the error does not repeat it', async () => {
    const good = jwk();
    for (const text of ['', ',', good.x!.slice(1), `${good.x}=`, `${good.x},`, 'x'.repeat(44)]) {
      expect(await refusal(verifyKeys(text))).toBe('config-invalid');
    }
    for (const bad of [
      {},
      { ...good, d: undefined },
      { ...good, d: 'AAAA' },
      { ...good, crv: 'X25519' },
      { ...good, x: jwk().x! }, // public key of another pair
    ]) {
      const error = await signingKey(bad).then(
        () => expect.unreachable(),
        (caught) => caught,
      );
      expect(error.code).toBe('config-invalid');
      expect(String(error.stack)).not.toContain(good.d);
      expect(error.cause).toBeUndefined();
    }
  });
});
