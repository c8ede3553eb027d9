import { expect, test } from 'vitest';
import { STATE_ORDER } from '../../data-build/key-file/state-order.ts';
import { partitionKeys } from '../../data-build/pages/partition.ts';
import { chunkEntriesFor, readGroup } from '../../data-build/pages/partition-writer.ts';
import { buildThreads } from '../../data-build/threads/build-threads.ts';

test('one document over and over fills no memory: the build says so before it reads the digests', () => {
  const group = { firstShard: 0, shardCount: 1, stateShardCount: 1 };
  const chunks = Array.from({ length: 9000 }, () => ({ path: 'none', offset: 0, count: 4096 }));
  const refused = expect.objectContaining({ code: 'build-failed', detail: 'too many equal keys' });
  expect(() => readGroup(chunks, group)).toThrow(refused);
});

test('what waits to be written fits the same memory for a list of any size', () => {
  expect(chunkEntriesFor(732)).toBe(4096);
  for (let groups = 1; groups < 12_000; groups++) {
    expect(groups * chunkEntriesFor(groups) * 17).toBeLessThanOrEqual(64 * 1024 * 1024);
  }
});

test('more shards than a manifest names are refused before any work', async () => {
  const keyCounts = new Float64Array(STATE_ORDER.length).fill(1);
  keyCounts[0] = 350_000 * 64;
  const keyFile = { path: 'none', keyCount: 0, keyCounts, blocks: [] };
  const threads = buildThreads(1);
  const options = {
    ...{ keyFile, keysPerShard: 64, epochKey: new Uint8Array(32), tempDir: 'none', threads },
    onProgress: () => {},
  };
  const refused = expect.objectContaining({ code: 'config-invalid' });
  await expect(partitionKeys(options)).rejects.toEqual(refused);
  threads.close();
});
