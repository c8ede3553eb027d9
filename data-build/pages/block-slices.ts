/** Blocks of a key file in slices: large enough to be worth a message, small enough to be shared. */

import type { KeyBlock } from '../key-file/key-file.ts';

const SLICE_KEYS = 200_000;

/** All blocks in order, some hundred thousand keys at a time. */
export function* blockSlices(blocks: readonly KeyBlock[]): Generator<KeyBlock[]> {
  let slice: KeyBlock[] = [];
  let keyCount = 0;
  for (const block of blocks) {
    slice.push(block);
    keyCount += block.keyCount;
    if (keyCount < SLICE_KEYS) continue;
    yield slice;
    slice = [];
    keyCount = 0;
  }
  if (slice.length > 0) yield slice;
}
