/**
 * A small real edition, built in memory with the builder that ships: for Node and Workers alike.
 */

import xxhash from 'xxhash-wasm';
import { PAGE_SIZES } from '../../data-build/pages/page-sizes.ts';
import { canonicalKey } from '../../src/document/canonical-key.ts';
import { epochKeyId } from '../../src/document/digest.ts';
import type { DocumentClass } from '../../src/document/document-class.ts';
import { ISSUING_STATES, type StateCode } from '../../src/document/issuing-state.ts';
import { CATEGORIES, type Category } from '../../src/format/category.ts';
import { encodeHead } from '../../src/format/head.ts';
import { type Coverage, encodeManifest, type PageReference } from '../../src/format/manifest.ts';
import { HEAD_NAME, objectName, sha256 } from '../../src/format/names.ts';
import { encodeOverlay, type Operation, type OverlayName } from '../../src/format/overlay.ts';
import { encodePermit } from '../../src/format/permit.ts';
import { compareRestrictions, type Restriction } from '../../src/format/restrictions.ts';
import { type SigningKey, signingKey, signObject } from '../../src/format/signature.ts';
import type { Digests } from '../../src/matcher/matcher.ts';
import { PageBuilder, sortAndMerge } from '../../src/matcher/page-builder.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';

export interface TestRecord {
  documentClass: DocumentClass;
  state: string;
  number: string;
  category: Category;
}

export interface EditionSpec {
  records: readonly TestRecord[];
  sequence?: number;
  /** Milliseconds since 1970; now if absent. */
  issuedAt?: number;
  /** 24 hours after issuedAt if absent. */
  notAfter?: number;
  /** When the edition was permitted; issuedAt if absent. */
  permittedAt?: number;
  /** When the permit ends; after a week, and not before the head, if absent. */
  permittedUntil?: number;
  asOf?: number;
  collection?: string;
  keysPerShard?: number;
  bitsPerKey?: number;
  /** Those that are not `reports`. */
  coverage?: Readonly<Record<string, Coverage>>;
  /** Those whose list is not of `asOf`. */
  stateAsOf?: Readonly<Record<string, number>>;
  /** Who sees nothing of whose records: source state and excluded state, in any order. */
  restrictions?: readonly (readonly [source: string, excluded: string])[];
  /** States that the manifest does not have at all. */
  withoutStates?: readonly string[];
  /** All codes of Doc 9303-3; a few of them, and those of the records, if absent. */
  hasAllStates?: boolean;
  overlay?: readonly TestOperation[];
  /** Newer ones, in an overlay of their own on top of that of `overlay`. */
  segment?: readonly TestOperation[];
  /** Number of the last operation; how many there are if absent. */
  lastOperation?: number;
  /** When the overlay begins; at `asOf` if absent. */
  overlayFrom?: number;
  /** Up to when it is complete; `asOf` if absent. */
  overlayAsOf?: number;
  /** Up to when there were reports, as the head says; if absent 0, which whoever steals a head key may say. */
  reportedUntil?: number;
}

export type TestOperation = Omit<TestRecord, 'category'> & {
  kind: Operation['kind'];
  category?: Category;
};

/** Private keys of a deployment, made anew for each test file. */
export interface TestKeys {
  epochKey: Uint8Array;
  edition: SigningKey;
  overlay: SigningKey;
  head: SigningKey;
  jwk: Record<KeyName, JsonWebKey>;
}

const SOME_STATES = ['D', 'FRA', 'GBR', 'GBD', 'GBN', 'GBO', 'GBP', 'GBS', 'USA', 'UTO'];

const KEY_NAMES = ['edition', 'overlay', 'head', 'central', 'token', 'edge'] as const;
type KeyName = (typeof KEY_NAMES)[number];

