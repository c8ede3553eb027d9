/**
 * Makes test/vectors/edition-v2: a small, whole edition and what a reader must answer from it.
 *
 *     node test/vectors/make-vectors.ts      (after `npm run wasm`)
 *
 * Same bytes every time: keys come from fixed labels, times are fixed. Expected answers come from
 * the lists here, not from any reader. If the files move, the format has moved: first docs/format.md
 * and its version, then this (test/vectors/edition-v2.test.ts holds it).
 */

import { createHash, createPrivateKey } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import xxhash from 'xxhash-wasm';
import { readMatcherModule } from '../../data-build/matcher-module.ts';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import { epochKeyId, digestOf } from '../../src/document/digest.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { encodeHead } from '../../src/format/head.ts';
import { encodeManifest, type PageReference } from '../../src/format/manifest.ts';
import {
  fromHex,
  HEAD_NAME,
  type ObjectFolder,
  objectName,
  toHex,
} from '../../src/format/names.ts';
import { encodeOverlay, type Operation } from '../../src/format/overlay.ts';
import { encodePermit } from '../../src/format/permit.ts';
import { signingKey, signObject } from '../../src/format/signature.ts';
import { PageBuilder, sortAndMerge } from '../../src/matcher/page-builder.ts';

/** What edition-v2.json holds. */
export interface EditionVector {
  /** Whose words these are and what they are for. */
  about: string;
  collection: string;
  /** A time at which the head is in force, in milliseconds since 1970. */
  now: number;
  /** 32 hexadecimal digits. */
  epochKey: string;
  /** Public keys by role, base64url. */
  publicKeys: { edition: string; overlay: string; head: string };
  /** Every object of the directory, by its name, with its length in bytes. */
  objects: Record<string, number>;
  answers: {
    key: CanonicalKey;
    verdict: 'absent' | 'candidate' | 'unknown';
    category: number | null;
    withdrawn?: true;
  }[];
}

interface Listed {
  key: CanonicalKey;
  category: number;
}

const EPOCH_KEY = fromHex('00112233445566778899aabbccddeeff');
const AS_OF = Date.UTC(2026, 10, 22);
const HOUR_MS = 3_600_000;
const COLLECTION = 'sltd';
const GERMAN_SHARDS = 3;
const EMPTY_SHARD = 1;

const key = (text: string): CanonicalKey => text as CanonicalKey;
const numbered = (prefix: string, count: number): CanonicalKey[] =>
  Array.from({ length: count }, (_, i) => key(`${prefix}${String(i).padStart(6, '0')}`));

/** UTO: the specimen of Doc 9303, a number of each class, one of each length, the rest in a row. */
const UTOPIA: Listed[] = [
  { key: key('PUTOL898902C3'), category: 4 },
  ...['P', 'I', 'V', 'O'].map((letter, i) => ({ key: key(`${letter}UTO0012345`), category: i })),
  ...Array.from({ length: 32 }, (_, i) => ({
    key: key(`OUTO${'Z9'.repeat(16).slice(0, i + 1)}`),
    category: i % 6,
  })),
  ...numbered('PUTOSV', 120).map((listed, i) => ({ key: listed, category: i % 6 })),
];

/** D: three shards, and none of the keys in the middle one. */
const GERMANY: Listed[] = [key('PD<<C01X00T47'), ...numbered('ID<<T22000', 8)]
  .filter((listed) => shardOf(listed) !== EMPTY_SHARD)
  .map((listed, i) => ({ key: listed, category: i % 6 }));

const UNLISTED = [
  ...numbered('PUTOSW', 150),
  ...numbered('PD<<X99000', 45), // in every shard, the empty one too
  key('PUTOL898902C4'),
  key('IUTOL898902C3'), // listed as a passport, not as an identity card
];
const ADDED: Listed[] = [
  { key: key('PUTONEW000001'), category: 5 },
  { key: key('PD<<NEW000002'), category: 0 },
  { key: key('PUTOSV000007'), category: 4 }, // listed as 1: the operation is the later word
  { key: key('PGBRNEW000003'), category: 1 }, // of a state that the edition does not cover
];
const WITHDRAWN = [key('PUTOSV000005'), key('PUTONOTLISTED')];
/** Reported and withdrawn again since the edition was built: candidates until the next one. */
const ADDED_WITHDRAWN: Listed[] = [
  { key: key('PUTONEW000004'), category: 2 },
  { key: key('PUTOSV000009'), category: 5 },
];
/** Rows of the base that a row of the segment stands instead of. */
const OVERRULED: Listed[] = [
  { key: key('PUTONEW000001'), category: 1 },
  { key: key('PUTONEW000004'), category: 2 },
];
const UNCOVERED = [key('PGBR000000001'), key('PDJI000000001')];

