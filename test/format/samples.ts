/**
 * Values of every structure of docs/format.md for the codec tests, and the two damages that a codec
 * has to notice: bytes that end early and bits that flip.
 */

import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { SltdError } from '../../src/errors.ts';
import type { HeadContent } from '../../src/format/head.ts';
import type { ManifestContent, PageReference } from '../../src/format/manifest.ts';
import type { OverlayContent } from '../../src/format/overlay.ts';
import {
  filterPageBytes,
  matchPageBytes,
  type PageHeader,
  writePageHeader,
} from '../../src/format/page.ts';
import { encodePermit, type Permit } from '../../src/format/permit.ts';
import { compareRestrictions, type Restriction } from '../../src/format/restrictions.ts';
import {
  type SigningKey,
  signingKey,
  type VerifyKey,
  verifyKeys,
} from '../../src/format/signature.ts';

export const TRAILER = 80;

const u53 = fc.maxSafeNat();
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const state = fc.stringMatching(/^[A-Z]{1,3}$/) as fc.Arbitrary<StateCode>;
const collection = fc.stringMatching(/^[A-Za-z0-9-]{1,24}$/);

/** A page of any kind and size, its bits from a seed; padding as it has to be. */
export const page: fc.Arbitrary<{ header: PageHeader; bytes: Uint8Array }> = fc
  .record({
    kind: fc.constantFrom('filter' as const, 'match' as const),
    state,
    shardCount: fc.integer({ min: 1, max: 0xffffffff }),
    shardShare: fc.double({ min: 0, max: 0.999, noNaN: true }),
    keyCount: fc.oneof(fc.nat(20), fc.nat(2000)),
    tableShare: fc.double({ min: 0, max: 1, noNaN: true }),
    probes: fc.integer({ min: 1, max: 16 }),
    seed: u32,
    fill: fc.integer({ min: 0, max: 255 }),
    epochKeyId: bytesOf(16),
  })
  .map((wish) => {
    const { kind, keyCount } = wish;
    const tableCount = keyCount === 0 ? 0 : Math.max(1, Math.floor(keyCount * wish.tableShare));
    const length =
      kind === 'filter' ? filterPageBytes(tableCount) : matchPageBytes(keyCount, tableCount);
    const header: PageHeader = {
      kind,
      length,
      state: wish.state,
      shardIndex: Math.floor(wish.shardCount * wish.shardShare),
      shardCount: wish.shardCount,
      keyCount,
      tableCount,
      parameter: kind === 'filter' ? wish.probes : keyCount === 0 ? 0 : wish.seed,
      epochKeyId: wish.epochKeyId,
    };
    const bytes = new Uint8Array(length);
    if (kind === 'filter') bytes.fill(wish.fill, 64);
    else bytes.fill(wish.fill, 64, 64 + tableCount);
    writePageHeader(bytes, header);
    return { header, bytes };
  });

const reference = (unit: number): fc.Arbitrary<PageReference> =>
  fc.record({
    sha256: bytesOf(32),
    xxh64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    length: fc.integer({ min: 1, max: 1000 }).map((count) => Math.max(64, unit * count)),
  });

/** Restrictions by these states of whatever others, in order. */
const restrictionsOf = (sources: readonly StateCode[]): fc.Arbitrary<Restriction[]> =>
  sources.length === 0
    ? fc.constant([])
    : fc
        .uniqueArray(fc.record({ source: fc.constantFrom(...sources), excluded: state }), {
          maxLength: 5,
          selector: ({ source, excluded }) => `${source} ${excluded}`,
        })
        .map((rows) =>
          rows.filter(({ source, excluded }) => source !== excluded).sort(compareRestrictions),
        );

export const manifest: fc.Arbitrary<ManifestContent> = fc
  .uniqueArray(
    fc.record({
      state,
      coverage: fc.constantFrom('reports' as const, 'partial' as const, 'does-not-report' as const),
      shardCount: fc.integer({ min: 1, max: 4 }),
      asOf: u53,
      recordCount: u32,
    }),
    { maxLength: 5, selector: (entry) => entry.state },
  )
  .chain((entries) => {
    const states = entries.sort((a, b) => (a.state < b.state ? -1 : 1));
    const shardCount = states.reduce((sum, entry) => sum + entry.shardCount, 0);
    return fc.record({
      epochKeyId: bytesOf(16),
      asOf: u53,
      collection,
      inputsSha256: bytesOf(32),
      states: fc.constant(states),
      shards: fc.array(fc.record({ filter: reference(64), match: reference(8) }), {
        minLength: shardCount,
        maxLength: shardCount,
      }),
      restrictions: restrictionsOf(states.map((entry) => entry.state)),
    });
  });

