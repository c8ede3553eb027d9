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

/** What is known of the keys that are not absent, by their places. Of the others there is nothing here. */
export interface LookUp {
  /** Code of the category of those that a match page has. */
  matches: ReadonlyMap<number, number>;
  /** What the overlay says. */
  operations: ReadonlyMap<number, OverlayMatch>;
  /** Why a key could not be answered. */
  doubts: ReadonlyMap<number, ErrorCode>;
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
  { edition, entries }: AskedEdition,
  { places, entryPlaces, answers: filterAnswers, inOverlay, digests }: Screened,
  tools: LookUpTools,
): Promise<LookUp> {
  const open: Open = {
    ...{ edition, places, digests },
    entries: entryPlaces.map((place) => entries[place]),
    doubts: new Map(),
  };
  const answers = Uint8Array.from(filterAnswers);
  await askFilters(answers, open, tools);
  const maybe: number[] = [];
  for (let i = 0; i < answers.length; i++) {
    if (open.doubts.has(places[i]!)) continue;
    assert(answers[i] !== NOT_RESIDENT, 'S4: no page is a doubt');
    if (answers[i] === 1) maybe.push(i);
  }
  const matches = new Map<number, number>();
  if (maybe.length > 0) {
    answers.fill(0);
    await askPages('match', maybe, answers, open, tools);
    for (const i of maybe) if (answers[i] !== 0) matches.set(places[i]!, answers[i]! - 1);
  }
  return {
    matches,
    operations: operationsOn(edition.overlay, inOverlay, open),
    doubts: open.doubts,
  };
}

function operationsOn(
  overlay: Overlay | undefined,
  inOverlay: readonly number[],
  { places, digests }: Open,
): Map<number, OverlayMatch> {
  const operations = new Map<number, OverlayMatch>();
  for (const i of inOverlay) {
    const at = 4 * i;
    const match = overlay?.find(digests[at]!, digests[at + 1]!, digests[at + 2]!, digests[at + 3]!);
    if (match) operations.set(places[i]!, match);
  }
  return operations;
}

/** Asks the filter pages that are not resident. */
async function askFilters(answers: Uint8Array, open: Open, tools: LookUpTools): Promise<void> {
  const { places, entries, doubts } = open;
  const missing: number[] = [];
  for (let i = 0; i < answers.length; i++) {
    if (answers[i] === 0) continue;
    if (entries[i] === undefined) doubts.set(places[i]!, 'state-not-covered');
    else if (answers[i] === NOT_RESIDENT) missing.push(i);
  }
  if (missing.length > 0) await askPages('filter', missing, answers, open, tools);
}

/** The keys that are open, and what stands against an answer. */
interface Open {
  edition: Edition;
  /** Of the keys in the request. */
  places: readonly number[];
  digests: Digests;
  /** Of the state of each key; undefined where the edition does not know it. */
  entries: readonly (StateEntry | undefined)[];
  /** By place. */
  doubts: Map<number, ErrorCode>;
}

/** Writes the answers of one kind of page about the keys `asked` of those open; where there is none, a doubt. */
async function askPages(
  kind: PageKind,
  asked: readonly number[],
  answers: Uint8Array,
  open: Open,
  tools: LookUpTools,
): Promise<void> {
  const missing = askResident(kind, asked, answers, open, tools.matcher);
  if (missing === undefined) return;
  const untilMs = tools.now() + FETCHING_MAX_MS;
  await forEachParallel([...missing], async ([row, ofRow]) => {
    try {
      // A store that hangs would otherwise hold a large batch for minutes.
      if (tools.now() > untilMs) throw new SltdError('page-unavailable');
      await askFetched(kind, row, ofRow, answers, open, tools);
    } catch (error) {
      const code = error instanceof SltdError ? error.code : 'internal';
      for (const i of ofRow) open.doubts.set(open.places[i]!, code);
    }
  });
}

/** Synchronous. Answers what it can from the arena; the rest comes back by shard row. */
function askResident(
  kind: PageKind,
  asked: readonly number[],
  answers: Uint8Array,
  { edition, digests, entries }: Open,
  matcher: WasmMatcher,
): Map<number, number[]> | undefined {
  const arena = kind === 'filter' ? matcher.filters : matcher.matches;
  const found: number[] = [];
  const addresses: number[] = [];
  let missing: Map<number, number[]> | undefined;
  for (const i of asked) {
    const row = shardRow(entries[i]!, digests[4 * i + 3]!);
    const address = arena.find(edition.firstPageId + row);
    if (address !== 0) {
      addresses.push(address);
      found.push(i);
      continue;
    }
    missing ??= new Map();
    const others = missing.get(row);
    if (others) others.push(i);
    else missing.set(row, [i]);
  }
  probe(kind, found, Uint32Array.from(addresses), answers, digests, matcher);
  return missing;
}

async function askFetched(
  kind: PageKind,
  row: number,
  asked: readonly number[],
  answers: Uint8Array,
  { edition, digests, entries }: Open,
  { matcher, pages, defer }: LookUpTools,
): Promise<void> {
  const entry = entries[asked[0]!]!;
  const expected = pageExpectation(edition, { kind, entry, row });
  const page = await pages.get(edition.manifest.page(kind, row), expected, defer);
  const arena = kind === 'filter' ? matcher.filters : matcher.matches;
  const id = edition.firstPageId + row;
  // Another request may have put it here while this one waited.
  const address = arena.find(id) || arena.put(id, page);
  const addresses = new Uint32Array(asked.length).fill(address);
  probe(kind, asked, addresses, answers, digests, matcher);
}

/** Synchronous, from digests to answers: the addresses are good only until the next put(). */
function probe(
  kind: PageKind,
  asked: readonly number[],
  addresses: Uint32Array,
  answers: Uint8Array,
  digests: Digests,
  matcher: WasmMatcher,
): void {
  if (asked.length === 0) return;
  const ofThem = new Uint32Array(4 * asked.length);
  asked.forEach((i, to) => {
    for (let word = 0; word < 4; word++) ofThem[4 * to + word] = digests[4 * i + word]!;
  });
  const said =
    kind === 'filter'
      ? matcher.probeFilters(ofThem, addresses)
      : matcher.probeMatches(ofThem, addresses);
  asked.forEach((i, from) => {
    answers[i] = said[from]!;
  });
}