/** Every file by its path below test/vectors. */
export async function makeVectors(): Promise<Map<string, Uint8Array>> {
  const edition = await signer('edition');
  const overlay = await signer('overlay');
  const head = await signer('head');
  const objects = new Map<string, Uint8Array>();
  const put = (folder: ObjectFolder, bytes: Uint8Array): Uint8Array => {
    const hash = sha256(bytes);
    objects.set(objectName(folder, hash), bytes);
    return hash;
  };

  const keyId = await epochKeyId(EPOCH_KEY);
  const pages = await makePages(keyId);
  const reference = (page: Uint8Array, xxh64: bigint): PageReference => ({
    sha256: put('pages', page),
    xxh64,
    length: page.length,
  });
  const { h64Raw } = await xxhash();
  const manifest = await signObject(
    encodeManifest({
      epochKeyId: keyId,
      asOf: AS_OF,
      collection: COLLECTION,
      inputsSha256: sha256(sha256(new Uint8Array())),
      states: [
        {
          state: 'D' as StateCode,
          coverage: 'reports',
          shardCount: GERMAN_SHARDS,
          asOf: AS_OF,
          recordCount: GERMANY.length,
        },
        {
          state: 'UTO' as StateCode,
          coverage: 'partial',
          shardCount: 1,
          asOf: AS_OF - 24 * HOUR_MS,
          recordCount: UTOPIA.length,
        },
      ],
      shards: pages.map(({ filter, match }) => ({
        filter: reference(filter, h64Raw(filter)),
        match: reference(match, h64Raw(match)),
      })),
    }),
    edition.key,
  );
  const manifestSha256 = put('manifests', manifest);

  const facts = { epochKeyId: keyId, collection: COLLECTION, from: AS_OF - 26 * HOUR_MS };
  const below = await signObject(
    encodeOverlay({
      ...facts,
      asOf: AS_OF + HOUR_MS / 2,
      lastOperation: 1000,
      operations: [
        ...operationsOf('added', [...OVERRULED, ...ADDED.slice(2)]),
        ...operationsOf('withdrawn', withdrawn(WITHDRAWN.slice(1))),
      ],
    }),
    overlay.key,
  );
  const overlayBytes = await signObject(
    encodeOverlay({
      ...facts,
      asOf: AS_OF + HOUR_MS,
      lastOperation: 1005,
      base: { sha256: put('overlays', below), length: below.length },
      operations: [
        ...operationsOf('added', ADDED.slice(0, 2)),
        ...operationsOf('withdrawn', withdrawn(WITHDRAWN.slice(0, 1))),
        ...operationsOf('added-withdrawn', ADDED_WITHDRAWN),
      ],
    }),
    overlay.key,
  );
  const permit = await signObject(
    encodePermit({
      issuedAt: AS_OF + HOUR_MS / 2,
      notAfter: AS_OF + 7 * 24 * HOUR_MS,
      collection: COLLECTION,
      manifestSha256,
      manifestLength: manifest.length,
    }),
    edition.key,
  );
  const headBytes = await signObject(
    encodeHead({
      sequence: 7,
      issuedAt: AS_OF + HOUR_MS,
      notAfter: AS_OF + 25 * HOUR_MS,
      permit,
      overlaySha256: put('overlays', overlayBytes),
      overlayLength: overlayBytes.length,
      asOf: AS_OF + HOUR_MS,
      reportedUntil: 0,
    }),
    head.key,
  );
  objects.set(HEAD_NAME, headBytes);

  const vector: EditionVector = {
    about: 'Made by test/vectors/make-vectors.ts; the keys are published and protect nothing.',
    collection: COLLECTION,
    now: AS_OF + 2 * HOUR_MS,
    epochKey: toHex(EPOCH_KEY),
    publicKeys: { edition: edition.x, overlay: overlay.x, head: head.x },
    objects: Object.fromEntries([...objects].map(([name, { length }]) => [name, length]).sort()),
    answers: expectedAnswers(),
  };
  const files = new Map([...objects].map(([name, bytes]) => [`edition-v2/${name}`, bytes]));
  const text = `${JSON.stringify(vector, null, 1)}\n`;
  return files.set('edition-v2.json', new TextEncoder().encode(text));
}