/** New random keys of all roles. */
export async function makeTestKeys(): Promise<TestKeys> {
  const jwks = await Promise.all(
    KEY_NAMES.map(async (name) => [name, await makeSigningJwk()] as const),
  );
  const jwk = Object.fromEntries(jwks) as Record<KeyName, JsonWebKey>;
  return {
    epochKey: crypto.getRandomValues(new Uint8Array(16)),
    edition: await signingKey(jwk.edition),
    overlay: await signingKey(jwk.overlay),
    head: await signingKey(jwk.head),
    jwk,
  };
}

/** A new private Ed25519 key. */
export async function makeSigningJwk(): Promise<JsonWebKey> {
  const pair = (await crypto.subtle.generateKey('Ed25519', true, [
    'sign',
    'verify',
  ])) as CryptoKeyPair;
  return (await crypto.subtle.exportKey('jwk', pair.privateKey)) as JsonWebKey;
}

/** All objects of an edition by name, signed; the head included. */
export async function buildEdition(
  spec: EditionSpec,
  keys: TestKeys,
  module: WebAssembly.Module,
): Promise<Map<string, Uint8Array>> {
  const objects = new Map<string, Uint8Array>();
  const matcher = new WasmMatcher(module);
  const { h64Raw: hash64 } = await xxhash();
  const issuedAt = spec.issuedAt ?? Date.now();
  const asOf = spec.asOf ?? issuedAt;
  const collection = spec.collection ?? 'sltd';
  const keyId = await epochKeyId(keys.epochKey);
  const some = new Set<string>([...SOME_STATES, ...spec.records.map(({ state }) => state)]);
  const codes = ISSUING_STATES.map(({ code }) => code)
    .filter((code) => spec.hasAllStates || some.has(code))
    .filter((code) => !spec.withoutStates?.includes(code))
    .sort();
  const states = [];
  const shards: { filter: PageReference; match: PageReference }[] = [];
  for (const state of codes) {
    const records = spec.records.filter((record) => record.state === state);
    const built = await buildState(state, records, {
      ...{ spec, keys, keyId, module, matcher, objects, hash64 },
    });
    shards.push(...built.shards);
    states.push({
      state,
      coverage: spec.coverage?.[state] ?? 'reports',
      shardCount: built.shards.length,
      asOf: spec.stateAsOf?.[state] ?? asOf,
      recordCount: built.recordCount,
    } as const);
  }
  const content = { epochKeyId: keyId, asOf, collection, inputsSha256: new Uint8Array(32) };
  const restrictions = (spec.restrictions ?? [])
    .map(([source, excluded]) => ({ source, excluded }) as Restriction)
    .sort(compareRestrictions);
  const manifest = await signObject(
    encodeManifest({ ...content, states, shards, restrictions }),
    keys.edition,
  );
  const manifestSha256 = await put(objects, 'manifests', manifest);
  const overlay =
    (spec.overlay || spec.segment) && (await putOverlays(objects, spec, content, keys, matcher));
  const notAfter = spec.notAfter ?? issuedAt + 24 * 3_600_000;
  const permittedAt = spec.permittedAt ?? issuedAt;
  const permit = await signObject(
    encodePermit({
      ...{ collection, manifestSha256, manifestLength: manifest.length },
      issuedAt: permittedAt,
      notAfter: spec.permittedUntil ?? Math.max(notAfter, permittedAt + 7 * 24 * 3_600_000),
    }),
    keys.edition,
  );
  const head = encodeHead({
    ...{ sequence: spec.sequence ?? 1, issuedAt, notAfter, permit },
    overlaySha256: overlay?.sha256,
    overlayLength: overlay?.length ?? 0,
    asOf: overlay ? Math.max(asOf, spec.overlayAsOf ?? asOf) : asOf,
    reportedUntil: spec.reportedUntil ?? 0,
  });
  objects.set(HEAD_NAME, await signObject(head, keys.head));
  return objects;
}

interface BuildTools {
  spec: EditionSpec;
  keys: TestKeys;
  keyId: Uint8Array;
  module: WebAssembly.Module;
  matcher: WasmMatcher;
  objects: Map<string, Uint8Array>;
  hash64: (bytes: Uint8Array) => bigint;
}

