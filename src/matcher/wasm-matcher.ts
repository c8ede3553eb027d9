/**
 * The matcher that ships: assembly/, called once for a chunk of keys.
 *
 * Two ways in. mayContain() and match() take any page and copy it: for the build, for tests, for
 * whoever holds a page once. screen(), probeFilters() and probeMatches() read pages where they
 * already lie, in the arenas: the request path. No call leaves anything in wasm memory that a later
 * one reads, and the keys are wiped before it returns.
 */

import {
  type CanonicalKey,
  KEY_PREFIX_LENGTH,
  NUMBER_LENGTH_MAX,
} from '../document/canonical-key.ts';
import { type Change, respell } from '../document/look-alike.ts';
import { assert, SltdError } from '../errors.ts';
import { DIGEST_BYTES, EPOCH_KEY_BYTES } from '../format/layout.ts';
import type { StateEntry } from '../format/manifest.ts';
import type { OverlayFilter } from '../format/overlay.ts';
import { decodePage, type PageKind } from '../format/page.ts';
import type { Digests, Matcher } from './matcher.ts';
import { type MatcherCore, reserve, startCore } from './matcher-core.ts';
import { arenaBytes, PageArena } from './page-arena.ts';

const DIGEST_WORDS = DIGEST_BYTES / 4;

/** A key as bytes: its ASCII characters from 0, its length as u32 at KEY_ROW_LENGTH. */
export const KEY_ROW_BYTES = 48;
export const KEY_ROW_LENGTH = 36;

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
  /** Under which the edition's digests were made: 16 bytes. */
  epochKey: Uint8Array;
  /** Id in the arenas of the filter page of shard row 0. */
  firstPageId: number;
  overlay?: OverlayFilter | undefined;
}

/** What screen() leaves open. */
export interface Screened {
  /** For each key 0 (absent), 1 (maybe) or NOT_RESIDENT. */
  answers: Uint8Array;
  /** Places of the keys on which the overlay may have a row, ascending. */
  inOverlay: number[];
  /** Of those two kinds of keys only; the others are zero. */
  digests: Digests;
}

/** Room for the words of the filters of some overlays: one for each collection, and newer ones. */
const OVERLAY_FILTER_BYTES = 2 ** 20;
/** In the wasm's answers. */
const IN_OVERLAY = 4;
/** Without an overlay its words are the zeros at address 0. */
const NO_OVERLAY = { address: 0, shift: 31 };

/** Digests and probes by WebAssembly; one instance serves one isolate. */
export class WasmMatcher implements Matcher {
  /** Filter pages that stay in memory. */
  readonly filters: PageArena;
  /** Match pages that stay in memory. */
  readonly matches: PageArena;

