/**
 * Look-up: for each digest, whether the pages of the edition have it.
 *
 * Filter pages first; only where one says *maybe*, the match page decides. screen() makes the digests and
 * probes the filter pages that are resident, of all editions at once: for most requests that is all.
 * Pages that are not resident are fetched, a few at a time, and each is probed in the very step that
 * puts it into the arena: no address and no digest stays in wasm memory across an await (S7). A page
 * that cannot be had answers nothing, and the digest is in doubt (S4).
 */

import { assert, type ErrorCode, SltdError } from '../errors.ts';
import type { StateEntry } from '../format/manifest.ts';
import type { Overlay, OverlayMatch } from '../format/overlay.ts';
import type { PageKind } from '../format/page.ts';
import type { Digests } from '../matcher/matcher.ts';
import { NOT_RESIDENT, type Screened, type WasmMatcher } from '../matcher/wasm-matcher.ts';
import { type Edition, pageExpectation, shardRow } from '../store/edition.ts';
import type { Defer, PageStore } from '../store/page-store.ts';
import { forEachParallel } from '../store/parallel.ts';
import type { Keys } from './plan.ts';

/** Time for the pages of one kind, in milliseconds: after it no further one is fetched. */
const FETCHING_MAX_MS = 4_000;

export interface LookUpTools {
  matcher: WasmMatcher;
  pages: PageStore;
  defer: Defer;
  /** Milliseconds since 1970. */
  now: () => number;
}

export interface LookUp {
  /** For each key 0 (absent) or 1 + category. Says nothing where there is a doubt. */
  answers: Uint8Array;
  /** What the overlay says, by place; undefined if it has no word on any key. */
  operations: ReadonlyMap<number, OverlayMatch> | undefined;
  /** Why a key could not be answered, by its place; undefined if all could. */
  doubts: ReadonlyMap<number, ErrorCode> | undefined;
}

/** An edition and the rows that it has for the keys of a request. */
export interface AskedEdition {
  edition: Edition;
  /** For each of `states`; undefined where the edition does not know the issuing state. */
  entries: readonly (StateEntry | undefined)[];
}

/** What the edition knows of the states of the keys. */
export function editionFor(edition: Edition, { states }: Keys): AskedEdition {
  // Most travellers in a row come from few states: the last look-up mostly serves again.
  let state = '';
  let entry: StateEntry | undefined;
  const entries = states.map((next) => {
    if (next !== state) {
      state = next;
      entry = edition.manifest.state(next);
    }
    return entry;
  });
  return { edition, entries };
}

/**
 * Looks all keys up in the resident filter pages and the overlays of editions; for each undefined if
 * every key is absent and the overlay has no word on any.
 */
export const screen = (
  { keys }: Keys,
  editions: readonly AskedEdition[],
  matcher: WasmMatcher,
): (Screened | undefined)[] =>
  matcher.screen(
    keys,
    editions.map(({ edition: { epochKey, firstPageId, overlay }, entries }) => {
      return { entries, epochKey, firstPageId, overlay: overlay?.filter };
    }),
  );

/** Settles what screen() left open in one edition; never throws for a page. */
export async function lookUp(
  { keys }: Keys,
  { edition, entries }: AskedEdition,
  { digests, answers: filterAnswers, inOverlay }: Screened,
  tools: LookUpTools,
): Promise<LookUp> {
  const { overlay } = edition;
  const operations = overlay && operationsOn(overlay, digests, inOverlay);
  const count = keys.length;
  const asked: Asked = {
    edition,
    digests,
    entries: new Map(),
    rows: new Int32Array(count),
    doubts: new Map(),
  };
  await askFilters({ keys, entries }, filterAnswers, asked, tools);
  const maybe: number[] = [];
  for (let i = 0; i < count; i++) {
    if (filterAnswers[i] === 1) maybe.push(i);
    assert(filterAnswers[i] !== NOT_RESIDENT || asked.doubts.has(i), 'S4: no page is a doubt');
  }
  const answers = new Uint8Array(count);
  if (maybe.length > 0) await askPages('match', maybe, answers, asked, tools);
  const doubts = asked.doubts.size === 0 ? undefined : asked.doubts;
  return { answers, operations, doubts };
}

function operationsOn(
  overlay: Overlay,
  digests: Digests,
  places: readonly number[],
): Map<number, OverlayMatch> | undefined {
  const operations = new Map<number, OverlayMatch>();
  for (const place of places) {
    const at = 4 * place;
    const match = overlay.find(digests[at]!, digests[at + 1]!, digests[at + 2]!, digests[at + 3]!);
    if (match) operations.set(place, match);
  }
  return operations.size === 0 ? undefined : operations;
}

