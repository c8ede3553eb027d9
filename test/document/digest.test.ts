import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { epochKeyId, sipHash128 } from '../../src/document/digest.ts';

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function openssl(key: Uint8Array, data: Uint8Array): string {
  const options = ['-macopt', `hexkey:${hex(key)}`, '-macopt', 'size:16', '-in', '-', 'SIPHASH'];
  const stdio: ['pipe', 'pipe', 'pipe'] = ['pipe', 'pipe', 'pipe'];
  const output = execFileSync('openssl', ['mac', ...options], { input: data, stdio });
  return output.toString('ascii').trim().toLowerCase();
}

/** Why OpenSSL cannot be asked, or undefined if it can: version 3 brought `openssl mac`. */
function opensslMissing(): string | undefined {
  try {
    openssl(KEY, new Uint8Array());
    return undefined;
  } catch {
    return 'no openssl with "openssl mac ... SIPHASH" on this machine';
  }
}

test('the digests of the reference key and data are those of the authors', () => {
  // vectors_sip128 of the reference code (key 00..0f, data 00..n-1), as OpenSSL 3.0.19 prints them.
  const expected: Record<number, string> = {
    0: 'a3817f04ba25a8e66df67214c7550293',
    1: 'da87c1d86b99af44347659119b22fc45',
    15: '5493e99933b0a8117e08ec0f97cfc3d9',
  };
  for (const [length, digest] of Object.entries(expected)) {
    const data = Uint8Array.from({ length: Number(length) }, (_, i) => i);
    expect(hex(sipHash128(KEY, data))).toBe(digest);
  }
});

const missing = opensslMissing();
if (missing) console.warn(`skipped: ${missing}`);

test.skipIf(missing)(
  'digests are those of OpenSSL, for every length up to 40 and beyond 255',
  () => {
    const data = Uint8Array.from({ length: 300 }, (_, i) => (i * 151 + 7) & 255);
    for (const length of [...Array(41).keys(), 255, 256, 257, 300]) {
      const part = data.subarray(0, length);
      expect(hex(sipHash128(KEY, part)), `length ${length}`).toBe(openssl(KEY, part));
    }
  },
);

test.skipIf(missing)('digests are those of OpenSSL under any key', () => {
  const key = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(key, fc.uint8Array({ maxLength: 36 }), (secret, data) => {
      expect(hex(sipHash128(secret, data))).toBe(openssl(secret, data));
    }),
    { numRuns: 40 },
  );
});

test('a key of another length than 16 bytes is refused', async () => {
  for (const length of [0, 15, 17, 32]) {
    expect(() => sipHash128(new Uint8Array(length), KEY)).toThrow(RangeError);
    await expect(epochKeyId(new Uint8Array(length))).rejects.toThrow(RangeError);
  }
});

test('the id of an epoch key is the start of the SHA-256 of its label and bytes', async () => {
  const hash = createHash('sha256').update('sltd-epoch-key').update(KEY).digest();
  expect(await epochKeyId(KEY)).toEqual(new Uint8Array(hash.subarray(0, 16)));
});
