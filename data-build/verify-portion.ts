/**
 * A portion of an edition's pages in one thread, asked for every key that belongs to it.
 *
 * Digests are made anew from the keys, and asked through the wasm that ships. Two bits for each slot
 * prove the other way round as well: a slot that no key of the export has would be an innocent's
 * document, and a category that no record has would be made up.
 */

import type { StateCode } from '../src/document/issuing-state.ts';
import { assert, SltdError } from '../src/errors.ts';
import { DIGEST_BYTES } from '../src/format/layout.ts';
import { decodePage, type PageKind } from '../src/format/page.ts';
import type { Digests } from '../src/matcher/matcher.ts';
import { WasmMatcher } from '../src/matcher/wasm-matcher.ts';
import { filterFalsePositiveRate } from './filter-theory.ts';
import { BATCH_KEYS, type KeyBlock, KeyReader } from './key-file.ts';
import { NonMembers } from './non-members.ts';
import { BITS } from './key-encoder.ts';
import { STATE_INDEX, STATE_ORDER } from './state-order.ts';
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

export interface PortionResult {
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
  readonly #others: NonMembers;
  // Of the batch in hand: made anew for each, they would keep the garbage collector busy.
  readonly #places = new Uint32Array(BATCH_KEYS);
  readonly #indexes = new Uint32Array(BATCH_KEYS);
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
      const states = Uint16Array.from(
        keys,
        (key) => STATE_INDEX.get(key.substring(1, 4).replaceAll('<', ''))!,
      );
      const own = this.#ownKeys(digests, states, keys.length, count - result.asked);
      emptyBatches = own.count === 0 ? emptyBatches + 1 : 0;
      const { maybe, found, slots } = this.#ask(own);
      for (let i = 0; i < own.count; i++) {
        result.filterExpected += this.#rates[own.places[i]!]!;
        result.filterMaybe += maybe[i]!;
        if (maybe[i] === 0 || found[i] === 0) continue;
        this.#suspects.add(this.#slotBases![own.places[i]!]! + slots[i]!, own.digests, i);
      }
      result.asked += own.count;
    }
    return result;
  }

  /** Every key of the blocks that belongs to the portion. */
  askKeys({ path, blocks }: { path: string; blocks: readonly KeyBlock[] }): AskedPages {
    this.#prepare();
    const result: AskedPages = { asked: 0, missing: 0, lowerCategory: 0 };
    const reader = new KeyReader(path, blocks, this.#wanted);
    try {
      while (reader.next()) {
        const { rows, count, states, categories } = reader.batch;
        const digests = this.#matcher.digestsOfRows(rows, count, this.#input.epochKey);
        this.#askListed(this.#ownKeys(digests, states, count, count), categories, result);
      }
    } finally {
      reader.close();
    }
    return result;
  }

  close(): PortionResult {
    this.#prepare();
    const slotCount = this.#keyCounts.reduce((sum, count) => sum + count, 0);
    const seenCount = countBits(this.#seen);
    const { listed, unlisted } = this.#suspects.settle();
    return {
      ...{ listedOthers: listed, falseCandidates: unlisted },
      strangers: slotCount - seenCount,
      unprovedCategories: seenCount - countBits(this.#proved),
    };
  }

  #askListed(own: OwnKeys, categories: Uint8Array, result: AskedPages): void {
    const { maybe, found, slots } = this.#ask(own);
    const bases = this.#slotBases!;
    for (let i = 0; i < own.count; i++) {
      result.asked++;
      // Both must say so: a reader asks the second only if the first lets it.
      if (maybe[i] === 0 || found[i] === 0) {
        result.missing++;
        continue;
      }
      const slot = bases[own.places[i]!]! + slots[i]!;
      const at = slot >>> 3;
      const bit = 1 << (slot & 7);
      this.#seen[at]! |= bit;
      const answered = found[i]! - 1;
      const category = categories[own.indexes[i]!]!;
      if (answered === category) this.#proved[at]! |= bit;
      else if (answered < category) result.lowerCategory++;
      this.#suspects.clear(slot, own.digests, i);
    }
  }

  /** Those of the keys, at most `limit`, whose page is in the portion. */
  #ownKeys(digests: Digests, states: Uint16Array, count: number, limit: number): OwnKeys {
    const { firstRow, endRow } = this.#input;
    const places = this.#places;
    const indexes = this.#indexes;
    const firstShards = this.#firstShards;
    const shardCounts = this.#shardCounts;
    let own = 0;
    for (let i = 0; i < count && own < limit; i++) {
      const from = DIGEST_WORDS * i;
      const state = states[i]!;
      const shard = Math.floor((digests[from + 3]! * shardCounts[state]!) / 2 ** 32);
      const row = firstShards[state]! + shard;
      if (row < firstRow || row >= endRow) continue;
      places[own] = row - firstRow;
      indexes[own] = i;
      if (own < i) {
        const to = DIGEST_WORDS * own;
        digests[to] = digests[from]!;
        digests[to + 1] = digests[from + 1]!;
        digests[to + 2] = digests[from + 2]!;
        digests[to + 3] = digests[from + 3]!;
      }
      own++;
    }
    return { digests: digests.subarray(0, DIGEST_WORDS * own), places, indexes, count: own };
  }

  #ask({ digests, places, count }: OwnKeys) {
    const filters = this.#filters.subarray(0, count);
    const matches = this.#matches.subarray(0, count);
    for (let i = 0; i < count; i++) {
      filters[i] = this.#filterAddresses[places[i]!]!;
      matches[i] = this.#matchAddresses[places[i]!]!;
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
    this.#slotBases = bases;
  }
}

/** Keys of a batch that belong to the portion, moved together. */
interface OwnKeys {
  digests: Digests;
  /** Row of each, from the first of the portion. */
  places: Uint32Array;
  /** Place of each in its batch. */
  indexes: Uint32Array;
  count: number;
}

function countBits(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) count += BITS[byte & 15]! + BITS[byte >> 4]!;
  return count;
}