async function buildState(state: StateCode, records: readonly TestRecord[], tools: BuildTools) {
  const { spec, keys, keyId, module, matcher } = tools;
  const digests = digestsOf(records, keys, matcher);
  const categories = Uint8Array.from(records, ({ category }) => CATEGORIES.indexOf(category));
  const shardCount = Math.max(
    1,
    Math.ceil(records.length / (spec.keysPerShard ?? PAGE_SIZES.keysPerShard)),
  );
  const builder = new PageBuilder(module);
  const shards = [];
  let recordCount = 0;
  for (let shardIndex = 0; shardIndex < shardCount; shardIndex++) {
    const places = [...categories.keys()].filter(
      (i) => Math.floor((digests[4 * i + 3]! * shardCount) / 2 ** 32) === shardIndex,
    );
    const merged = sortAndMerge(
      Uint32Array.from(places.flatMap((i) => [...digests.subarray(4 * i, 4 * i + 4)])),
      Uint8Array.from(places, (i) => categories[i]!),
    );
    const identity = { state, shardIndex, shardCount, epochKeyId: keyId };
    const { bitsPerKey = PAGE_SIZES.bitsPerKey } = spec;
    const sizes = { ...identity, bitsPerKey, probes: PAGE_SIZES.probes };
    const filter = builder.buildFilterPage(sizes, merged.digests);
    const { page } = builder.buildMatchPage(identity, merged.digests, merged.categories);
    shards.push({
      filter: await putPage(tools, filter),
      match: await putPage(tools, page),
    });
    recordCount += merged.categories.length;
  }
  return { shards, recordCount };
}

/** The overlay, and the segment on it if there is one; the name of the upper one. */
async function putOverlays(
  objects: Map<string, Uint8Array>,
  { overlay = [], segment, lastOperation, overlayFrom, overlayAsOf }: EditionSpec,
  { collection, asOf }: { collection: string; asOf: number },
  keys: TestKeys,
  matcher: WasmMatcher,
): Promise<OverlayName> {
  const facts = {
    ...{ collection, from: overlayFrom ?? asOf, asOf: overlayAsOf ?? asOf },
    epochKeyId: await epochKeyId(keys.epochKey),
    lastOperation: lastOperation ?? overlay.length + (segment?.length ?? 0),
  };
  const putOne = async (listed: readonly TestOperation[], base?: OverlayName) => {
    const digests = digestsOf(listed, keys, matcher);
    const operations = listed.map(({ kind, category }, i) => ({
      kind,
      category: category ? CATEGORIES.indexOf(category) : 0,
      digest: new Uint8Array(digests.slice(4 * i, 4 * i + 4).buffer),
    }));
    const bytes = await signObject(encodeOverlay({ ...facts, base, operations }), keys.overlay);
    return { sha256: await put(objects, 'overlays', bytes), length: bytes.length };
  };
  const bottom = await putOne(overlay);
  return segment ? putOne(segment, bottom) : bottom;
}

const digestsOf = (
  records: readonly Omit<TestRecord, 'category'>[],
  { epochKey }: TestKeys,
  matcher: WasmMatcher,
): Digests =>
  matcher.digests(
    records.map(({ documentClass, state, number }) =>
      canonicalKey(documentClass, state as StateCode, number),
    ),
    epochKey,
  );

async function putPage({ objects, hash64 }: BuildTools, page: Uint8Array): Promise<PageReference> {
  return { sha256: await put(objects, 'pages', page), xxh64: hash64(page), length: page.length };
}

async function put(
  objects: Map<string, Uint8Array>,
  folder: 'pages' | 'manifests' | 'overlays',
  bytes: Uint8Array,
): Promise<Uint8Array> {
  const hash = await sha256(bytes);
  objects.set(objectName(folder, hash), bytes);
  return hash;
}
