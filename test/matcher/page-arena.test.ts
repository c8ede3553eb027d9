/** The arena against the simplest model: a map of what was put last under each id. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writePageHeader } from '../../src/format/page.ts';
import { PageArena } from '../../src/matcher/page-arena.ts';
import { ONE_SHARD, randomWords } from './shards.ts';

const START = 512;
/** Fewer slots than ids: some pages share one. */
const SLOT_COUNT = 8;
/** Address of the first page, behind the table. */
const PAGES = START + 8 * SLOT_COUNT;

function newArena(capacityBytes: number) {
  const memory = new WebAssembly.Memory({ initial: 2 });
  const options = { start: START, slotCount: SLOT_COUNT, capacityBytes, kind: 'filter' as const };
  return { memory, arena: new PageArena({ memory, ...options }) };
}

/** A filter page of so many blocks, with bytes that no other seed gives. */
function drawPage(blockCount: number, seed: number): Uint8Array {
  const next = randomWords(seed);
  const page = new Uint8Array(64 + 64 * blockCount).map(() => next());
  writePageHeader(page, {
    ...ONE_SHARD,
    ...{ kind: 'filter', length: page.length, keyCount: blockCount, tableCount: blockCount },
    parameter: 5,
  });
  return page;
}

type Step =
  | { kind: 'put'; id: number; blockCount: number }
  | { kind: 'find'; id: number }
  | { kind: 'clear' };

const id = fc.nat(12);
const steps = fc.array(
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({ kind: fc.constant('put' as const), id, blockCount: fc.nat(14) }),
    },
    { weight: 10, arbitrary: fc.record({ kind: fc.constant('find' as const), id }) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: 'clear' }) },
  ),
  { minLength: 1, maxLength: 120 },
);

describe('page arena', () => {
  it('never answers an address where other bytes lie than those put last under the id', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 15, max: 40 }), (run, capacityBlocks) => {
        const { memory, arena } = newArena(64 * capacityBlocks);
        const model = new Map<number, Uint8Array>();
        const bytesAt = (address: number, page: Uint8Array) =>
          new Uint8Array(memory.buffer, address, page.length);
        run.forEach((step, index) => {
          if (step.kind === 'clear') {
            arena.clear();
            model.clear();
          } else if (step.kind === 'put') {
            const page = drawPage(step.blockCount, index);
            model.set(step.id, page);
            const address = arena.put(step.id, page);
            expect(address).toBeGreaterThanOrEqual(PAGES);
            expect(arena.find(step.id)).toBe(address);
          } else if (!model.has(step.id)) {
            expect(arena.find(step.id)).toBe(0);
          }
          if (step.kind === 'find') arena.find(step.id);
          // A copy of the arena's state by looking would mark pages as used: look at all bytes of
          // those that are found only after the last step, and at this step's id now.
          const looked = index === run.length - 1 ? [...model.keys()] : [];
          let residentBytes = 0;
          for (const known of looked) {
            const address = arena.find(known);
            const page = model.get(known)!;
            if (address === 0) continue;
            expect(address % 64).toBe(0);
            expect(address + page.length).toBeLessThanOrEqual(PAGES + 64 * capacityBlocks);
            expect(bytesAt(address, page)).toEqual(page);
            residentBytes += Math.ceil(page.length / 64) * 64;
          }
          if (looked.length > 0) expect(arena.residentBytes).toBe(residentBytes);
          if (step.kind !== 'clear' && model.has(step.id)) {
            const address = arena.find(step.id);
            const page = model.get(step.id)!;
            if (address !== 0) expect(bytesAt(address, page)).toEqual(page);
          }
        });
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps a page that is used while others that are not come and go', () => {
    const { arena } = newArena(64 * 20);
    const kept = SLOT_COUNT;
    arena.put(kept, drawPage(1, 0));
    for (let other = 1; other < 500; other++) {
      expect(arena.find(kept)).not.toBe(0);
      if (other % SLOT_COUNT !== 0) arena.put(other, drawPage(1 + (other % 5), other));
    }
    expect(arena.find(kept)).not.toBe(0);
    expect(arena.find(1)).toBe(0);
    expect(arena.evictions).toBeGreaterThan(300);
  });

  it('of two pages with one slot the later is found, the earlier never as the later', () => {
    const { arena } = newArena(64 * 20);
    const first = arena.put(3, drawPage(1, 1));
    const second = arena.put(3 + SLOT_COUNT, drawPage(1, 2));
    expect(second).not.toBe(first);
    expect(arena.find(3)).toBe(0);
    expect(arena.find(3 + SLOT_COUNT)).toBe(second);
    expect(arena.residentBytes).toBe(128);
  });

  it('lets the oldest page go first where none is used', () => {
    const { arena } = newArena(64 * 8);
    for (let page = 1; page <= 5; page++) arena.put(page, drawPage(1, page));
    expect([1, 2, 3, 4, 5].map((page) => arena.find(page) !== 0)).toEqual([
      false,
      true,
      true,
      true,
      true,
    ]);
    expect(arena.evictions).toBe(1);
    expect(arena.residentBytes).toBe(4 * 128);
  });

  it('takes a page exactly as large as itself, and refuses a larger one', () => {
    const { arena } = newArena(64 * 8);
    arena.put(1, drawPage(2, 1));
    expect(arena.put(2, drawPage(7, 2))).toBe(PAGES);
    expect(arena.find(1)).toBe(0);
    expect(() => arena.put(3, drawPage(8, 3))).toThrow('larger than its arena');
    expect(arena.find(2)).toBe(PAGES);
  });

  it('refuses what is not a page of its kind, and keeps what it had', () => {
    const { arena } = newArena(64 * 8);
    const page = drawPage(2, 1);
    const address = arena.put(1, page);
    expect(() => arena.put(1, page.subarray(1))).toThrow();
    expect(() => arena.put(1, new Uint8Array(128))).toThrow();
    expect(arena.find(1)).toBe(address);
  });

  it('goes on after the memory has grown', () => {
    const { memory, arena } = newArena(64 * 8);
    arena.put(1, drawPage(2, 1));
    memory.grow(1);
    const page = drawPage(3, 2);
    const address = arena.put(2, page);
    expect(new Uint8Array(memory.buffer, address, page.length)).toEqual(page);
    expect(arena.find(1)).not.toBe(0);
  });
});
