import { describe, expect, it } from 'vitest';
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
