/** The stored digests come from another hand: OpenSSL's SipHash, asked again where it is there. */

import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import vectors from '../vectors/digest.openssl.json' with { type: 'json' };

function openssl(epochKey: string, data: Uint8Array): string | undefined {
  const { status, stdout } = spawnSync(
    'openssl',
    ['mac', '-macopt', `hexkey:${epochKey}`, '-macopt', 'size:16', '-in', '-', 'SIPHASH'],
    { input: data },
  );
  return status === 0 ? stdout.toString().trim().toLowerCase() : undefined;
}

const isThere = openssl(vectors.keys.epochKey, new Uint8Array(1)) !== undefined;
if (!isThere) console.warn('skipped: this machine has no openssl with the SIPHASH mac');

it.skipIf(!isThere)('the stored digests are those of the openssl command', () => {
  vectors.reference.digests.forEach((digest, length) => {
    const data = Uint8Array.from({ length }, (_, index) => index);
    expect(openssl(vectors.reference.epochKey, data)).toBe(digest);
  });
  const { digests, groupDigests } = vectors.keys;
  for (const [key, digest] of Object.entries({ ...digests, ...groupDigests })) {
    expect(openssl(vectors.keys.epochKey, new TextEncoder().encode(key))).toBe(digest);
  }
});

it('the published vectors begin as the reference code prints them', () => {
  // vectors_sip128[0] in https://github.com/veorq/SipHash/blob/master/vectors.h
  expect(vectors.reference.digests[0]).toBe('a3817f04ba25a8e66df67214c7550293');
});
