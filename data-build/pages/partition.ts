/**
 * Keys to digests, sorted into groups of neighboring shards of one state, by all threads.
 *
 * How many shards a state gets follows from its number of keys, which the import knows; so one pass
 * is enough. The groups lie one chunk after the other in one spill file a thread, and chunks get shorter
 * as groups get more: memory stays the same for a list of any size.
 */

import { join } from 'node:path';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { assert, SltdError } from '../../src/errors.ts';
import { MANIFEST_BYTES_MAX, SHARD_ROW_BYTES } from '../../src/format/layout.ts';
import type { KeyFile } from '../key-file/key-file.ts';
import { STATE_ORDER } from '../key-file/state-order.ts';
import type { Threads } from '../threads/threads.ts';
import { blockSlices } from './block-slices.ts';
import { type Chunk, GROUP_SHARDS, type GroupShards } from './partition-writer.ts';

/** A group of shards, and where its digests lie. */
export interface ShardGroup extends GroupShards {
  state: StateCode;
  chunks: Chunk[];
}

/** All groups, states in their order and shards ascending. */
export interface Partition {
  groups: readonly ShardGroup[];
  /** Paths of the spill files. */
  files: readonly string[];
}

interface PartitionOptions {
  keyFile: KeyFile;
  keysPerShard: number;
  epochKey: Uint8Array;
  /** Folder for the spill files. */
  tempDir: string;
  threads: Threads;
  onProgress(doneKeys: number): void;
  signal?: AbortSignal | undefined;
}

/** docs/format.md section 13. */
function shardCountOf(keyCount: number, keysPerShard: number): number {
  return Math.max(1, Math.ceil(keyCount / keysPerShard));
}

/** Digests every key of the key file into the spill files; 'config-invalid' if a manifest cannot name so many shards. */
export async function partitionKeys(options: PartitionOptions): Promise<Partition> {
  const { keyFile, threads, epochKey, signal } = options;
  const { groups, ...layout } = layOut(keyFile.keyCounts, options.keysPerShard);
  const paths = threads.all.map((_, index) => join(options.tempDir, `digests-${index}`));
  await Promise.all(
    threads.all.map((thread, index) =>
      thread.run('openPartition', { ...layout, epochKey, path: paths[index]! }),
    ),
  );
  let done = 0;
  const slices = blockSlices(keyFile.blocks);
  const work: Parameters<typeof threads.share<typeof keyFile.blocks>>[1] = async (
    thread,
    blocks,
  ) => {
    const keyCount = await thread.run('partitionKeys', { path: keyFile.path, blocks });
    done += keyCount;
    options.onProgress(done);
  };
  await threads.share(slices, work, signal);
  for (const thread of threads.all) {
    const spilled = await thread.run('closePartition', null);
    for (const [i, group] of spilled.groups.entries()) {
      const chunk = { path: spilled.path, offset: spilled.offsets[i]!, count: spilled.counts[i]! };
      groups[group]!.chunks.push(chunk);
    }
  }
  assert(done === keyFile.keyCount, 'every key is in the partition');
  return { groups, files: paths };
}

function layOut(keyCounts: Float64Array, keysPerShard: number) {
  const shardCounts = new Uint32Array(STATE_ORDER.length);
  const firstGroups = new Uint32Array(STATE_ORDER.length);
  const groups: ShardGroup[] = [];
  for (const [index, state] of STATE_ORDER.entries()) {
    const stateShardCount = shardCountOf(keyCounts[index]!, keysPerShard);
    shardCounts[index] = stateShardCount;
    firstGroups[index] = groups.length;
    for (let firstShard = 0; firstShard < stateShardCount; firstShard += GROUP_SHARDS) {
      const shardCount = Math.min(GROUP_SHARDS, stateShardCount - firstShard);
      groups.push({ state, firstShard, shardCount, stateShardCount, chunks: [] });
    }
  }
  const shardCount = shardCounts.reduce((sum, count) => sum + count, 0);
  // Known before the work; what else a manifest has is little, and counted when it is written.
  if (SHARD_ROW_BYTES * shardCount > MANIFEST_BYTES_MAX) {
    throw new SltdError('config-invalid', { detail: 'so many shards need more keys per shard' });
  }
  return { groups, shardCounts, firstGroups, groupCount: groups.length };
}
