/**
 * A portion of an edition's pages in one thread, asked for every key that belongs to it.
 *
 * Digests are made anew from the keys, and asked through the wasm that ships. Two bits for each slot
 * prove the other way round as well: a slot that no key of the export has would be an innocent's
 * document, and a category that no record has would be made up.
 */

import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { assert, SltdError } from '../../src/errors.ts';
import { DIGEST_BYTES } from '../../src/format/layout.ts';
import { decodePage, type PageKind } from '../../src/format/page.ts';
import type { Digests } from '../../src/matcher/matcher.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import { BITS } from '../key-file/key-encoder.ts';
import { BATCH_KEYS, type KeyBlock, KeyReader } from '../key-file/key-file.ts';
import { STATE_INDEX, STATE_ORDER } from '../key-file/state-order.ts';
import { filterFalsePositiveRate } from './filter-theory.ts';
import { NonMembers } from './non-members.ts';
import { ShardQueue } from './shard-queue.ts';
import { Suspects } from './suspects.ts';

const DIGEST_WORDS = DIGEST_BYTES / 4;
/** Batches without a key of the portion before it is said to have no room for one. */
const EMPTY_BATCHES_MAX = 10_000;

/** A state of the manifest. */
export interface StateRows {
  state: StateCode;
  firstShard: number;
  shardCount: number;
  recordCount: number;
}

export interface PortionInput {
  /** Shard rows of the manifest, `firstRow` to `endRow - 1`. */
  firstRow: number;
  endRow: number;
  states: readonly StateRows[];
  epochKey: Uint8Array;
  epochKeyId: Uint8Array;
  /** Room for the pages. */
  filterBytes: number;
  matchBytes: number;
}

/** A page as it was read from the edition, checked against its SHA-256. */
export interface PageBytes {
  kind: PageKind;
  row: number;
  bytes: Uint8Array;
  xxh64: bigint;
}

export interface AskedPages {
  asked: number;
  missing: number;
  /** Found with a category below the record's. */
  lowerCategory: number;
}

export interface AskedOthers {
  asked: number;
  filterMaybe: number;
  filterExpected: number;
}

/** Of the keys that waited until the end, and of the portion as a whole. */
export interface PortionResult extends AskedPages {
  /** Made up as not listed, and listed by chance after all: rightly found. */
  listedOthers: number;
  falseCandidates: number;
  /** Slots that no key of the export has. */
  strangers: number;
  /** Slots of a key of the export whose category none of its records has. */
  unprovedCategories: number;
}

export class VerifyPortion {
  readonly #input: PortionInput;
  readonly #matcher: WasmMatcher;
  readonly #xxh64: (bytes: Uint8Array) => bigint;
  /** By index in STATE_ORDER; 0 shards for a state that the manifest lacks. */
  readonly #firstShards = new Uint32Array(STATE_ORDER.length);
  readonly #shardCounts = new Uint32Array(STATE_ORDER.length);
  /** 1 for states that have a row in the portion. */
  readonly #wanted = new Uint8Array(STATE_ORDER.length);
  /** By row, from firstRow on. */
  readonly #filterAddresses: Uint32Array;
  readonly #matchAddresses: Uint32Array;
  readonly #keyCounts: Uint32Array;
  readonly #rates: Float64Array;
  readonly #owners: (StateRows | undefined)[];
  /** Slots of the rows before; set when all pages are there. */
  #slotBases: Float64Array | undefined;
  #seen = new Uint8Array(0);
  #proved = new Uint8Array(0);
  #suspects = new Suspects(0);
  #queue: ShardQueue | undefined;
  readonly #others: NonMembers;
  // Of the batch in hand: made anew for each, they would keep the garbage collector busy.
  readonly #digests = new Uint32Array(DIGEST_WORDS * BATCH_KEYS);
  readonly #places = new Uint32Array(BATCH_KEYS);
  readonly #filters = new Uint32Array(BATCH_KEYS);
  readonly #matches = new Uint32Array(BATCH_KEYS);

