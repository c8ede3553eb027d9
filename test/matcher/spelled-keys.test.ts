/** Look-alikes as changes: the same digests as of the keys written out. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CanonicalKey, canonicalKey } from '../../src/document/canonical-key.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { type Change, lookAlikes, respell } from '../../src/document/look-alike.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import { numberOf } from '../document/arbitraries.ts';
import { wasmModule } from './shards.ts';

const EPOCH_KEY = Uint8Array.from({ length: 16 }, (_, index) => 3 * index);

describe('a change behind a key', () => {
  const matcher = new WasmMatcher(wasmModule);
  const numbers = fc.array(numberOf(1, 32), { minLength: 1, maxLength: 60 });

  it('S1: is digested as the key that it spells, also where a chunk begins with it', () => {
    fc.assert(
      fc.property(numbers, fc.constantFrom('verified', 'none'), (texts, check) => {
        const spelled: (CanonicalKey | Change)[] = [];
        const written: CanonicalKey[] = [];
        for (const number of texts) {
          const keyOf = (text: string) => canonicalKey('passport', 'D' as StateCode, text);
          spelled.push(keyOf(number));
          written.push(keyOf(number));
          for (const change of lookAlikes(number, check as 'verified' | 'none')) {
            spelled.push(change);
            written.push(keyOf(respell(number, change)));
          }
        }
        expect(matcher.digests(spelled, EPOCH_KEY)).toEqual(matcher.digests(written, EPOCH_KEY));
      }),
    );
  });

  it('cannot come first: there is no key that it changes', () => {
    expect(() => matcher.digests([0x4142], EPOCH_KEY)).toThrow('a change follows a key');
  });
});