  readonly #core: MatcherCore;
  readonly #overlayWords: number;
  readonly #pageScratch: number;
  readonly #chunkKeys: number;
  readonly #keys: number;
  readonly #keyStride: number;
  readonly #keyLength: number;
  readonly #keyFirstPage: number;
  readonly #keyIsChange: number;
  readonly #keyShardCount: number;
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
    this.#keyStride = core.KEY_STRIDE.value;
    this.#keyLength = core.KEY_LENGTH.value;
    this.#keyFirstPage = core.KEY_FIRST_PAGE.value;
    this.#keyIsChange = core.KEY_IS_CHANGE.value;
    this.#keyShardCount = core.KEY_SHARD_COUNT.value;
    assert(this.#keyStride === KEY_ROW_BYTES && this.#keyLength === KEY_ROW_LENGTH, 'one key row');
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
    this.#overlayWords = nextArena(matches.start + arenaBytes(matches));
    this.#pageScratch = nextArena(this.#overlayWords + OVERLAY_FILTER_BYTES);
    reserve(memory, this.#pageScratch);
    this.filters = new PageArena({ memory, ...filters });
    this.matches = new PageArena({ memory, ...matches });
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
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
    for (let first = 0; first < keys.length; first += this.#chunkKeys) {
      const count = Math.min(this.#chunkKeys, keys.length - first);
      this.#writeKeys(keys, first, count);
      this.#core.digestKeys(count);
      this.#readDigests(digests, first, count);
    }
    return digests;
  }

  /**
   * The way of nearly all documents: their keys are hashed and looked up in the filter pages of their
   * states, `entries` of the same places, and in the overlay, all in one call. Undefined if every
   * key is absent.
   */
  screen(
    keys: readonly (CanonicalKey | Change)[],
    entries: readonly (StateEntry | undefined)[],
    { epochKey, firstPageId, overlay }: Screen,
  ): Screened | undefined {
    assert(entries.length === keys.length, 'one state a key');
    let screened: Screened | undefined;
    this.#writeEpochKey(epochKey);
    const { table, slotMask } = this.filters;
    const { address, shift } = overlay ? this.#placeOverlay(overlay) : NO_OVERLAY;
    for (let first = 0; first < keys.length; first += this.#chunkKeys) {
      const count = Math.min(this.#chunkKeys, keys.length - first);
      this.#writeKeys(keys, first, count);
      this.#writePlaces(entries, first, count, firstPageId);
      if (this.#core.screenKeys(count, table, slotMask, address, shift) === 0) continue;
      screened ??= {
        answers: new Uint8Array(keys.length),
        inOverlay: [],
        digests: new Uint32Array(DIGEST_WORDS * keys.length),
      };
      this.#readScreened(screened, first, count);
    }
    return screened;
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
    const address = this.#overlayWords + this.#overlaysEnd;
    this.#words.set(overlay.words, address >> 2);
    this.#overlays.set(overlay, address);
    this.#overlaysEnd += byteLength;
    return address;
  }

  #readScreened({ answers, inOverlay, digests }: Screened, first: number, count: number): void {
    for (let i = 0; i < count; i++) {
      const answer = this.#bytes[this.#answers + i]!;
      if (answer === 0) continue;
      answers[first + i] = answer & ~IN_OVERLAY;
      if ((answer & IN_OVERLAY) !== 0) inOverlay.push(first + i);
      const from = (this.#digests >> 2) + DIGEST_WORDS * i;
      copy(this.#words, from, digests, DIGEST_WORDS * (first + i), DIGEST_WORDS);
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

  #writeKeys(keys: readonly (CanonicalKey | Change)[], first: number, count: number): void {
    let hasKey = false;
    for (let i = 0; i < count; i++) {
      const key = keys[first + i]!;
      if (typeof key === 'string') {
        this.#writeKey(i, key);
        hasKey = true;
      } else if (hasKey) {
        this.#writeChange(i, key);
      } else {
        // A chunk may begin with changes: the key that they change was in the one before.
        let base = first - 1;
        while (typeof keys[base] === 'number') base--;
        assert(base >= 0, 'a change follows a key');
        this.#writeKey(i, respelledKey(keys[base] as CanonicalKey, key));
      }
    }
  }

  /** Where the wasm finds the filter page of each key. */
  #writePlaces(
    entries: readonly (StateEntry | undefined)[],
    first: number,
    count: number,
    firstPageId: number,
  ): void {
    const words = this.#words;
    for (let i = 0; i < count; i++) {
      const entry = entries[first + i];
      const at = this.#keys + i * this.#keyStride;
      words[(at + this.#keyFirstPage) >> 2] = entry ? firstPageId + entry.firstShard : 0;
      words[(at + this.#keyShardCount) >> 2] = entry ? entry.shardCount : 0;
    }
  }

  /** Four characters at a time: for keys this short quicker than TextEncoder. */
  #writeKey(index: number, key: CanonicalKey): void {
    const words = this.#words;
    const { length } = key;
    assert(length <= this.#keyLength, 'a canonical key has at most 36 characters');
    const at = this.#keys + index * this.#keyStride;
    words[(at + this.#keyLength) >> 2] = length;
    let word = at >> 2;
    let allBits = 0;
    let i = 0;
    for (; i + 4 <= length; i += 4) {
      const a = key.charCodeAt(i);
      const b = key.charCodeAt(i + 1);
      const c = key.charCodeAt(i + 2);
      const d = key.charCodeAt(i + 3);
      allBits |= a | b | c | d;
      words[word++] = a | (b << 8) | (c << 16) | (d << 24);
    }
    let tail = 0;
    for (let shift = 0; i < length; i++, shift += 8) {
      const code = key.charCodeAt(i);
      allBits |= code;
      tail |= code << shift;
    }
    // At 36 characters there is no tail, and the word behind them is the length.
    if (length < this.#keyLength) words[word] = tail;
    assert(allBits < 128, 'a canonical key is ASCII');
  }

  /** A change of the nearest key before, which the wasm writes out. */
  #writeChange(index: number, change: Change): void {
    // Both places at once: the second is 0 if there is none.
    assert(((change | (change >> 16)) & 0xff) < NUMBER_LENGTH_MAX, 'a change lies in the number');
    const at = this.#keys + index * this.#keyStride;
    this.#words[at >> 2] = change;
    this.#words[(at + this.#keyLength) >> 2] = this.#keyIsChange;
  }

  /** Puts a page behind the arenas; a format error if it is not one of this kind. */
  #copyPage(page: Uint8Array, kind: PageKind): void {
    // Decoded here, so that no probe ever reads outside of it.
    if (decodePage(page).kind !== kind) throw new SltdError('page-corrupt');
    reserve(this.#core.memory, this.#pageScratch + page.length + GUARD_BYTES);
    if (this.#bytes.length === 0) {
      this.#bytes = new Uint8Array(this.#core.memory.buffer);
      this.#words = new Uint32Array(this.#core.memory.buffer);
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

const respelledKey = (key: CanonicalKey, change: Change): CanonicalKey =>
  (key.slice(0, KEY_PREFIX_LENGTH) + respell(key.slice(KEY_PREFIX_LENGTH), change)) as CanonicalKey;

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