  constructor(
    input: PortionInput,
    { module, xxh64 }: { module: WebAssembly.Module; xxh64: (bytes: Uint8Array) => bigint },
  ) {
    const { firstRow, endRow, states } = input;
    const rowCount = endRow - firstRow;
    this.#input = input;
    this.#xxh64 = xxh64;
    this.#matcher = new WasmMatcher(module, {
      filterArenaBytes: input.filterBytes,
      matchArenaBytes: input.matchBytes,
      shardCount: rowCount,
    });
    this.#filterAddresses = new Uint32Array(rowCount);
    this.#matchAddresses = new Uint32Array(rowCount);
    this.#keyCounts = new Uint32Array(rowCount);
    this.#rates = new Float64Array(rowCount);
    this.#owners = Array.from({ length: rowCount });
    const own: StateRows[] = [];
    for (const state of states) {
      const index = STATE_INDEX.get(state.state);
      if (index === undefined) throw new SltdError('verify-failed', { detail: 'unknown state' });
      this.#firstShards[index] = state.firstShard;
      this.#shardCounts[index] = state.shardCount;
      const first = Math.max(firstRow, state.firstShard);
      const end = Math.min(endRow, state.firstShard + state.shardCount);
      if (first >= end) continue;
      this.#wanted[index] = 1;
      if (state.recordCount > 0) own.push({ ...state, shardCount: end - first });
      for (let row = first; row < end; row++) this.#owners[row - firstRow] = state;
    }
    this.#others = new NonMembers(own);
  }

  /** Checks a page as a reader does, keeps it, and counts its records once: filter page first. */
  add({ kind, row, bytes, xxh64 }: PageBytes): number {
    const place = row - this.#input.firstRow;
    const owner = this.#owners[place];
    assert(owner !== undefined, 'a page of the portion');
    if (this.#xxh64(bytes) !== xxh64) throw new SltdError('format-digest');
    const header = decodePage(bytes, {
      ...{ kind, state: owner.state, shardIndex: row - owner.firstShard },
      ...{ shardCount: owner.shardCount, epochKeyId: this.#input.epochKeyId },
    });
    const { keyCount, tableCount: blockCount, parameter: probes } = header;
    if (kind === 'filter') {
      this.#matcher.filters.put(row, bytes);
      this.#keyCounts[place] = keyCount;
      this.#rates[place] = filterFalsePositiveRate({ keyCount, blockCount, probes });
      return keyCount;
    }
    this.#matcher.matches.put(row, bytes);
    if (keyCount !== this.#keyCounts[place]) {
      throw new SltdError('page-corrupt', { detail: 'key counts differ' });
    }
    return 0;
  }

  /** So many documents that are not listed; call it before askKeys. */
  askOthers(count: number): AskedOthers {
    this.#prepare();
    const result: AskedOthers = { asked: 0, filterMaybe: 0, filterExpected: 0 };
    let emptyBatches = 0;
    while (result.asked < count && emptyBatches < EMPTY_BATCHES_MAX) {
      const keys = this.#others.next(BATCH_KEYS);
      const digests = this.#matcher.digests(keys, this.#input.epochKey);
      const own = this.#takeOwn(digests, keys, count - result.asked);
      emptyBatches = own === 0 ? emptyBatches + 1 : 0;
      const ownDigests = digests.subarray(0, DIGEST_WORDS * own);
      const { maybe, found, slots } = this.#ask(ownDigests, own);
      for (let i = 0; i < own; i++) {
        const place = this.#places[i]!;
        result.filterExpected += this.#rates[place]!;
        result.filterMaybe += maybe[i]!;
        if (maybe[i] === 0 || found[i] === 0) continue;
        this.#suspects.add(this.#slotBases![place]! + slots[i]!, ownDigests, i);
      }
      result.asked += own;
    }
    return result;
  }

  /** Takes every key of the blocks that belongs to the portion; asks pages for which many wait. */
  askKeys({ path, blocks }: { path: string; blocks: readonly KeyBlock[] }): AskedPages {
    this.#prepare();
    const result: AskedPages = { asked: 0, missing: 0, lowerCategory: 0 };
    const queue = this.#queue!;
    const digests = this.#digests;
    const reader = new KeyReader(path, blocks, this.#wanted);
    try {
      while (reader.next()) {
        const { count, states, categories } = reader.batch;
        this.#matcher.digestsOfRows(reader.batch, this.#input.epochKey, digests);
        for (let i = 0; i < count; i++) {
          const place = this.#placeOf(digests[DIGEST_WORDS * i + 3]!, states[i]!);
          if (place >= 0 && queue.push(place, digests, i, categories[i]!)) {
            this.#askQueued(place, result);
          }
        }
      }
    } finally {
      reader.close();
    }
    return result;
  }

  /** Asks what still waits; then, what only shows when every key was asked. */
  close(): PortionResult {
    this.#prepare();
    const result: AskedPages = { asked: 0, missing: 0, lowerCategory: 0 };
    for (let place = 0; place < this.#keyCounts.length; place++) this.#askQueued(place, result);
    const slotCount = this.#keyCounts.reduce((sum, count) => sum + count, 0);
    const seenCount = countBits(this.#seen);
    const { listed, unlisted } = this.#suspects.settle();
    return {
      ...result,
      ...{ listedOthers: listed, falseCandidates: unlisted },
      strangers: slotCount - seenCount,
      unprovedCategories: seenCount - countBits(this.#proved),
    };
  }

  /** Asks the pages of a shard for all its keys that wait. */
  #askQueued(place: number, result: AskedPages): void {
    const { digests, categories, count } = this.#queue!.take(place);
    this.#places.fill(place, 0, count);
    const { maybe, found, slots } = this.#ask(digests, count);
    const base = this.#slotBases![place]!;
    result.asked += count;
    for (let i = 0; i < count; i++) {
      // Both must say so: a reader asks the second only if the first lets it.
      if (maybe[i] === 0 || found[i] === 0) {
        result.missing++;
        continue;
      }
      const slot = base + slots[i]!;
      const at = slot >>> 3;
      const bit = 1 << (slot & 7);
      this.#seen[at]! |= bit;
      const answered = found[i]! - 1;
      const category = categories[i]!;
      if (answered === category) this.#proved[at]! |= bit;
      else if (answered < category) result.lowerCategory++;
      this.#suspects.clear(slot, digests, i);
    }
  }

  /** Moves digests of the portion together, at most `limit`, and notes their #places; how many. */
  #takeOwn(digests: Digests, keys: readonly CanonicalKey[], limit: number): number {
    let own = 0;
    for (let i = 0; i < keys.length && own < limit; i++) {
      const from = DIGEST_WORDS * i;
      const state = STATE_INDEX.get(keys[i]!.substring(1, 4).replaceAll('<', ''))!;
      const place = this.#placeOf(digests[from + 3]!, state);
      if (place < 0) continue;
      digests.copyWithin(DIGEST_WORDS * own, from, from + DIGEST_WORDS);
      this.#places[own++] = place;
    }
    return own;
  }

  /** Row of the page of a key, from the first of the portion; -1 if it is not in there. */
  #placeOf(d3: number, state: number): number {
    const { firstRow, endRow } = this.#input;
    const shard = Math.floor((d3 * this.#shardCounts[state]!) / 2 ** 32);
    const row = this.#firstShards[state]! + shard;
    return row < firstRow || row >= endRow ? -1 : row - firstRow;
  }

  /** What the pages at #places say. */
  #ask(digests: Digests, count: number) {
    const filters = this.#filters.subarray(0, count);
    const matches = this.#matches.subarray(0, count);
    for (let i = 0; i < count; i++) {
      filters[i] = this.#filterAddresses[this.#places[i]!]!;
      matches[i] = this.#matchAddresses[this.#places[i]!]!;
    }
    return {
      maybe: this.#matcher.probeFilters(digests, filters),
      found: this.#matcher.probeMatches(digests, matches),
      slots: this.#matcher.locateSlots(digests, matches),
    };
  }

  /** Addresses and slots, once every page is there: nothing is put from here on. */
  #prepare(): void {
    if (this.#slotBases !== undefined) return;
    const { firstRow } = this.#input;
    const bases = new Float64Array(this.#owners.length);
    let slotCount = 0;
    for (let place = 0; place < bases.length; place++) {
      this.#filterAddresses[place] = this.#matcher.filters.find(firstRow + place);
      this.#matchAddresses[place] = this.#matcher.matches.find(firstRow + place);
      // Address 0 would make a filter answer maybe.
      const areThere = this.#filterAddresses[place] !== 0 && this.#matchAddresses[place] !== 0;
      assert(areThere, 'every page of the portion is there');
      bases[place] = slotCount;
      slotCount += this.#keyCounts[place]!;
    }
    const byteCount = Math.ceil(slotCount / 8);
    this.#seen = new Uint8Array(byteCount);
    this.#proved = new Uint8Array(byteCount);
    this.#suspects = new Suspects(slotCount);
    this.#queue = new ShardQueue(bases.length);
    this.#slotBases = bases;
  }
}

function countBits(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) count += BITS[byte & 15]! + BITS[byte >> 4]!;
  return count;
}
