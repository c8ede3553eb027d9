/**
 * Keys to digests, sorted into groups of neighboring shards of one state.
 *
 * How many shards a state gets follows from its number of keys, which the import knows; so one pass
 * is enough. A group holds at most a million digests, and the groups lie one chunk after the other in
 * a single spill file: memory stays the same for a list of any size.
 */

import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { StateCode } from '../src/document/issuing-state.ts';
import type { WasmMatcher } from '../src/matcher/wasm-matcher.ts';
import { readKeyFile, writeAll } from './key-file.ts';

/** Shards of one state that are handled together: 32 of 32,768 keys are 20 MB. */
const GROUP_SHARDS = 32;
/** A digest's four words and its category. */
const ENTRY_WORDS = 5;
const CHUNK_ENTRIES = 4096;

/** Shards `firstShard` to `firstShard + shardCount - 1` of a state, and where their digests lie. */
export interface ShardGroup {
  state: StateCode;
  /** Shards of the whole state. */
  stateShardCount: number;
  firstShard: number;
  shardCount: number;
  /** Offsets of full chunks in the spill file. */
  chunkOffsets: number[];
  /** The chunk being filled. */
  pending: Uint32Array;
  pendingEntries: number;
}

interface StateShards {
  shardCount: number;
  groups: ShardGroup[];
}

/** docs/format.md section 13. */
function shardCountOf(keyCount: number, keysPerShard: number): number {
  return Math.max(1, Math.ceil(keyCount / keysPerShard));
}

export class Partition {
  readonly #path: string;
  readonly #states = new Map<string, StateShards>();
  #spillBytes = 0;

  /** A row for every state of the edition, with its number of keys; `path` is the spill file. */
  constructor(options: {
    path: string;
    keyCounts: Iterable<readonly [StateCode, number]>;
    keysPerShard: number;
  }) {
    this.#path = options.path;
    for (const [state, keyCount] of options.keyCounts) {
      const shardCount = shardCountOf(keyCount, options.keysPerShard);
      const groups: ShardGroup[] = [];
      for (let firstShard = 0; firstShard < shardCount; firstShard += GROUP_SHARDS) {
        groups.push({
          state,
          stateShardCount: shardCount,
          firstShard,
          shardCount: Math.min(GROUP_SHARDS, shardCount - firstShard),
          chunkOffsets: [],
          pending: new Uint32Array(0),
          pendingEntries: 0,
        });
      }
      this.#states.set(state.padEnd(3, '<'), { shardCount, groups });
    }
  }

  /** All groups: states in the order given, shards ascending. */
  *groups(): Generator<ShardGroup> {
    for (const { groups } of this.#states.values()) yield* groups;
  }

  /** Reads the key file through the matcher's digests. */
  async fill(options: {
    keyFile: string;
    matcher: WasmMatcher;
    epochKey: Uint8Array;
    onProgress(doneKeys: number): void;
    signal?: AbortSignal | undefined;
  }): Promise<void> {
    const spill = openSync(this.#path, 'wx', 0o600);
    try {
      let done = 0;
      for (const { keys, categories } of readKeyFile(options.keyFile)) {
        const digests = options.matcher.digests(keys, options.epochKey);
        for (let i = 0; i < keys.length; i++) {
          const state = this.#states.get(keys[i]!.substring(1, 4))!;
          const shard = Math.floor((digests[4 * i + 3]! * state.shardCount) / 2 ** 32);
          const group = state.groups[Math.floor(shard / GROUP_SHARDS)]!;
          if (group.pending.length === 0) group.pending = newChunk();
          const to = group.pendingEntries * ENTRY_WORDS;
          for (let word = 0; word < 4; word++) group.pending[to + word] = digests[4 * i + word]!;
          group.pending[to + 4] = categories[i]!;
          group.pendingEntries++;
          if (group.pendingEntries === CHUNK_ENTRIES) this.#spill(spill, group);
        }
        done += keys.length;
        options.onProgress(done);
        // Lets a Ctrl-C in.
        await setImmediate();
        options.signal?.throwIfAborted();
      }
    } finally {
      closeSync(spill);
    }
  }

  #spill(file: number, group: ShardGroup): void {
    const { pending } = group;
    writeAll(file, new Uint8Array(pending.buffer, 0, pending.byteLength));
    group.chunkOffsets.push(this.#spillBytes);
    this.#spillBytes += pending.byteLength;
    group.pendingEntries = 0;
  }

  /** Digests and categories of each shard of a group, in no particular order within a shard. */
  readGroup(group: ShardGroup): { digests: Uint32Array; categories: Uint8Array }[] {
    const entryCount = group.chunkOffsets.length * CHUNK_ENTRIES + group.pendingEntries;
    const entries = new Uint32Array(entryCount * ENTRY_WORDS);
    this.#readChunks(group, entries);
    const last = group.pending.subarray(0, group.pendingEntries * ENTRY_WORDS);
    entries.set(last, entries.length - last.length);
    group.pending = new Uint32Array(0);

    const shardOf = (entry: number): number => {
      const word = entries[entry * ENTRY_WORDS + 3]!;
      return Math.floor((word * group.stateShardCount) / 2 ** 32) - group.firstShard;
    };
    const counts = new Uint32Array(group.shardCount);
    for (let entry = 0; entry < entryCount; entry++) counts[shardOf(entry)]!++;
    const shards = Array.from(counts, (count) => ({
      digests: new Uint32Array(4 * count),
      categories: new Uint8Array(count),
    }));
    const places = new Uint32Array(group.shardCount);
    for (let entry = 0; entry < entryCount; entry++) {
      const index = shardOf(entry);
      const shard = shards[index]!;
      const place = places[index]!++;
      const from = entry * ENTRY_WORDS;
      for (let word = 0; word < 4; word++) shard.digests[4 * place + word] = entries[from + word]!;
      shard.categories[place] = entries[from + 4]!;
    }
    return shards;
  }

  #readChunks(group: ShardGroup, entries: Uint32Array): void {
    if (group.chunkOffsets.length === 0) return;
    const bytes = new Uint8Array(entries.buffer);
    const chunkBytes = CHUNK_ENTRIES * ENTRY_WORDS * 4;
    const file = openSync(this.#path, 'r');
    try {
      group.chunkOffsets.forEach((offset, index) => {
        let done = 0;
        while (done < chunkBytes) {
          const to = index * chunkBytes + done;
          const count = readSync(file, bytes, to, chunkBytes - done, offset + done);
          if (count === 0) throw new Error('the spill file is cut off');
          done += count;
        }
      });
    } finally {
      closeSync(file);
    }
  }
}

const newChunk = (): Uint32Array => new Uint32Array(CHUNK_ENTRIES * ENTRY_WORDS);
