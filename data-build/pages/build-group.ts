/**
 * The pages of a group of shards from its digests: what a thread does of the page step.
 *
 * A shard without keys gets two pages as well: absence of an object is never an answer.
 */

import type { StateCode } from '../../src/document/issuing-state.ts';
import type { PageBuilder } from '../../src/matcher/page-builder.ts';
import { type Chunk, type GroupShards, readGroup } from './partition-writer.ts';

export interface PageOptions {
  epochKeyId: Uint8Array;
  bitsPerKey: number;
  probes: number;
}

export interface BuildGroupInput {
  state: StateCode;
  group: GroupShards;
  chunks: readonly Chunk[];
  page: PageOptions;
}

/** A page and the checksum of its copies. */
export interface BuiltPage {
  bytes: Uint8Array;
  xxh64: bigint;
}

export interface BuiltGroup {
  shards: { filter: BuiltPage; match: BuiltPage; recordCount: number }[];
  /** Keys that went in, equal ones each time. */
  keyCount: number;
  reseeds: number;
  /** Shards that needed a second seed. */
  reseededShards: number;
  evictions: number;
  /** Processor time of the slowest shard, in milliseconds. */
  slowestMs: number;
}

export function buildGroup(
  { state, group, chunks, page }: BuildGroupInput,
  { builder, xxh64 }: { builder: PageBuilder; xxh64: (bytes: Uint8Array) => bigint },
): BuiltGroup {
  const built: BuiltGroup = {
    ...{ shards: [], keyCount: 0, reseeds: 0, reseededShards: 0, evictions: 0, slowestMs: 0 },
  };
  const withSum = (bytes: Uint8Array): BuiltPage => ({ bytes, xxh64: xxh64(bytes) });
  for (const [index, { digests, categories }] of readGroup(chunks, group).entries()) {
    const startedAt = threadMs();
    const { filterPage, match, keyCount } = builder.buildShard(
      {
        ...{ state, shardIndex: group.firstShard + index, shardCount: group.stateShardCount },
        ...page,
      },
      digests,
      categories,
    );
    built.slowestMs = Math.max(built.slowestMs, threadMs() - startedAt);
    built.keyCount += categories.length;
    built.reseeds += match.reseeds;
    built.reseededShards += Math.min(1, match.reseeds);
    built.evictions += match.evictions;
    built.shards.push({
      filter: withSum(filterPage),
      match: withSum(match.page),
      recordCount: keyCount,
    });
  }
  return built;
}

/** Processor time of this thread, or the clock where Node cannot tell (before 23.9): others may have the core meanwhile. */
function threadMs(): number {
  if (!process.threadCpuUsage) return performance.now();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
