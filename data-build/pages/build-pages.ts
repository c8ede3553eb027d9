/**
 * Digests to pages: for each shard of each state a filter page and a match page, written by name.
 *
 * Threads build; this one writes. A bounded number of pages is in flight.
 */

import type { ObjectStore } from '../../publish/object-store.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import type { PageReference } from '../../src/format/manifest.ts';
import { STATE_ORDER } from '../key-file/state-order.ts';
import type { Threads } from '../threads/threads.ts';
import type { BuiltPage, PageOptions } from './build-group.ts';
import type { Partition } from './partition.ts';

/** Pages of a group being written at a time; each is some 200 KB. */
const WRITES_MAX = 16;

/** The pages of a state, and what it took. */
export interface StatePages {
  state: StateCode;
  /** Distinct keys. */
  recordCount: number;
  shards: { filter: PageReference; match: PageReference }[];
}

export interface BuiltPages {
  states: StatePages[];
  /** Seeds given up; most shards take the first. */
  reseeds: number;
  reseededShards: number;
  evictions: number;
  /** Processor time of the slowest shard, in milliseconds. */
  slowestShardMs: number;
}

/** Builds and writes the pages of every group of the partition; states in their order. */
export async function buildPages(options: {
  partition: Partition;
  store: ObjectStore;
  page: PageOptions;
  threads: Threads;
  onProgress(doneKeys: number): void;
  signal?: AbortSignal | undefined;
}): Promise<BuiltPages> {
  const { partition, store, page, threads, signal } = options;
  const built: BuiltPages = {
    states: STATE_ORDER.map((state) => ({ state, recordCount: 0, shards: [] })),
    ...{ reseeds: 0, reseededShards: 0, evictions: 0, slowestShardMs: 0 },
  };
  const byCode = new Map(built.states.map((state) => [state.state, state]));
  let doneKeys = 0;
  await threads.share(
    partition.groups,
    async (thread, { state, chunks, ...group }) => {
      const result = await thread.run('buildGroup', { state, group, chunks, page });
      const target = byCode.get(state)!;
      const writes = result.shards.flatMap(({ filter, match, recordCount }, index) => {
        const pages = { filter: emptyReference(filter), match: emptyReference(match) };
        target.shards[group.firstShard + index] = pages;
        target.recordCount += recordCount;
        return [
          { page: filter, reference: pages.filter },
          { page: match, reference: pages.match },
        ];
      });
      await inParallel(WRITES_MAX, writes, async ({ page, reference }) => {
        reference.sha256 = (await store.put('pages', page.bytes)).sha256;
      });
      built.reseeds += result.reseeds;
      built.reseededShards += result.reseededShards;
      built.evictions += result.evictions;
      built.slowestShardMs = Math.max(built.slowestShardMs, result.slowestMs);
      doneKeys += result.keyCount;
      options.onProgress(doneKeys);
    },
    signal,
  );
  return built;
}

const emptyReference = ({ bytes, xxh64 }: BuiltPage): PageReference => ({
  sha256: new Uint8Array(),
  xxh64,
  length: bytes.length,
});

/** Works through the items, a bounded number at a time; the first error ends it. */
export async function inParallel<T>(
  limit: number,
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, lane));
}
