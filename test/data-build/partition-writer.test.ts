import { expect, test } from 'vitest';
import { readGroup } from '../../data-build/pages/partition-writer.ts';

test('one document over and over fills no memory: the build says so before it reads the digests', () => {
  const group = { firstShard: 0, shardCount: 1, stateShardCount: 1 };
  const chunks = Array.from({ length: 9000 }, () => ({ path: 'none', offset: 0, count: 4096 }));
  const refused = expect.objectContaining({ code: 'build-failed', detail: 'too many equal keys' });
  expect(() => readGroup(chunks, group)).toThrow(refused);
});
