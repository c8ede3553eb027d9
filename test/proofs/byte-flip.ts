/**
 * One byte of the store is wrong: no listed document becomes clear.
 *
 * Every object of a small edition (head, manifest, overlay, pages), every byte, with a different bit
 * pattern each; each time a cold start of the services that the Worker uses, which then check every
 * listed document. The same is done to pages on their way back from the data-centre cache.
 */

import xxhash from 'xxhash-wasm';
import { readMatcherModule } from '../../data-build/matcher-module.ts';
import { type CheckTools, checkDocuments } from '../../src/check/check.ts';
import { createServices } from '../../src/services.ts';
import type { Env } from '../../src/world.ts';
import { toHex } from '../../src/format/names.ts';
import type { ObjectSource } from '../../src/store/object-source.ts';
import type { PageCache } from '../../src/store/page-store.ts';
import { buildEdition, makeTestKeys, type TestKeys, type TestRecord } from '../support/edition.ts';
import { CALLER, type Proof, randomSource } from './proof.ts';

const RECORDS_PER_STATE = 40;
const STATES = ['D', 'FRA', 'UTO'];
/** Listed since the edition was built, so only the overlay has it. */
const ADDED = { documentClass: 'passport', state: 'UTO', number: 'Z9000001' } as const;

const RECORDS: readonly TestRecord[] = STATES.flatMap((state) =>
  Array.from({ length: RECORDS_PER_STATE }, (_, index) => ({
    documentClass: 'passport' as const,
    state,
    number: `C${String(10_000_000 + index * 7_919)}`,
    category: 'stolen' as const,
  })),
);
const LISTED = [...RECORDS, ADDED].map(({ number, state }) => ({
  number,
  issuingState: state,
  documentClass: 'passport',
}));

interface Flip {
  name: string;
  offset: number;
  mask: number;
  where: 'store' | 'cache';
}

export const byteFlip: Proof = {
  name: 'byte-flip',
  claim:
    'with any one byte of any page, manifest, overlay or head changed, no listed document is clear',
  sizes: { full: 1_000_000, small: 400, unit: 'flips at most (all bytes, if they are fewer)' },
  async run({ seed, size, progress }) {
    const random = randomSource(seed);
    const keys = await makeTestKeys();
    const module = readMatcherModule();
    const spec = {
      records: RECORDS,
      keysPerShard: 20,
      overlay: [{ ...ADDED, kind: 'added' as const }],
    };
    const objects = await buildEdition(spec, keys, module);
    const { h64Raw: hash64 } = await xxhash();
    const world = { keys, module, hash64, objects };

    const unharmed = await statusesOf(undefined, world);
    const baseline = unharmed.every((status) => status === 'candidate');
    const flips = plan(objects, size, random);
    let falseClears = 0;
    let refused = 0;
    let harmless = 0;
    for (const [index, flip] of flips.entries()) {
      const statuses = await statusesOf(flip, world);
      falseClears += statuses.filter((status) => status === 'clear').length;
      if (statuses.some((status) => status === 'unknown')) refused++;
      else harmless++;
      progress(`${index + 1} of ${flips.length} flips, ${falseClears} false clears`);
    }
    const bytes = [...objects.values()].reduce((sum, { length }) => sum + length, 0);
    return {
      holds: baseline && falseClears === 0 && refused > 0,
      figure:
        `${flips.length} flips over ${objects.size} objects of ${bytes} bytes, ${LISTED.length} listed ` +
        `documents each: ${falseClears} false clears; ${refused} made documents unknown, ` +
        `${harmless} were healed or touched no listed document`,
      details: {
        flips: flips.length,
        objects: objects.size,
        bytes,
        falseClears,
        refused,
        harmless,
      },
    };
  },
};

/** All bytes in order, or a sample spread over them if there are more than `size`. */
function plan(
  objects: ReadonlyMap<string, Uint8Array>,
  size: number,
  random: ReturnType<typeof randomSource>,
): Flip[] {
  const flips: Flip[] = [];
  for (const [name, bytes] of objects) {
    for (let offset = 0; offset < bytes.length; offset++) {
      const mask = 1 + random.below(255);
      flips.push({ name, offset, mask, where: 'store' });
      if (name.startsWith('pages/')) flips.push({ name, offset, mask, where: 'cache' });
    }
  }
  if (flips.length <= size) return flips;
  return Array.from({ length: size }, () => flips[random.below(flips.length)] as Flip);
}

interface FlipWorld {
  keys: TestKeys;
  module: WebAssembly.Module;
  hash64: (bytes: Uint8Array) => bigint;
  objects: ReadonlyMap<string, Uint8Array>;
}

/** What a Worker that has just started answers for each listed document, central being away. */
async function statusesOf(flip: Flip | undefined, world: FlipWorld): Promise<string[]> {
  const read = (name: string, place: Flip['where']) => {
    const bytes = world.objects.get(name)?.slice();
    if (bytes && flip?.name === name && flip.where === place) bytes[flip.offset]! ^= flip.mask;
    return bytes;
  };
  const source: ObjectSource = { get: async (name) => read(name, 'store') };
  const cache: PageCache = {
    match: async (url) => {
      const name = new URL(url).pathname.slice(1);
      return flip?.where === 'cache' ? new Response(read(name, 'cache') as BodyInit) : undefined;
    },
    put: async () => {},
    delete: async () => true,
  };
  const services = await createServices(environmentOf(world.keys), {
    ...{ matcherModule: world.module, hash64: world.hash64, source, cache },
    now: Date.now,
    fetch: () => Promise.reject(new Error('no network')),
    log: () => {},
  });
  const tools: CheckTools = { ...services, defer: () => {} };
  const { results } = await checkDocuments(
    { documents: LISTED, sequenceMin: 0, caller: CALLER },
    tools,
  );
  return results.map(({ decisive }) => decisive.resolution.status);
}

const ARENA_BYTES = String(2 ** 18);

function environmentOf({ jwk, epochKey }: TestKeys): Env {
  return {
    EPOCH_KEYS: toHex(epochKey),
    EDITION_KEYS: jwk.edition.x as string,
    OVERLAY_KEYS: jwk.overlay.x as string,
    HEAD_KEYS: jwk.head.x as string,
    TOKEN_KEYS: jwk.token.x as string,
    SEAL_KEY: 'A'.repeat(43),
    FILTER_ARENA_BYTES: ARENA_BYTES,
    MATCH_ARENA_BYTES: ARENA_BYTES,
  };
}
