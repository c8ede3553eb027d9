/**
 * One thread's part of the partition: keys to digests, appended to a spill file chunk by chunk, each
 * chunk of one group of shards.
 */

import { closeSync, openSync } from 'node:fs';
import { SltdError } from '../../src/errors.ts';
import { DIGEST_BYTES } from '../../src/format/layout.ts';
import type { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import { BATCH_KEYS, type KeyBatch, readAll, writeAll } from '../key-file/key-file.ts';

/** Shards of one state that are handled together: 32 of 8,192 keys are 4.5 MB. */
export const GROUP_SHARDS = 32;
const GROUP_SHARDS_LOG2 = 5;
/** What waits to be written, of all groups of a thread: the 732 of 150 M rows take 51 MB of it. */
const PENDING_BYTES_MAX = 64 * 1024 * 1024;
/** Shorter ones cost more than they spare, longer ones bring nothing. */
const CHUNK_ENTRIES = { min: 64, max: 4096 };
const GROUP_ENTRIES_MAX = 2 ** 25;
const DIGEST_WORDS = DIGEST_BYTES / 4;

/*
 * struct Chunk {
 *   u32[4 * count] digests
 *   u8[count] categories
 * }
 */
const ENTRY_BYTES = DIGEST_BYTES + 1;

export interface PartitionInput {
  /** The spill file, to be made. */
  path: string;
  epochKey: Uint8Array;
  /** Shards of each state of STATE_ORDER, and the first of its groups. */
  shardCounts: Uint32Array;
  firstGroups: Uint32Array;
  groupCount: number;
}

/** Where the chunks of a spill file lie; the three lists in step. */
export interface SpilledChunks {
  path: string;
  groups: number[];
  offsets: number[];
  counts: number[];
}

/** Digests of one group that wait to be written, in the layout of a chunk. */
interface Pending {
  bytes: Uint8Array;
  digests: Uint32Array;
  categories: Uint8Array;
  count: number;
}

/** Digests and categories in a chunk, so that a chunk of every group fits the memory that is for them. */
export function chunkEntriesFor(groupCount: number): number {
  const fitting = PENDING_BYTES_MAX / ENTRY_BYTES / groupCount;
  return Math.min(
    CHUNK_ENTRIES.max,
    Math.max(CHUNK_ENTRIES.min, 2 ** Math.floor(Math.log2(fitting))),
  );
}

export class PartitionWriter {
  readonly #input: PartitionInput;
  readonly #matcher: WasmMatcher;
  readonly #file: number;
  /** Of the batch in hand: made anew for each, they would keep the garbage collector busy. */
  readonly #digests = new Uint32Array(DIGEST_WORDS * BATCH_KEYS);
  readonly #pending: (Pending | undefined)[];
  /** A power of two. */
  readonly #chunkEntries: number;
  readonly #chunks: SpilledChunks;
  #length = 0;

  constructor(input: PartitionInput, matcher: WasmMatcher) {
    this.#input = input;
    this.#matcher = matcher;
    this.#file = openSync(input.path, 'wx', 0o600);
    this.#pending = Array.from({ length: input.groupCount });
    this.#chunkEntries = chunkEntriesFor(input.groupCount);
    this.#chunks = { path: input.path, groups: [], offsets: [], counts: [] };
  }

  add(batch: KeyBatch): void {
    const { count, categories, states } = batch;
    const { epochKey, shardCounts, firstGroups } = this.#input;
    const digests = this.#digests;
    this.#matcher.digestsOfRows(batch, epochKey, digests);
    for (let i = 0; i < count; i++) {
      const from = DIGEST_WORDS * i;
      const state = states[i]!;
      const shard = Math.floor((digests[from + 3]! * shardCounts[state]!) / 2 ** 32);
      const group = firstGroups[state]! + (shard >> GROUP_SHARDS_LOG2);
      const pending = this.#pending[group] ?? this.#newPending(group);
      const to = DIGEST_WORDS * pending.count;
      pending.digests[to] = digests[from]!;
      pending.digests[to + 1] = digests[from + 1]!;
      pending.digests[to + 2] = digests[from + 2]!;
      pending.digests[to + 3] = digests[from + 3]!;
      pending.categories[pending.count++] = categories[i]!;
      if (pending.count === this.#chunkEntries) this.#spill(group, pending);
    }
  }

  close(): SpilledChunks {
    for (const [group, pending] of this.#pending.entries()) {
      if (pending !== undefined && pending.count > 0) this.#spill(group, pending);
    }
    closeSync(this.#file);
    return this.#chunks;
  }

  #newPending(group: number): Pending {
    const bytes = new Uint8Array(this.#chunkEntries * ENTRY_BYTES);
    const pending = {
      bytes,
      digests: new Uint32Array(bytes.buffer, 0, this.#chunkEntries * DIGEST_WORDS),
      categories: bytes.subarray(this.#chunkEntries * DIGEST_BYTES),
      count: 0,
    };
    this.#pending[group] = pending;
    return pending;
  }

  #spill(group: number, pending: Pending): void {
    const { bytes, categories, count } = pending;
    if (count < this.#chunkEntries) bytes.set(categories.subarray(0, count), count * DIGEST_BYTES);
    writeAll(this.#file, bytes.subarray(0, count * ENTRY_BYTES));
    this.#chunks.groups.push(group);
    this.#chunks.offsets.push(this.#length);
    this.#chunks.counts.push(count);
    this.#length += count * ENTRY_BYTES;
    pending.count = 0;
  }
}

/** A chunk of a group. */
export interface Chunk {
  path: string;
  offset: number;
  count: number;
}

/** Digests and categories of each shard of a group, in no particular order within a shard. */
export function readGroup(
  chunks: readonly Chunk[],
  { firstShard, shardCount, stateShardCount }: GroupShards,
): { digests: Uint32Array; categories: Uint8Array }[] {
  const { digests, categories } = readChunks(chunks);
  const entryCount = categories.length;
  const shardIndexes = new Uint8Array(entryCount);
  const counts = new Uint32Array(shardCount);
  for (let entry = 0; entry < entryCount; entry++) {
    const d3 = digests[DIGEST_WORDS * entry + 3]!;
    const index = Math.floor((d3 * stateShardCount) / 2 ** 32) - firstShard;
    shardIndexes[entry] = index;
    counts[index]!++;
  }
  const shards = Array.from(counts, (count) => ({
    digests: new Uint32Array(DIGEST_WORDS * count),
    categories: new Uint8Array(count),
  }));
  const places = new Uint32Array(shardCount);
  for (let entry = 0; entry < entryCount; entry++) {
    const index = shardIndexes[entry]!;
    const shard = shards[index]!;
    const place = places[index]!++;
    const from = DIGEST_WORDS * entry;
    const to = DIGEST_WORDS * place;
    shard.digests[to] = digests[from]!;
    shard.digests[to + 1] = digests[from + 1]!;
    shard.digests[to + 2] = digests[from + 2]!;
    shard.digests[to + 3] = digests[from + 3]!;
    shard.categories[place] = categories[entry]!;
  }
  return shards;
}

/** Shards `firstShard` to `firstShard + shardCount - 1` of a state. */
export interface GroupShards {
  firstShard: number;
  shardCount: number;
  /** Shards of the whole state. */
  stateShardCount: number;
}

function readChunks(chunks: readonly Chunk[]): { digests: Uint32Array; categories: Uint8Array } {
  const entryCount = chunks.reduce((sum, { count }) => sum + count, 0);
  // A group has two million keys at most; far more are few documents over and over.
  if (entryCount > GROUP_ENTRIES_MAX) {
    throw new SltdError('build-failed', { detail: 'too many equal keys' });
  }
  const digests = new Uint32Array(DIGEST_WORDS * entryCount);
  const categories = new Uint8Array(entryCount);
  const bytes = new Uint8Array(digests.buffer);
  const files = new Map<string, number>();
  try {
    let entry = 0;
    for (const { path, offset, count } of chunks) {
      let file = files.get(path);
      if (file === undefined) {
        file = openSync(path, 'r');
        files.set(path, file);
      }
      const from = DIGEST_BYTES * entry;
      readAll(file, bytes.subarray(from, from + DIGEST_BYTES * count), offset);
      readAll(file, categories.subarray(entry, entry + count), offset + DIGEST_BYTES * count);
      entry += count;
    }
  } finally {
    for (const file of files.values()) closeSync(file);
  }
  return { digests, categories };
}