/** Fills in what is known of the keys that are not absent, and asks the filter pages that are not resident. */
async function askFilters(
  { keys, entries }: Pick<Keys, 'keys'> & Pick<AskedEdition, 'entries'>,
  answers: Uint8Array,
  asked: Asked,
  tools: LookUpTools,
): Promise<void> {
  const { digests, rows, doubts } = asked;
  const places: number[] = [];
  let exact = -1;
  for (let i = 0; i < keys.length; i++) {
    // A change belongs to the state of the key that it changes.
    if (typeof keys[i] === 'string') exact++;
    if (answers[i] === 0) continue;
    const entry = entries[exact];
    if (entry === undefined) {
      doubts.set(i, 'state-not-covered');
      continue;
    }
    const row = shardRow(entry, digests[4 * i + 3]!);
    rows[i] = row;
    asked.entries.set(row, entry);
    if (answers[i] === NOT_RESIDENT) places.push(i);
  }
  if (places.length > 0) await askPages('filter', places, answers, asked, tools);
}

interface Asked {
  edition: Edition;
  digests: Digests;
  /** By row of a shard: its state's. */
  entries: Map<number, StateEntry>;
  /** Row of each key's shard in the manifest; filled in for those that are not absent. */
  rows: Int32Array;
  doubts: Map<number, ErrorCode>;
}

/** Writes the answers of one kind of page at `places`; where there is none, a doubt. */
async function askPages(
  kind: PageKind,
  places: readonly number[],
  answers: Uint8Array,
  asked: Asked,
  tools: LookUpTools,
): Promise<void> {
  const missing = askResident(kind, places, answers, asked, tools.matcher);
  if (missing === undefined) return;
  const untilMs = tools.now() + FETCHING_MAX_MS;
  await forEachParallel([...missing], async ([row, placesOfRow]) => {
    try {
      // A store that hangs would otherwise hold a large batch for minutes.
      if (tools.now() > untilMs) throw new SltdError('page-unavailable');
      await askFetched(kind, row, placesOfRow, answers, asked, tools);
    } catch (error) {
      const code = error instanceof SltdError ? error.code : 'internal';
      for (const place of placesOfRow) asked.doubts.set(place, code);
    }
  });
}

/** Synchronous. Answers what it can from the arena; the rest comes back by shard row. */
function askResident(
  kind: PageKind,
  places: readonly number[],
  answers: Uint8Array,
  { edition, digests, rows }: Asked,
  matcher: WasmMatcher,
): Map<number, number[]> | undefined {
  const arena = kind === 'filter' ? matcher.filters : matcher.matches;
  const found: number[] = [];
  const addresses = new Uint32Array(places.length);
  let missing: Map<number, number[]> | undefined;
  for (let i = 0; i < places.length; i++) {
    const place = places[i]!;
    const row = rows[place]!;
    const address = arena.find(edition.firstPageId + row);
    if (address !== 0) {
      addresses[found.length] = address;
      found.push(place);
      continue;
    }
    missing ??= new Map();
    const others = missing.get(row);
    if (others) others.push(place);
    else missing.set(row, [place]);
  }
  probe(kind, found, addresses.subarray(0, found.length), answers, digests, matcher);
  return missing;
}

async function askFetched(
  kind: PageKind,
  row: number,
  places: readonly number[],
  answers: Uint8Array,
  { edition, digests, entries }: Asked,
  { matcher, pages, defer }: LookUpTools,
): Promise<void> {
  const entry = entries.get(row)!;
  const expected = pageExpectation(edition, { kind, entry, row });
  const page = await pages.get(edition.manifest.page(kind, row), expected, defer);
  const arena = kind === 'filter' ? matcher.filters : matcher.matches;
  const id = edition.firstPageId + row;
  // Another request may have put it here while this one waited.
  const address = arena.find(id) || arena.put(id, page);
  const addresses = new Uint32Array(places.length).fill(address);
  probe(kind, places, addresses, answers, digests, matcher);
}

/** Synchronous, from digests to answers: the addresses are good only until the next put(). */
function probe(
  kind: PageKind,
  places: readonly number[],
  addresses: Uint32Array,
  answers: Uint8Array,
  digests: Digests,
  matcher: WasmMatcher,
): void {
  const count = places.length;
  if (count === 0) return;
  const isAll = 4 * count === digests.length;
  const asked = isAll ? digests : selected(digests, places);
  const said =
    kind === 'filter'
      ? matcher.probeFilters(asked, addresses)
      : matcher.probeMatches(asked, addresses);
  for (let i = 0; i < count; i++) answers[places[i]!] = said[i]!;
}

function selected(digests: Digests, places: readonly number[]): Digests {
  const part = new Uint32Array(4 * places.length);
  for (let i = 0; i < places.length; i++) {
    const from = 4 * places[i]!;
    for (let word = 0; word < 4; word++) part[4 * i + word] = digests[from + word]!;
  }
  return part;
}