export const overlay: fc.Arbitrary<OverlayContent> = fc
  .record({
    epochKeyId: bytesOf(16),
    collection,
    times: fc.tuple(u53, u53),
    lastOperation: u53,
    base: fc.option(
      fc.record({ sha256: bytesOf(32), length: fc.integer({ min: 208, max: 0xffffffff }) }),
      { nil: undefined },
    ),
    operations: fc.uniqueArray(
      fc.oneof(
        fc.record({
          digest: bytesOf(16),
          kind: fc.constantFrom('added' as const, 'added-withdrawn' as const),
          category: fc.integer({ min: 0, max: 15 }),
        }),
        fc.record({
          digest: bytesOf(16),
          kind: fc.constant('withdrawn' as const),
          category: fc.constant(0),
        }),
      ),
      { maxLength: 40, selector: (operation) => operation.digest.join() },
    ),
  })
  .map(({ times, ...rest }) => ({ ...rest, from: Math.min(...times), asOf: Math.max(...times) }));

export const permit: fc.Arbitrary<Permit> = fc.record({
  issuedAt: u53,
  notAfter: u53,
  collection,
  manifestSha256: bytesOf(32),
  manifestLength: fc.integer({ min: 208, max: 0xffffffff }),
});

export const head: fc.Arbitrary<HeadContent> = fc
  .record({
    sequence: u53,
    issuedAt: u53,
    notAfter: u53,
    permit,
    asOf: u53,
    reportedUntil: u53,
    overlay: fc.option(
      fc.record({ sha256: bytesOf(32), length: fc.integer({ min: 208, max: 0xffffffff }) }),
    ),
  })
  .map(({ overlay, permit, notAfter, ...rest }) => ({
    ...rest,
    notAfter: Math.min(notAfter, permit.notAfter),
    permit: withTrailer(encodePermit(permit)),
    overlaySha256: overlay?.sha256,
    overlayLength: overlay?.length ?? 0,
  }));

/** Body and a trailer of no meaning: structure is checked apart from the signature. */
export function withTrailer(body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(body.length + TRAILER);
  bytes.set(body);
  return bytes;
}

/** A fresh key pair of one role. */
export async function keyPair(): Promise<{ signer: SigningKey; trusted: VerifyKey[] }> {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return { signer: await signingKey(jwk), trusted: await verifyKeys(jwk.x!) };
}

/** Code of the SltdError that the call throws; fails if it throws another error or none. */
export function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof SltdError) return error.code;
    throw error;
  }
  return expect.unreachable('nothing was refused');
}

/** Every beginning of the bytes, and the bytes with one more, are refused with a format code. */
export function expectTruncationsRefused(
  bytes: Uint8Array,
  open: (bytes: Uint8Array) => unknown,
): void {
  for (let length = 0; length < bytes.length; length++) {
    expect(codeOf(() => open(bytes.slice(0, length)))).toMatch(/^format-/);
  }
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes);
  expect(codeOf(() => open(longer))).toBe('format-length');
}

/**
 * Each flipped bit of the first `length` bytes is refused with a format code or changes the value;
 * returns how many were refused.
 */
export function expectFlipsSeen(
  bytes: Uint8Array,
  length: number,
  open: (bytes: Uint8Array) => unknown,
): number {
  const before = JSON.stringify(open(bytes), plain);
  let refusedCount = 0;
  for (let bit = 0; bit < 8 * length; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    try {
      expect(JSON.stringify(open(flipped), plain), `bit ${bit}`).not.toBe(before);
    } catch (error) {
      if (!(error instanceof SltdError)) throw error;
      expect(error.code).toMatch(/^format-/);
      refusedCount++;
    }
  }
  return refusedCount;
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
