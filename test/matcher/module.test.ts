/** What the compiled core may be: small, alone, and without a memory of what it was asked. */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import { startCore } from '../../src/matcher/matcher-core.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import { drawShard, wasmModule } from './shards.ts';

it('the module is smaller than 16 KiB', () => {
  const bytes = readFileSync(new URL('../../build/matcher.wasm', import.meta.url));
  expect(bytes.length).toBeLessThan(16 * 1024);
});

it('the module imports nothing', () => {
  expect(WebAssembly.Module.imports(wasmModule)).toEqual([]);
});

it('the module begins with memory that is zero, where a missing page is read', () => {
  const core = startCore(wasmModule);
  const bytes = new Uint8Array(core.memory.buffer);
  expect(bytes.length).toBeGreaterThan(core.ARENAS.value);
  expect(bytes.every((byte) => byte === 0)).toBe(true);
});

it.each(['digestKeys', 'wipeKeys'] as const)('no document number outlives %s()', (name) => {
  const core = startCore(wasmModule);
  const bytes = new Uint8Array(core.memory.buffer);
  const key = new TextEncoder().encode('PUTOL898902C3');
  for (let index = 0; index < core.CHUNK_KEYS.value; index++) {
    const at = core.KEYS.value + index * core.KEY_STRIDE.value;
    bytes.set(key, at);
    bytes[at + core.KEY_LENGTH.value] = key.length;
  }
  core[name](core.CHUNK_KEYS.value);
  const end = core.KEYS.value + core.CHUNK_KEYS.value * core.KEY_STRIDE.value;
  expect(bytes.subarray(core.KEYS.value, end).every((byte) => byte === 0)).toBe(true);
});

it('no call leaves anything behind that changes a later answer', () => {
  const epochKey = Uint8Array.from({ length: 16 }, (_, index) => index);
  const keys = ['PUTOL898902C3', 'PD<<C01X00T47', 'VUTO1'] as CanonicalKey[];
  const shards = [0, 1, 40, 5000, 3].map((keyCount) => drawShard(keyCount, { seed: keyCount }));
  const used = new WasmMatcher(wasmModule);
  for (const { filterPage, matchPage } of [...shards, ...shards.toReversed()]) {
    for (const { digests } of shards) {
      const fresh = new WasmMatcher(wasmModule);
      expect(used.mayContain(filterPage, digests)).toEqual(fresh.mayContain(filterPage, digests));
      expect(used.match(matchPage, digests)).toEqual(fresh.match(matchPage, digests));
      expect(used.digests(keys, epochKey)).toEqual(fresh.digests(keys, epochKey));
    }
  }
});

it('a key that is too long, or not ASCII, is refused, never hashed in part', () => {
  const matcher = new WasmMatcher(wasmModule);
  const epochKey = new Uint8Array(16);
  for (const key of ['P'.repeat(37), 'PUTO\u0141', 'PUTO\u{1f6c2}']) {
    expect(() => matcher.digests([key as CanonicalKey], epochKey)).toThrow('assertion');
  }
  expect(() => matcher.digests([], epochKey.subarray(1))).toThrow('assertion');
});
