/**
 * The matcher that ships: assembly/, called once for a chunk of keys.
 *
 * Two ways in. mayContain() and match() take any page and copy it: for the build, for tests, for
 * whoever holds a page once. screen(), probeFilters() and probeMatches() read pages where they
 * already lie, in the arenas: the request path. No call leaves anything in wasm memory that a later
 * one reads, and the keys are wiped before it returns.
 */

import type { CanonicalKey } from '../document/canonical-key.ts';
import type { Change } from '../document/look-alike.ts';
import { assert, SltdError } from '../errors.ts';
import { DIGEST_BYTES, EPOCH_KEY_BYTES } from '../format/layout.ts';
import type { StateEntry } from '../format/manifest.ts';
import type { OverlayFilter } from '../format/overlay.ts';
import { decodePage, type PageKind } from '../format/page.ts';
import type { Digests, Matcher } from './matcher.ts';
import { KEY_ROW_BYTES, KeyRows } from './key-rows.ts';
import { type MatcherCore, reserve, startCore } from './matcher-core.ts';
import { arenaBytes, PageArena } from './page-arena.ts';

const DIGEST_WORDS = DIGEST_BYTES / 4;

/** A page without keys is probed this far behind its header, without effect (assembly/filter.ts). */
const GUARD_BYTES = 64;
const LOOP_ELEMENTS_MAX = 128;

const FILTER_ARENA_BYTES = 2 ** 20;
const MATCH_ARENA_BYTES = 2 ** 21;
/** Two editions of 30,000 shards have a slot for every page; few match pages are resident. */
const FILTER_SLOTS = 2 ** 16;
const MATCH_SLOTS = 2 ** 12;

/** screen()'s answer about a key whose filter page is not resident, or that has none. */
export const NOT_RESIDENT = 2;

/** What keys are looked up in: pages and overlay of one edition. */
export interface Screen {
  /** For each key that is no change, in order: its state's row; undefined if the edition has none. */
  entries: readonly (StateEntry | undefined)[];
  /** Under which the edition's digests were made: 16 bytes. */
  epochKey: Uint8Array;
  /** Id in the arenas of the filter page of shard row 0. */
  firstPageId: number;
  overlay?: OverlayFilter | undefined;
}

/** The keys that screen() leaves open, in order; every other key is absent. */
export interface Screened {
  /** Which they are. */
  places: number[];
  /** Where the row of the state of each is in the edition's `entries`. */
  entryPlaces: number[];
  /** For each 1 (maybe) or NOT_RESIDENT; 0 (absent) where only the overlay may have a row. */
  answers: number[];
  /** Which of them the overlay may have a row on: places in `places`. */
  inOverlay: number[];
  /** Of them alone. */
  digests: Digests;
}

/** Room for the words of the filters of some overlays: one for each collection, and newer ones. */
const OVERLAY_FILTER_BYTES = 2 ** 20;
/** In the wasm's answers. */
const IN_OVERLAY = 4;
/** Without an overlay its words are the zeros at address 0. */
const NO_OVERLAY = { address: 0, shift: 31 };

/** Screened, while it is gathered. */
interface OpenKeys extends Omit<Screened, 'digests'> {
  digestWords: number[];
}

/** Digests and probes by WebAssembly; one instance serves one isolate. */
export class WasmMatcher implements Matcher {
  /** Filter pages that stay in memory. */
  readonly filters: PageArena;
  /** Match pages that stay in memory. */
  readonly matches: PageArena;

  readonly #core: MatcherCore;
  readonly #overlayBlocks: number;
  readonly #pageScratch: number;
  readonly #chunkKeys: number;
  readonly #keys: number;
  #keyRows: KeyRows;
  readonly #epochKey: number;
  readonly #digests: number;
  readonly #addresses: number;
  readonly #answers: number;
  #bytes: Uint8Array;
  #words: Uint32Array;
  /** Where the words of an overlay lie in wasm memory; copied there when a request first comes with it. */
  #overlays = new WeakMap<OverlayFilter, number>();
  #overlaysEnd = 0;

