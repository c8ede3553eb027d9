/**
 * A deployment with a past, for the attacks on its metadata: what an attacker can have collected.
 *
 * Two editions, three overlays, every head that was ever signed; another list of the same
 * deployment, an edition under another epoch key, and a forger with keys of its own. Everything is
 * built and signed by the code that ships; only the clock is ours.
 */

import xxhash from 'xxhash-wasm';
import { readMatcherModule } from '../../data-build/matcher-module.ts';
import { checkDocuments } from '../../src/check/check.ts';
import { createServices } from '../../src/services.ts';
import type { Env } from '../../src/world.ts';
import { decodeHead, encodeHead, type Head, type HeadContent } from '../../src/format/head.ts';
import { openManifest } from '../../src/format/manifest.ts';
import { HEAD_NAME, objectName, toHex } from '../../src/format/names.ts';
import { openOverlay } from '../../src/format/overlay.ts';
import { decodePermit, encodePermit, type Permit } from '../../src/format/permit.ts';
import { type SigningKey, signingKey, signObject } from '../../src/format/signature.ts';
import type { EditionStore } from '../../src/store/edition-store.ts';
import { type Floor, type FloorKeeper, floorOf, higherOf } from '../../src/store/floor.ts';
import type { ObjectSource } from '../../src/store/object-source.ts';
import {
  buildEdition,
  type EditionSpec,
  makeTestKeys,
  type TestKeys,
  type TestRecord,
} from '../support/edition.ts';
import { CALLER } from './proof.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

const document = (number: string, state = 'UTO') =>
  ({ documentClass: 'passport', state, number }) as const;
const listed = (number: string, state?: string): TestRecord => ({
  ...document(number, state),
  category: 'stolen',
});

/** Listed in every edition; since the second; by the second overlay of the second; by its third. */
const EVER = listed('A1000001');
const SINCE_SECOND = listed('A2000002', 'D');
const BY_OVERLAY = listed('A3000003');
const BY_LATEST = listed('A4000004', 'FRA');
const UNLISTED = document('Z9999999');

const asked = ({ number, state }: { number: string; state: string }) => ({
  ...{ number, issuingState: state, documentClass: 'passport' },
});
const LISTED = [EVER, SINCE_SECOND, BY_OVERLAY, BY_LATEST].map(asked);
const DOCUMENTS = [...LISTED, asked(UNLISTED)];

/** Everything of one moment: the objects, and the head that named them. */
export interface Moment {
  objects: ReadonlyMap<string, Uint8Array>;
  headBytes: Uint8Array;
  head: Head;
}

export interface MetadataWorld {
  /** The time at which the current head was signed, in milliseconds since 1970. */
  now: number;
  keys: TestKeys;
  /** The keys of central, of tokens and of the edges: of this deployment, for other things. */
  otherRoles: Record<'central' | 'token' | 'edge', SigningKey>;
  /** Keys of nobody. */
  foreign: TestKeys;
  /** Every head that was in force, the oldest first; the last one is. */
  past: readonly Moment[];
  current: Moment;
  /** Valid objects of the deployment that are no part of this list's present. */
  others: Record<'otherList' | 'otherEpoch' | 'emptyUnpermitted', Moment>;
  /** An edition and an overlay with nothing in them, signed by the forger. */
  forged: Moment;
  /** Every object that an attacker can have, but no head. */
  objects: ReadonlyMap<string, Uint8Array>;
  module: WebAssembly.Module;
  hash64: (bytes: Uint8Array) => bigint;
}

const added = (records: readonly TestRecord[]) =>
  records.map((record) => ({ ...record, kind: 'added' as const }));

