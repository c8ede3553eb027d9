/**
 * Digests to pages: for each shard of each state a filter page and a match page, written by name.
 *
 * A shard without keys gets two pages as well: absence of an object is never an answer. While pages
 * are written and flushed to the disk the next ones are built; a bounded number is in flight.
 */

import { setImmediate } from 'node:timers/promises';
import xxhash from 'xxhash-wasm';
import type { ObjectStore } from '../publish/object-store.ts';
import type { StateCode } from '../src/document/issuing-state.ts';
import type { PageReference } from '../src/format/manifest.ts';
import { type PageBuilder, sortAndMerge } from '../src/matcher/page-builder.ts';
import type { Partition } from './partition.ts';

/** Pages being written at a time; each is some 200 KB. */
const WRITES_MAX = 32;

export interface PageOptions {
  epochKeyId: Uint8Array;
  bitsPerKey: number;
  probes: number;
}

/** The pages of a state, and what it took. */
export interface StatePages {
  state: StateCode;
  /** Distinct keys. */
  recordCount: number;
  shards: { filter: PageReference; match: PageReference }[];
}

export interface BuiltPages {
  states: StatePages[];
  reseeds: number;
  evictions: number;
}

/** Builds and writes the pages of every group of the partition, states in its order. */
export async function buildPages(options: {
  partition: Partition;
  builder: PageBuilder;
  store: ObjectStore;
  page: PageOptions;
  onProgress(doneKeys: number): void;
  signal?: AbortSignal | undefined;
}): Promise<BuiltPages> {
  const { partition, builder, store, page } = options;
  const { h64Raw } = await xxhash();
  const writes = new Set<Promise<void>>();
  let failure: unknown;
  const write = async (bytes: Uint8Array): Promise<PageReference> => {
    const reference: PageReference = {
      sha256: new Uint8Array(),
      xxh64: h64Raw(bytes),
      length: bytes.length,
    };
    const task = store.put('pages', bytes).then(
      ({ sha256 }) => {
        reference.sha256 = sha256;
      },
      (error) => {
        failure ??= error;
      },
    );
    writes.add(task);
    task.then(() => writes.delete(task));
    while (writes.size >= WRITES_MAX) await Promise.race(writes);
    return reference;
  };

  const built: BuiltPages = { states: [], reseeds: 0, evictions: 0 };
  let doneKeys = 0;
  for (const group of partition.groups()) {
    if (group.firstShard === 0) {
      built.states.push({ state: group.state, recordCount: 0, shards: [] });
    }
    const state = built.states.at(-1)!;
    const shards = partition.readGroup(group);
    for (const [index, shard] of shards.entries()) {
      const { digests, categories } = sortAndMerge(shard.digests, shard.categories);
      const identity = {
        state: group.state,
        shardIndex: group.firstShard + index,
        shardCount: group.stateShardCount,
        epochKeyId: page.epochKeyId,
      };
      const { bitsPerKey, probes } = page;
      const filter = builder.buildFilterPage({ ...identity, bitsPerKey, probes }, digests);
      const match = builder.buildMatchPage(identity, digests, categories);
      built.reseeds += match.reseeds;
      built.evictions += match.evictions;
      state.recordCount += categories.length;
      state.shards.push({ filter: await write(filter), match: await write(match.page) });
      doneKeys += shard.categories.length;
      options.onProgress(doneKeys);
    }
    // Lets a Ctrl-C in.
    await setImmediate();
    options.signal?.throwIfAborted();
    if (failure !== undefined) throw failure;
  }
  await Promise.all(writes);
  if (failure !== undefined) throw failure;
  return built;
}