  /**
   * Synchronous. The arenas are 1 MiB for filter pages and 2 MiB for match pages if not told. With
   * `shardCount`, the pages of so many shards in a row are found at once, if the arenas have room.
   */
  constructor(
    module: WebAssembly.Module,
    {
      filterArenaBytes = FILTER_ARENA_BYTES,
      matchArenaBytes = MATCH_ARENA_BYTES,
      shardCount = 0,
    }: { filterArenaBytes?: number; matchArenaBytes?: number; shardCount?: number } = {},
  ) {
    const core = startCore(module);
    this.#core = core;
    this.#chunkKeys = core.CHUNK_KEYS.value;
    this.#keys = core.KEYS.value;
    this.#epochKey = core.EPOCH_KEY.value;
    this.#digests = core.DIGESTS.value;
    this.#addresses = core.ADDRESSES.value;
    this.#answers = core.ANSWERS.value;

    const { memory } = core;
    const filters = {
      ...{ start: nextArena(core.ARENAS.value), slotCount: slotsFor(shardCount, FILTER_SLOTS) },
      ...{ capacityBytes: filterArenaBytes, kind: 'filter' as const },
    };
    const matches = {
      ...{
        start: nextArena(filters.start + arenaBytes(filters)),
        slotCount: slotsFor(shardCount, MATCH_SLOTS),
      },
      ...{ capacityBytes: matchArenaBytes, kind: 'match' as const },
    };
    this.#overlayBlocks = nextArena(matches.start + arenaBytes(matches));
    this.#pageScratch = nextArena(this.#overlayBlocks + OVERLAY_FILTER_BYTES);
    reserve(memory, this.#pageScratch);
    this.filters = new PageArena({ memory, ...filters });
    this.matches = new PageArena({ memory, ...matches });
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
    this.#keyRows = new KeyRows(core, this.#words);
  }

  /** All of its wasm memory: arenas, tables and work areas. */
  get memoryBytes(): number {
    return this.#core.memory.buffer.byteLength;
  }

  /**
   * Digests of keys, in order. A change stands for the key before it with the number spelled so
   * (document/look-alike.ts): a dozen spellings of a document cost no string each.
   */
  digests(keys: readonly (CanonicalKey | Change)[], epochKey: Uint8Array): Digests {
    const digests = new Uint32Array(DIGEST_WORDS * keys.length);
    this.#writeEpochKey(epochKey);
    for (let first = 0; first < keys.length; ) {
      const count = this.#keyRows.write(keys, first);
      this.#core.digestKeys(count);
      this.#readDigests(digests, first, count);
      first += count;
    }
    return digests;
  }

  /**
   * The way of nearly all documents: their keys are looked up in the filter pages of their states and in
   * the overlay, of each edition that is asked. They are written once, and hashed once for editions in a
   * row with the same epoch key. For each edition undefined if every key is absent.
   */
  screen(
    keys: readonly (CanonicalKey | Change)[],
    editions: readonly Screen[],
  ): (Screened | undefined)[] {
    const all = editions.map((): OpenKeys | undefined => undefined);
    /** Keys of the chunks before that are no changes. */
    let firstExact = 0;
    for (let first = 0; first < keys.length; ) {
      const count = this.#keyRows.write(keys, first);
      let hashedWith: Uint8Array | undefined;
      for (let i = 0; i < editions.length; i++) {
        const edition = editions[i]!;
        if (edition.epochKey !== hashedWith) {
          hashedWith = edition.epochKey;
          this.#writeEpochKey(hashedWith);
          this.#core.hashKeys(count);
        }
        if (this.#screenChunk(edition, firstExact, count) === 0) continue;
        all[i] ??= { places: [], entryPlaces: [], answers: [], inOverlay: [], digestWords: [] };
        this.#readOpen(all[i]!, { first, firstExact, count });
      }
      this.#core.wipeKeys(count);
      first += count;
      firstExact += this.#keyRows.exactCount;
    }
    for (const { entries } of editions) assert(entries.length === firstExact, 'one state a key');
    return all.map((open) => {
      if (open === undefined) return undefined;
      const { digestWords, ...others } = open;
      return { ...others, digests: Uint32Array.from(digestWords) };
    });
  }

  /** How many keys of the chunk, hashed before, are not absent. */
  #screenChunk({ entries, firstPageId, overlay }: Screen, from: number, count: number): number {
    this.#keyRows.writePlaces(entries, from, firstPageId);
    const { table, slotMask } = this.filters;
    const { address, shift } = overlay ? this.#placeOverlay(overlay) : NO_OVERLAY;
    return this.#core.screenKeys(count, table, slotMask, address, shift);
  }

  #placeOverlay(overlay: OverlayFilter): { address: number; shift: number } {
    const address = this.#overlays.get(overlay) ?? this.#copyOverlay(overlay);
    return { address, shift: overlay.shift };
  }