/** Makes the deployment and its past. */
export async function makeMetadataWorld(): Promise<MetadataWorld> {
  const now = Date.now();
  const keys = await makeTestKeys();
  const foreign = await makeTestKeys();
  const module = readMatcherModule();
  const { h64Raw: hash64 } = await xxhash();
  const make = async (spec: EditionSpec, by: TestKeys = keys): Promise<Moment> => {
    const objects = await buildEdition(spec, by, module);
    const headBytes = objects.get(HEAD_NAME)!;
    return { objects, headBytes, head: decodeHead(headBytes) };
  };
  const permittedUntil = (permittedAt: number) => ({
    permittedAt,
    permittedUntil: permittedAt + 7 * DAY_MS,
  });
  const first = {
    ...{ records: [EVER], asOf: now - 3 * DAY_MS },
    ...permittedUntil(now - 3 * DAY_MS),
  };
  const second = {
    ...{ records: [EVER, SINCE_SECOND], asOf: now - DAY_MS },
    ...permittedUntil(now - DAY_MS),
  };
  const past = [
    await make({ ...first, sequence: 1, issuedAt: now - 3 * DAY_MS }),
    await make({
      ...{ ...first, sequence: 2, issuedAt: now - 2 * DAY_MS, overlayAsOf: now - 2 * DAY_MS },
      overlay: added([SINCE_SECOND]),
    }),
    await make({ ...second, sequence: 3, issuedAt: now - DAY_MS }),
    await make({
      ...{ ...second, sequence: 4, issuedAt: now - 3 * HOUR_MS, overlayAsOf: now - 3 * HOUR_MS },
      overlay: added([BY_OVERLAY]),
    }),
    await make({
      ...{ ...second, sequence: 5, issuedAt: now, overlayAsOf: now - HOUR_MS },
      overlay: added([BY_OVERLAY, BY_LATEST]),
    }),
  ];
  const current = past.at(-1)!;
  const otherEpoch = { ...keys, epochKey: foreign.epochKey };
  const others = {
    otherList: await make({
      ...{ records: [], collection: 'tdawn', sequence: 9, issuedAt: now, overlay: [] },
    }),
    otherEpoch: await make({ ...second, sequence: 9, issuedAt: now, overlay: [] }, otherEpoch),
    emptyUnpermitted: await make({
      ...{ records: [], asOf: now - DAY_MS, sequence: 9, issuedAt: now, overlay: [] },
    }),
  };
  const forged = await make(
    { records: [], sequence: 9, issuedAt: now, overlay: added([listed(UNLISTED.number)]) },
    foreign,
  );
  const objects = new Map<string, Uint8Array>();
  for (const moment of [...past, ...Object.values(others), forged]) {
    for (const [name, bytes] of moment.objects) if (name !== HEAD_NAME) objects.set(name, bytes);
  }
  const roles = await Promise.all(
    (['central', 'token', 'edge'] as const).map(
      async (role) => [role, await signingKey(keys.jwk[role])] as const,
    ),
  );
  return {
    ...{ now, keys, foreign, past, current, others, forged, objects, module, hash64 },
    otherRoles: Object.fromEntries(roles) as MetadataWorld['otherRoles'],
  };
}

/** A permit with these changes to the one in force, signed. */
export function permitBy(
  { current: { head } }: MetadataWorld,
  signer: SigningKey,
  changes: Partial<Permit> = {},
): Promise<Uint8Array> {
  const { permittedAt: issuedAt, notAfter, collection, manifestSha256, manifestLength } = head;
  const content = { issuedAt, notAfter, collection, manifestSha256, manifestLength, ...changes };
  return signObject(encodePermit(content), signer);
}

/** A head with these changes to the one in force, signed; of the time of its data, if not told. */
export function headBy(
  world: MetadataWorld,
  signer: SigningKey,
  changes: Partial<HeadContent> = {},
): Promise<Uint8Array> {
  const head = { ...world.current.head, ...changes };
  return signObject(encodeHead({ ...head, asOf: changes.asOf ?? timeOf(world, head) }), signer);
}

/** The later one of edition and overlay, as readers demand it. */
function timeOf({ objects }: MetadataWorld, { permit, overlaySha256 }: HeadContent): number {
  const manifest = objects.get(objectName('manifests', decodePermit(permit).manifestSha256));
  const overlay = overlaySha256 && objects.get(objectName('overlays', overlaySha256));
  return Math.max(
    manifest ? openManifest(manifest).asOf : 0,
    overlay ? openOverlay(overlay).asOf : 0,
  );
}

/** What a reader knows when it meets the attack. */
export type Reader =
  | 'warm'
  | 'cold, kept floor'
  | 'cold, baked floor'
  | 'cold, baked floor, silent keeper'
  | 'cold, silent keeper';

/** Keeps the floor as the Durable Object does, for one run. */
class Keeper implements FloorKeeper {
  #floor: Floor;
  isSilent: boolean;

