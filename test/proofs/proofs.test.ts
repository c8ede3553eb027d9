import { describe, expect, it } from 'vitest';
import { untilCounted } from './proof.ts';
import { PROOFS } from './proofs.ts';
import { prove } from './prove.ts';
import { havePython } from './second-reader.ts';

const SMALL_TIMEOUT_MS = 180_000;

describe('every proof holds at its small size', () => {
  for (const proof of PROOFS) {
    const lacksPython = proof.name === 'second-reader' && !havePython();
    if (lacksPython) console.warn('second-reader is skipped: python3 is not on this machine');
    it.skipIf(lacksPython)(proof.name, { timeout: SMALL_TIMEOUT_MS }, async () => {
      const result = await prove(proof, {
        ...{ seed: 1, size: proof.sizes.small, progress: () => {} },
      });
      expect(result.holds, result.figure).toBe(true);
    });
  }
});

describe('what a proof has to do a number of times', () => {
  it('is tried until it was done so often, or until the bound is met', async () => {
    const everyThird = () => {
      let tries = 0;
      return async () => ++tries % 3 === 0;
    };
    expect(await untilCounted(5, 100, everyThird())).toBe(5);
    expect(await untilCounted(5, 15, everyThird())).toBe(5);
    expect(await untilCounted(5, 14, everyThird())).toBe(4);
  });
});