  /** Behind the others; where there is no room left, over all of them. */
  #copyOverlay(overlay: OverlayFilter): number {
    const { byteLength } = overlay.words;
    assert(byteLength <= OVERLAY_FILTER_BYTES, 'an overlay has a bounded filter');
    if (this.#overlaysEnd + byteLength > OVERLAY_FILTER_BYTES) {
      this.#overlays = new WeakMap();
      this.#overlaysEnd = 0;
    }
    const address = this.#overlayBlocks + this.#overlaysEnd;
    this.#words.set(overlay.words, address >> 2);
    this.#overlays.set(overlay, address);
    this.#overlaysEnd += byteLength;
    return address;
  }

  #readOpen(
    { places, entryPlaces, answers, inOverlay, digestWords }: OpenKeys,
    { first, firstExact, count }: { first: number; firstExact: number; count: number },
  ): void {
    for (let i = 0; i < count; i++) {
      const answer = this.#bytes[this.#answers + i]!;
      if (answer === 0) continue;
      if ((answer & IN_OVERLAY) !== 0) inOverlay.push(places.length);
      places.push(first + i);
      entryPlaces.push(firstExact + this.#keyRows.exactOf(i));
      answers.push(answer & ~IN_OVERLAY);
      const from = (this.#digests >> 2) + DIGEST_WORDS * i;
      for (let word = 0; word < DIGEST_WORDS; word++) digestWords.push(this.#words[from + word]!);
    }
  }

  /**
   * Digests of `count` keys in rows of KEY_ROW_BYTES into an array with room for them: for the build,
   * which has no strings.
   */
  digestsOfRows(
    { rows, count }: { rows: Uint8Array; count: number },
    epochKey: Uint8Array,
    digests: Digests,
  ): void {
    this.#writeEpochKey(epochKey);
    for (let first = 0; first < count; first += this.#chunkKeys) {
      const chunk = Math.min(this.#chunkKeys, count - first);
      const from = KEY_ROW_BYTES * first;
      this.#bytes.set(rows.subarray(from, from + KEY_ROW_BYTES * chunk), this.#keys);
      this.#core.digestKeys(chunk);
      this.#readDigests(digests, first, chunk);
    }
  }

  mayContain(filterPage: Uint8Array, digests: Digests): Uint8Array {
    this.#copyPage(filterPage, 'filter');
    return this.#probe(digests, undefined, 'filter');
  }

  match(matchPage: Uint8Array, digests: Digests): Uint8Array {
    this.#copyPage(matchPage, 'match');
    return this.#probe(digests, undefined, 'match');
  }

  /**
   * For each digest 1 (maybe) or 0 (absent), from the filter page at the address of the same place:
   * one that filters.find() or put() gave. Address 0, a page that is not there, answers 1.
   */
  probeFilters(digests: Digests, addresses: Uint32Array): Uint8Array {
    return this.#probe(digests, addresses, 'filter');
  }

  /**
   * For each digest 0 (absent) or 1 + category, from the match page at the address of the same
   * place: one that matches.find() or put() gave. Throws on address 0: absence is never an answer.
   */
  probeMatches(digests: Digests, addresses: Uint32Array): Uint8Array {
    for (let i = 0; i < addresses.length; i++) assert(addresses[i] !== 0, 'a page is resident');
    return this.#probe(digests, addresses, 'match');
  }

  #writeEpochKey(epochKey: Uint8Array): void {
    assert(epochKey.length === EPOCH_KEY_BYTES, 'an epoch key has 16 bytes');
    for (let i = 0; i < EPOCH_KEY_BYTES; i++) this.#bytes[this.#epochKey + i] = epochKey[i]!;
  }

  #readDigests(digests: Digests, first: number, count: number): void {
    copy(this.#words, this.#digests >> 2, digests, DIGEST_WORDS * first, DIGEST_WORDS * count);
  }

  /**
   * The slot of each digest in the match page at the address of the same place: for the build, which
   * proves that every slot has a record. Throws on address 0.
   */
  locateSlots(digests: Digests, addresses: Uint32Array): Uint32Array {
    const slots = new Uint32Array(addresses.length);
    for (let first = 0; first < slots.length; first += this.#chunkKeys) {
      const count = Math.min(this.#chunkKeys, slots.length - first);
      for (let i = first; i < first + count; i++) assert(addresses[i] !== 0, 'a page is resident');
      const from = DIGEST_WORDS * first;
      copy(digests, from, this.#words, this.#digests >> 2, DIGEST_WORDS * count);
      copy(addresses, first, this.#words, this.#addresses >> 2, count);
      this.#core.locateSlots(count);
      copy(this.#words, this.#addresses >> 2, slots, first, count);
    }
    return slots;
  }

  /** Puts a page behind the arenas; a format error if it is not one of this kind. */
  #copyPage(page: Uint8Array, kind: PageKind): void {
    // Decoded here, so that no probe ever reads outside of it.
    if (decodePage(page).kind !== kind) throw new SltdError('page-corrupt');
    reserve(this.#core.memory, this.#pageScratch + page.length + GUARD_BYTES);
    if (this.#bytes.length === 0) {
      this.#bytes = new Uint8Array(this.#core.memory.buffer);
      this.#words = new Uint32Array(this.#core.memory.buffer);
      this.#keyRows = new KeyRows(this.#core, this.#words);
    }
    this.#bytes.set(page, this.#pageScratch);
  }

  /** Without addresses, all digests are looked up in the page that #copyPage() put. */
  #probe(digests: Digests, addresses: Uint32Array | undefined, kind: PageKind): Uint8Array {
    const keyCount = digests.length / DIGEST_WORDS;
    assert(addresses === undefined || addresses.length === keyCount, 'one address a digest');
    const answers = new Uint8Array(keyCount);
    for (let first = 0; first < keyCount; first += this.#chunkKeys) {
      const count = Math.min(this.#chunkKeys, keyCount - first);
      const from = DIGEST_WORDS * first;
      copy(digests, from, this.#words, this.#digests >> 2, DIGEST_WORDS * count);
      const to = this.#addresses >> 2;
      if (addresses === undefined) this.#words.fill(this.#pageScratch, to, to + count);
      else copy(addresses, first, this.#words, to, count);
      if (kind === 'filter') this.#core.probeFilters(count);
      else this.#core.probeMatches(count);
      copy(this.#bytes, this.#answers, answers, first, count);
    }
    return answers;
  }
}

/** Copies elements; for few, a loop is quicker than TypedArray.set() with its view of the part. */
function copy<Elements extends Uint8Array | Uint32Array>(
  source: Elements,
  from: number,
  target: Elements,
  to: number,
  count: number,
): void {
  if (count > LOOP_ELEMENTS_MAX) target.set(source.subarray(from, from + count), to);
  else for (let i = 0; i < count; i++) target[to + i] = source[from + i]!;
}

/** A power of two: pages of so many shards in a row have a slot each. */
const slotsFor = (shardCount: number, least: number): number =>
  Math.max(least, 2 ** Math.ceil(Math.log2(Math.max(1, shardCount))));

/** The next multiple of 64 that leaves the guard behind what ends at `end`. */
function nextArena(end: number): number {
  return Math.ceil((end + GUARD_BYTES) / 64) * 64;
}
