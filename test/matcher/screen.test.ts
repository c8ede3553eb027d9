/** screen(): one call, and the same answers as digests, addresses and probes one after the other. */

import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type CanonicalKey, canonicalKey } from '../../src/document/canonical-key.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { type Change, lookAlikes, respell } from '../../src/document/look-alike.ts';
import type { StateEntry } from '../../src/format/manifest.ts';
import { encodeOverlay, type Overlay, openOverlay } from '../../src/format/overlay.ts';
import { NOT_RESIDENT, WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import { shardRow } from '../../src/store/edition.ts';
import { numberOf } from '../document/arbitraries.ts';
import { withTrailer } from '../format/samples.ts';
import { drawShard, wasmModule } from './shards.ts';

const EPOCH_KEY = Uint8Array.from({ length: 16 }, (_, index) => 5 * index);
const FIRST_PAGE_ID = 1_000;
const SHARD_COUNT = 5;
/** Row of the one shard whose page is not in the arena. */
const AWAY = 8;

const entryOf = (firstShard: number, shardCount: number) =>
  ({ firstShard, shardCount }) as StateEntry;
/** Two states with pages, and one that the edition does not know. */
const ENTRIES = [entryOf(0, SHARD_COUNT), entryOf(SHARD_COUNT, SHARD_COUNT), undefined];

/** All rows but AWAY have a page; one of them is empty. */
function residentMatcher(): WasmMatcher {
  const matcher = new WasmMatcher(wasmModule);
  for (let row = 0; row < 2 * SHARD_COUNT; row++) {
    if (row === AWAY) continue;
    // Nearly full filters: half of all keys are maybes.
    const { filterPage } = drawShard(row === 2 ? 0 : 200 + row, {
      seed: row,
      filter: { bitsPerKey: 1, probes: 1 },
    });
    matcher.filters.put(FIRST_PAGE_ID + row, filterPage);
  }
  return matcher;
}

/** What screen() must say of a written key, by the parts that it does at once. */
function expectedAnswer(
  matcher: WasmMatcher,
  key: CanonicalKey,
  entry: StateEntry | undefined,
): number {
  if (!entry) return NOT_RESIDENT;
  const digest = matcher.digests([key], EPOCH_KEY);
  const address = matcher.filters.find(FIRST_PAGE_ID + shardRow(entry, digest[3]!));
  if (address === 0) return NOT_RESIDENT;
  return matcher.probeFilters(digest, Uint32Array.of(address))[0]!;
}

/** The 16 bytes of a digest. */
const bytesOf = (digests: Uint32Array, place: number) =>
  new Uint8Array(digests.slice(4 * place, 4 * place + 4).buffer);

function overlayOf(digests: readonly Uint8Array[]): Overlay {
  const body = encodeOverlay({
    ...{ epochKeyId: new Uint8Array(16), collection: 'sltd', from: 1, asOf: 2, lastOperation: 1 },
    operations: digests.map((digest) => ({ digest, kind: 'added', category: 4 })),
  });
  return openOverlay(withTrailer(body));
}

const documents = fc.array(fc.record({ number: numberOf(1, 32), state: fc.nat(2) }), {
  maxLength: 60,
  size: 'max',
});

describe('screen', () => {
  const matcher = residentMatcher();
  const screen = { epochKey: EPOCH_KEY, firstPageId: FIRST_PAGE_ID };

  it('S1: answers each key as digest, address and probe do, also past the end of a chunk', () => {
    let keyCountMax = 0;
    fc.assert(
      fc.property(documents, fc.boolean(), (asked, isInOverlay) => {
        const keys: (CanonicalKey | Change)[] = [];
        const written: CanonicalKey[] = [];
        const entries: (StateEntry | undefined)[] = [];
        const states: number[] = [];
        for (const { number, state } of asked) {
          const keyOf = (text: string) => canonicalKey('passport', 'D' as StateCode, text);
          const changes = lookAlikes(number, 'none');
          keys.push(keyOf(number), ...changes);
          written.push(keyOf(number), ...changes.map((change) => keyOf(respell(number, change))));
          entries.push(ENTRIES[state]);
          for (let i = 0; i <= changes.length; i++) states.push(state);
        }
        keyCountMax = Math.max(keyCountMax, keys.length);
        const expected = written.map((key, i) => expectedAnswer(matcher, key, ENTRIES[states[i]!]));
        const digests = matcher.digests(written, EPOCH_KEY);
        // Every third key has a row.
        const rows = new Map<string, Uint8Array>();
        for (let i = 0; isInOverlay && i < written.length; i += 3) {
          rows.set(written[i]!, bytesOf(digests, i));
        }
        const overlay = isInOverlay ? overlayOf([...rows.values()]) : undefined;
        const [screened] = matcher.screen(keys, [{ ...screen, entries, overlay: overlay?.filter }]);
        if (screened === undefined) {
          expect(rows.size).toBe(0);
          expect(expected.every((answer) => answer === 0)).toBe(true);
          return;
        }
        const { places, answers, entryPlaces } = screened;
        const all = written.map(() => 0);
        places.forEach((place, i) => {
          all[place] = answers[i]!;
          expect(bytesOf(screened.digests, i)).toEqual(bytesOf(digests, place));
          expect(entries[entryPlaces[i]!]).toBe(ENTRIES[states[place]!]);
        });
        expect(places.toSorted((a, b) => a - b)).toEqual(places);
        expect(all).toEqual(expected);
        const noted = new Set(screened.inOverlay.map((i) => places[i]));
        written.forEach((key, i) => {
          if (rows.has(key)) expect(noted).toContain(i);
        });
        if (!isInOverlay) expect(noted.size).toBe(0);
      }),
    );
    expect(keyCountMax).toBeGreaterThan(256);
  });

  it('asks the overlay that it is given, not the one before', () => {
    const keys = [canonicalKey('passport', 'D' as StateCode, 'C01X00T47')];
    const [digest] = [bytesOf(matcher.digests(keys, EPOCH_KEY), 0)];
    const placesIn = (overlay: Overlay | undefined) =>
      matcher.screen(keys, [{ ...screen, entries: [ENTRIES[0]], overlay: overlay?.filter }])[0]
        ?.inOverlay ?? [];
    const [full, empty] = [overlayOf([digest]), overlayOf([])];
    expect([full, empty, undefined, full].map(placesIn)).toEqual([[0], [], [], [0]]);
  });

  it('answers each edition as if it were asked alone, whatever its epoch key and pages', () => {
    const keys: (CanonicalKey | Change)[] = [];
    const entries: (StateEntry | undefined)[] = [];
    for (let i = 0; i < 60; i++) {
      const number = `S0B${i}8`;
      keys.push(canonicalKey('passport', 'D' as StateCode, number), ...lookAlikes(number, 'none'));
      entries.push(ENTRIES[i % 3]);
    }
    const other = { epochKey: EPOCH_KEY.toReversed(), firstPageId: FIRST_PAGE_ID + 1, entries };
    const digests = matcher.digests(keys, other.epochKey);
    const overlay = overlayOf([bytesOf(digests, 0), bytesOf(digests, keys.length - 1)]);
    const editions = [
      { ...screen, entries },
      { ...other, overlay: overlay.filter },
      { ...screen, entries: entries.toReversed() },
      other,
    ];
    const alone = editions.map((edition) => matcher.screen(keys, [edition])[0]);
    expect(new Set(alone.map((each) => each?.answers.join())).size).toBe(4);
    expect(matcher.screen(keys, editions)).toEqual(alone);
  });

  it('leaves no document number in the memory of the wasm', () => {
    const memories: WebAssembly.Memory[] = [];
    class Watched extends WebAssembly.Instance {
      constructor(module: WebAssembly.Module, imports: WebAssembly.Imports) {
        super(module, imports);
        const { memory } = this.exports;
        memories.push(memory as WebAssembly.Memory);
      }
    }
    const real = WebAssembly.Instance;
    WebAssembly.Instance = Watched as typeof WebAssembly.Instance;
    onTestFinished(() => {
      WebAssembly.Instance = real;
    });
    const watched = new WasmMatcher(wasmModule);
    const keys = [canonicalKey('passport', 'D' as StateCode, 'C01X00T47')];
    const edition = { ...screen, entries: [ENTRIES[0]] };
    const [screened] = watched.screen(keys, [
      edition,
      { ...edition, epochKey: new Uint8Array(16) },
    ]);
    expect(screened?.answers).toEqual([NOT_RESIDENT]);
    const text = Buffer.from(memories[0]!.buffer).toString('latin1');
    expect(text).not.toContain('C01X');
    expect(text).not.toContain('C0IX');
  });

  it('marks the pages that it asks as used', () => {
    const small = new WasmMatcher(wasmModule, { filterArenaBytes: 64 * 8 });
    const page = drawShard(1, { seed: 1 }).filterPage;
    const entries = [entryOf(0, 1)];
    const keys = [canonicalKey('passport', 'D' as StateCode, 'C01X00T47')];
    small.filters.put(1, page);
    for (let other = 2; other < 40; other++) {
      small.filters.put(other, page);
      small.screen(keys, [{ entries, epochKey: EPOCH_KEY, firstPageId: 1 }]);
    }
    expect(small.filters.find(1)).not.toBe(0);
    expect(small.filters.find(2)).toBe(0);
  });
});