function expectedAnswers(): EditionVector['answers'] {
  const answers = new Map<CanonicalKey, EditionVector['answers'][number]>();
  for (const { key, category } of [...UTOPIA, ...GERMANY, ...ADDED]) {
    answers.set(key, { key, verdict: 'candidate', category });
  }
  for (const key of UNLISTED) answers.set(key, { key, verdict: 'absent', category: null });
  for (const key of UNCOVERED) answers.set(key, { key, verdict: 'unknown', category: null });
  for (const { key, category } of ADDED_WITHDRAWN) {
    answers.set(key, { key, verdict: 'candidate', category, withdrawn: true });
  }
  for (const key of WITHDRAWN) {
    const listed = answers.get(key);
    if (listed) listed.withdrawn = true;
    else answers.set(key, { key, verdict: 'absent', category: null });
  }
  return [...answers.values()];
}

async function makePages(keyId: Uint8Array): Promise<{ filter: Uint8Array; match: Uint8Array }[]> {
  const builder = new PageBuilder(readMatcherModule());
  const shards = [
    ...Array.from({ length: GERMAN_SHARDS }, (_, shardIndex) => ({
      state: 'D' as StateCode,
      shardIndex,
      shardCount: GERMAN_SHARDS,
      listed: GERMANY.filter((entry) => shardOf(entry.key) === shardIndex),
    })),
    { state: 'UTO' as StateCode, shardIndex: 0, shardCount: 1, listed: UTOPIA },
  ];
  return shards.map(({ listed, ...shard }) => {
    const words = listed.flatMap((entry) => wordsOf(entry.key));
    const { digests, categories } = sortAndMerge(
      Uint32Array.from(words),
      Uint8Array.from(listed, (entry) => entry.category),
    );
    const row = { ...shard, epochKeyId: keyId };
    return {
      filter: builder.buildFilterPage(
        { ...row, bitsPerKey: bitsPerKey(row.state), probes: 3 },
        digests,
      ),
      match: builder.buildMatchPage(row, digests, categories).page,
    };
  });
}

/**
 * UTO: fewer than an edition has, so that unlisted keys pass the filter and meet a slot. D: many
 * more, so that a shard of a few keys has several blocks.
 */
function bitsPerKey(state: StateCode): number {
  return state === 'UTO' ? 4 : 256;
}

const operationsOf = (kind: Operation['kind'], listed: readonly Listed[]): Operation[] =>
  listed.map(({ key, category }) => ({ digest: digestOf(key, EPOCH_KEY), kind, category }));

const withdrawn = (keys: readonly CanonicalKey[]): Listed[] =>
  keys.map((key) => ({ key, category: 0 }));

function wordsOf(canonicalKey: CanonicalKey): number[] {
  const view = new DataView(digestOf(canonicalKey, EPOCH_KEY).buffer);
  return [0, 4, 8, 12].map((offset) => view.getUint32(offset, true));
}

function shardOf(canonicalKey: CanonicalKey): number {
  return Number((BigInt(wordsOf(canonicalKey)[3]!) * BigInt(GERMAN_SHARDS)) >> 32n);
}

/** A key pair whose private half is the SHA-256 of a label: fixed, and worth nothing. */
async function signer(
  role: string,
): Promise<{ key: Awaited<ReturnType<typeof signingKey>>; x: string }> {
  const pkcs8Start = Buffer.from('302e020100300506032b657004220420', 'hex'); // RFC 8410, section 7
  const seed = createHash('sha256').update(`sltd-edge test vector: ${role}`).digest();
  const der = Buffer.concat([pkcs8Start, seed]);
  const jwk = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    format: 'jwk',
  });
  return { key: await signingKey(jwk), x: jwk.x! };
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

if (import.meta.main) {
  rmSync(new URL('edition-v2', import.meta.url), { recursive: true, force: true });
  for (const [path, bytes] of await makeVectors()) {
    const url = new URL(path, import.meta.url);
    mkdirSync(dirname(url.pathname), { recursive: true });
    writeFileSync(url, bytes);
  }
}