  constructor(floor: Floor, { isSilent = false } = {}) {
    this.#floor = floor;
    this.isSilent = isSilent;
  }

  async raise(floor: Floor): Promise<Floor> {
    if (this.isSilent) throw new Error('no keeper');
    this.#floor = higherOf(this.#floor, floor);
    return this.#floor;
  }
}

/** One reader of the real code, over a store that changes hands. */
export class Victim {
  readonly #deferred: Promise<unknown>[] = [];
  #keeper: Keeper | undefined;
  #services!: Awaited<ReturnType<typeof createServices>>;
  /** What the bucket gives now. */
  source: ObjectSource;
  /** Milliseconds since 1970. */
  clock: number;

  private constructor(world: MetadataWorld) {
    this.clock = world.now;
    this.source = mapSource(world.objects, world.current.headBytes);
  }

  /** A reader that has met the head in force, each in its own way. */
  static async start(world: MetadataWorld, reader: Reader): Promise<Victim> {
    const victim = new Victim(world);
    const { head } = world.current;
    const seen = floorOf(head, head.overlaySha256 ? world.now - HOUR_MS : 0);
    const isSilent = reader.endsWith('silent keeper');
    const keeper =
      isSilent || reader === 'cold, kept floor' ? new Keeper(seen, { isSilent }) : undefined;
    victim.#keeper = keeper;
    const isBaked = reader.startsWith('cold, baked floor');
    const iso = (time: number) => new Date(time).toISOString();
    const env: Env = {
      ...environmentOf(world.keys),
      ...(isBaked && {
        SEQUENCE_FLOOR: String(seen.sequence),
        PERMIT_FLOOR: iso(seen.permittedAt),
        OVERLAY_FLOOR: iso(seen.overlayAsOf),
      }),
    };
    victim.#services = await createServices(env, {
      ...{ matcherModule: world.module, hash64: world.hash64 },
      ...(keeper && { floorKeeper: keeper }),
      source: { get: (name, lengthMax) => victim.source.get(name, lengthMax) },
      now: () => victim.clock,
      fetch: () => Promise.reject(new Error('no network')),
      log: () => {},
    });
    if (reader === 'warm') await victim.ask();
    return victim;
  }

  /** From now on the keeper answers, with all that others have seen. */
  endSilence(): void {
    if (this.#keeper) this.#keeper.isSilent = false;
  }

  get editions(): EditionStore {
    return this.#services.main.editions;
  }

  /** Looks for a newer head, then asks about every document; the statuses, in order. */
  async ask(): Promise<string[]> {
    const defer = (work: Promise<unknown>) => void this.#deferred.push(work);
    await this.editions.poll(defer);
    await Promise.all(this.#deferred.splice(0));
    const { results } = await checkDocuments(
      { documents: DOCUMENTS, sequenceMin: 0, caller: CALLER },
      { ...this.#services, defer: () => {} },
    );
    return results.map(({ decisive }) => decisive.resolution.status);
  }
}

/** What is wrong with these answers, or undefined: what is listed is never clear, and so on. */
export function gainOf(
  statuses: readonly string[],
  { head }: Moment,
  { edition }: EditionStore,
  mustBeUnknown: boolean,
): string | undefined {
  const clear = statuses.slice(0, LISTED.length).filter((status) => status === 'clear').length;
  if (clear > 0) return `${clear} listed documents clear`;
  if (statuses.at(-1) === 'candidate') return 'an innocent document is a candidate';
  if (mustBeUnknown && statuses.some((status) => status !== 'unknown'))
    return 'still answered from';
  if (!edition) return undefined;
  if (edition.head.sequence < head.sequence) return 'the sequence went down';
  if (edition.head.asOf < head.asOf) return 'the data are said to be older than they are';
  const names = ({ manifestSha256, overlaySha256 }: Head) =>
    `${toHex(manifestSha256)} ${overlaySha256 ? toHex(overlaySha256) : 'none'}`;
  return names(edition.head) === names(head) ? undefined : 'another state of the list is in use';
}

/** The objects under their names, and this head. */
export function mapSource(
  objects: ReadonlyMap<string, Uint8Array>,
  head: Uint8Array | undefined,
): ObjectSource {
  return { get: async (name) => (name === HEAD_NAME ? head : objects.get(name))?.slice() };
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
