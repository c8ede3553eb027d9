/**
 * An edition with the shape of a list as large as the real one, in seconds instead of minutes.
 *
 * For each state one shard is built by the builder that ships, from digests drawn as uniform as SipHash
 * makes them; its other shards have the same pages under their own numbers. So sizes, hashes, signatures
 * and false positives are those of a real list. Shards of the few documents that are really listed are
 * built one by one.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import xxhash from 'xxhash-wasm';
import { Random } from '../../data-build/generate/random.ts';
import { readMatcherModule } from '../../data-build/matcher-module.ts';
import { PAGE_SIZES } from '../../data-build/pages/page-sizes.ts';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import { epochKeyId } from '../../src/document/digest.ts';
import { ISSUING_STATES, type StateCode } from '../../src/document/issuing-state.ts';
import { CATEGORIES } from '../../src/format/category.ts';
import { encodeHead } from '../../src/format/head.ts';
import { PAGE_SHARD_INDEX } from '../../src/format/layout.ts';
import { encodeManifest, type PageReference } from '../../src/format/manifest.ts';
import { HEAD_NAME, objectName } from '../../src/format/names.ts';
import { encodeOverlay, type Operation } from '../../src/format/overlay.ts';
import { encodePermit } from '../../src/format/permit.ts';
import { signObject } from '../../src/format/signature.ts';
import { PageBuilder } from '../../src/matcher/page-builder.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import type { TestKeys } from './edition.ts';

const DAY_MS = 86_400_000;

export interface LargeEdition {
  directory: string;
  keys: TestKeys;
  /** Keys by state; all other states have none. */
  shape: ReadonlyMap<StateCode, number>;
  /** Documents that are really listed. */
  listed: readonly { state: StateCode; key: CanonicalKey }[];
  operationCount: number;
  seed: number;
  progress(text: string): void;
}

/** Writes the edition, head last; the number of its shards. */
export async function writeLargeEdition(options: LargeEdition): Promise<number> {
  const { directory, keys, shape, listed, seed, progress } = options;
  const module = readMatcherModule();
  const builder = new PageBuilder(module);
  const matcher = new WasmMatcher(module);
  const { h64Raw } = await xxhash();
  const random = new Random(seed);
  const keyId = await epochKeyId(keys.epochKey);
  const put = (folder: 'pages' | 'manifests' | 'overlays', bytes: Uint8Array): Uint8Array => {
    const sha256 = new Uint8Array(createHash('sha256').update(bytes).digest());
    write(join(directory, objectName(folder, sha256)), bytes);
    return sha256;
  };
  const putPage = (page: Uint8Array): PageReference => ({
    ...{ sha256: put('pages', page), xxh64: h64Raw(page), length: page.length },
  });
  const listedDigests = matcher.digests(
    listed.map(({ key }) => key),
    keys.epochKey,
  );
  const listedIn = (state: StateCode, shardIndex: number, shardCount: number): Uint32Array[] =>
    listed.flatMap((entry, i) => {
      const digest = listedDigests.subarray(4 * i, 4 * i + 4);
      const isHere = Math.floor((digest[3]! * shardCount) / 2 ** 32) === shardIndex;
      return entry.state === state && isHere ? [digest] : [];
    });

  const asOf = Date.now() - DAY_MS;
  const states = [];
  const shards: { filter: PageReference; match: PageReference }[] = [];
  for (const state of ISSUING_STATES.map(({ code }) => code).sort()) {
    const stateKeys = shape.get(state) ?? 0;
    const shardCount = Math.max(1, Math.ceil(stateKeys / PAGE_SIZES.keysPerShard));
    const keyCount = Math.round(stateKeys / shardCount);
    const build = (shardIndex: number, known: readonly Uint32Array[]) => {
      const digests = drawDigests(keyCount, { random, shardIndex, shardCount });
      for (const [i, digest] of known.entries()) digests.set(digest, 4 * i);
      const categories = new Uint8Array(keyCount).fill(CATEGORIES.indexOf('stolen'));
      const identity = { state, shardIndex, shardCount, epochKeyId: keyId };
      return builder.buildShard({ ...identity, ...PAGE_SIZES }, digests, categories);
    };
    const drawn = build(0, []);
    for (let shardIndex = 0; shardIndex < shardCount; shardIndex++) {
      const known = listedIn(state, shardIndex, shardCount);
      const built = known.length > 0 ? build(shardIndex, known) : drawn;
      shards.push({
        filter: putPage(numbered(built.filterPage, shardIndex)),
        match: putPage(numbered(built.match.page, shardIndex)),
      });
      progress(`${shards.length} shards written`);
    }
    const recordCount = keyCount * shardCount;
    states.push({ state, coverage: 'reports', shardCount, asOf, recordCount } as const);
  }
  const content = { epochKeyId: keyId, asOf, collection: 'sltd' };
  const inputsSha256 = new Uint8Array(32);
  const manifest = await signObject(
    encodeManifest({ ...content, inputsSha256, states, shards }),
    keys.edition,
  );
  const manifestSha256 = put('manifests', manifest);
  const operations = drawOperations(options.operationCount, random);
  const lastOperation = operations.length;
  const overlay = await signObject(
    encodeOverlay({ ...content, from: asOf, lastOperation, operations }),
    keys.overlay,
  );
  const issuedAt = Date.now();
  const notAfter = issuedAt + DAY_MS;
  const permit = await signObject(
    encodePermit({
      ...{ collection: 'sltd', manifestSha256, manifestLength: manifest.length },
      ...{ issuedAt, notAfter },
    }),
    keys.edition,
  );
  const head = encodeHead({
    ...{ sequence: 1, issuedAt, notAfter, permit, asOf, reportedUntil: asOf },
    ...{ overlaySha256: put('overlays', overlay), overlayLength: overlay.length },
  });
  write(join(directory, HEAD_NAME), await signObject(head, keys.head));
  return shards.length;
}

/** The same page under another number: to keys that are not in it, one is as good as another. */
function numbered(page: Uint8Array, shardIndex: number): Uint8Array {
  const copy = page.slice();
  new DataView(copy.buffer).setUint32(PAGE_SHARD_INDEX, shardIndex, true);
  return copy;
}

function write(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}

/** So many digests of one shard, in no order. */
function drawDigests(
  keyCount: number,
  { random, shardIndex, shardCount }: { random: Random; shardIndex: number; shardCount: number },
): Uint32Array {
  const digests = new Uint32Array(4 * keyCount);
  const first = Math.ceil((shardIndex * 2 ** 32) / shardCount);
  const width = Math.ceil(((shardIndex + 1) * 2 ** 32) / shardCount) - first;
  for (let at = 0; at < digests.length; at += 4) {
    digests[at] = random.next();
    digests[at + 1] = random.next();
    digests[at + 2] = random.next();
    digests[at + 3] = first + random.below(width);
  }
  return digests;
}

/** Reports on drawn digests: no document of anybody's. */
function drawOperations(count: number, random: Random): Operation[] {
  return Array.from({ length: count }, () => {
    const words = Uint32Array.from({ length: 4 }, () => random.next());
    return { digest: new Uint8Array(words.buffer), kind: 'added', category: 4 };
  });
}
