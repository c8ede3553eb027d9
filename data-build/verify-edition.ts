/**
 * Verification: the written pages are read back and asked, through the matcher that ships.
 *
 * Nothing that the build knows is trusted here but the key file: pages come from the disk, checked
 * against the manifest as a reader checks them. Every document of the export must be a candidate with
 * its category (promise 1); documents that are not in it must not be, and the filter must let through
 * as many as theory says. States are taken in portions, so that memory has a bound.
 */

import { setImmediate } from 'node:timers/promises';
import xxhash from 'xxhash-wasm';
import { type ReadableStore, readObject } from '../publish/read-object.ts';
import type { CanonicalKey } from '../src/document/canonical-key.ts';
import { SltdError } from '../src/errors.ts';
import type { Manifest, StateEntry } from '../src/format/manifest.ts';
import { decodePage, type PageKind } from '../src/format/page.ts';
import { WasmMatcher } from '../src/matcher/wasm-matcher.ts';
import { filterFalsePositiveRate } from './filter-theory.ts';
import { readKeyFile } from './key-file.ts';
import { NonMembers } from './non-members.ts';
import type { ReferenceResult } from './reference-check.ts';

/** A state is never divided; the largest of a list of 150 M keys has some 300 MB. */
const PORTION_BYTES = 768 * 1024 ** 2;
const ALIGN_BYTES = 64;
const READS_MAX = 16;

export interface VerifyOptions {
  store: ReadableStore;
  manifest: Manifest;
  module: WebAssembly.Module;
  epochKey: Uint8Array;
  /** Canonical key file of the export. */
  keyFile: string;
  keyCount: number;
  /** How many documents that are not listed are asked for as well. */
  nonMemberCount: number;
  /** Pages in memory at a time; 768 MiB if not told. */
  portionBytes?: number;
  onProgress(done: number, total: number): void;
  signal?: AbortSignal | undefined;
}

export interface VerifyResult {
  /** Keys asked; equal ones each time. */
  asked: number;
  /** Keys for which the pages said absent. Must be 0. */
  missing: number;
  /** Keys found with a category that no record of theirs has, or a lower one. Must be 0. */
  wrongCategory: number;
  nonMembers: number;
  /** Of these, how many the filter let through, and how many theory expects. */
  filterMaybe: number;
  filterExpected: number;
  /** Of these, how many the match page took for listed. 2^-32 each is expected. */
  falseCandidates: number;
  /** Pages read back and checked. */
  pages: number;
  pageBytes: number;
}

/** What the pages answer for the whole export; throws a format error for a page that is not right. */
export async function verifyEdition(options: VerifyOptions): Promise<VerifyResult> {
  const result: VerifyResult = {
    ...{ asked: 0, missing: 0, wrongCategory: 0, nonMembers: 0, filterMaybe: 0 },
    ...{ filterExpected: 0, falseCandidates: 0, pages: 0, pageBytes: 0 },
  };
  const run = new Verification(options, result);
  const { manifest, portionBytes = PORTION_BYTES } = options;
  for (const states of portionsOf(manifest, portionBytes)) await run.portion(states);
  await run.settle();
  return result;
}

/** The result as an error, if it is one. */
export function checkVerified(
  result: VerifyResult,
  keyCount: number,
  reference?: ReferenceResult,
): void {
  const { asked, missing, wrongCategory, falseCandidates, nonMembers } = result;
  const problems = [];
  if (asked !== keyCount) problems.push(`${asked} of ${keyCount} keys asked`);
  if (missing > 0) problems.push(`${missing} listed documents absent`);
  if (wrongCategory > 0) problems.push(`${wrongCategory} with a wrong category`);
  // At 2^-32 a document, more than 3 in 100 million have a chance below one in a billion.
  if (falseCandidates > 3 + nonMembers / 2 ** 30)
    problems.push(`${falseCandidates} false candidates`);
  if (reference && reference.differs > 0) {
    problems.push(`${reference.differs} on which the matchers differ`);
  }
  if (problems.length > 0) throw new SltdError('verify-failed', { detail: problems.join(', ') });
}

/** States in portions whose pages fit in memory together. */
function* portionsOf(manifest: Manifest, portionBytes: number): Generator<StateEntry[]> {
  let portion: StateEntry[] = [];
  let bytes = 0;
  for (const state of manifest.states()) {
    const stateBytes = bytesOf(manifest, [state], 'filter') + bytesOf(manifest, [state], 'match');
    if (bytes + stateBytes > portionBytes && portion.length > 0) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(state);
    bytes += stateBytes;
  }
  if (portion.length > 0) yield portion;
}

function bytesOf(manifest: Manifest, states: readonly StateEntry[], kind: PageKind): number {
  let bytes = 0;
  for (const { firstShard, shardCount } of states) {
    for (let row = firstShard; row < firstShard + shardCount; row++) {
      bytes += Math.ceil(manifest.page(kind, row).length / ALIGN_BYTES) * ALIGN_BYTES;
    }
  }
  return bytes;
}

/** Keys whose state is in the portion, with the rows of their shards. */
interface Portion {
  matcher: WasmMatcher;
  states: Map<string, StateEntry>;
  filterAddresses: Uint32Array;
  matchAddresses: Uint32Array;
  /** Theory's rate for each shard row. */
  rates: Float64Array;
}

class Verification {
  readonly #options: VerifyOptions;
  readonly #result: VerifyResult;
  /** Keys that were answered with a higher category than the record at hand has. */
  readonly #higher = new Map<CanonicalKey, number>();
  /** Keys made up as not listed that were answered as candidates. */
  readonly #suspects = new Map<CanonicalKey, number>();

  constructor(options: VerifyOptions, result: VerifyResult) {
    this.#options = options;
    this.#result = result;
  }

  async portion(states: readonly StateEntry[]): Promise<void> {
    const portion = await this.#load(states);
    for (const { keys, categories } of readKeyFile(this.#options.keyFile)) {
      this.#askListed(portion, keys, categories);
      await this.#breathe();
    }
    const share = states.reduce((sum, { recordCount }) => sum + recordCount, 0);
    const { manifest, nonMemberCount } = this.#options;
    const count = Math.round((nonMemberCount * share) / Math.max(1, manifest.recordCount));
    const source = new NonMembers(states.filter(({ recordCount }) => recordCount > 0));
    for (let left = count; left > 0; ) {
      const keys = source.next(Math.min(8192, left));
      this.#askNonMembers(portion, keys);
      left -= keys.length;
      await this.#breathe();
    }
  }

  /** Reads the key file once more for what needs a second look: rare, or there is nothing to do. */
  async settle(): Promise<void> {
    const higher = this.#higher;
    const suspects = this.#suspects;
    if (higher.size > 0 || suspects.size > 0) {
      for (const { keys, categories } of readKeyFile(this.#options.keyFile)) {
        for (let i = 0; i < keys.length; i++) {
          const key = keys[i]!;
          if (higher.get(key) === categories[i]) higher.delete(key);
          const times = suspects.get(key);
          if (times !== undefined) {
            // Made up, and listed by chance: rightly found.
            this.#result.nonMembers -= times;
            this.#result.filterMaybe -= times;
            suspects.delete(key);
          }
        }
        await this.#breathe();
      }
    }
    this.#result.wrongCategory += higher.size;
    for (const times of suspects.values()) this.#result.falseCandidates += times;
  }

  /** All pages of these states from the disk into the matcher's arenas, each one checked. */
  async #load(states: readonly StateEntry[]): Promise<Portion> {
    const { store, manifest, module } = this.#options;
    const { h64Raw } = await xxhash();
    const matcher = new WasmMatcher(module, {
      filterArenaBytes: bytesOf(manifest, states, 'filter') + ALIGN_BYTES,
      matchArenaBytes: bytesOf(manifest, states, 'match') + ALIGN_BYTES,
    });
    const rates = new Float64Array(manifest.shardCount);
    const jobs = states.flatMap((state) =>
      Array.from({ length: state.shardCount }, (_, shardIndex) => ({ state, shardIndex })),
    );
    const load = async (kind: PageKind, { state, shardIndex }: (typeof jobs)[number]) => {
      const row = state.firstShard + shardIndex;
      const reference = manifest.page(kind, row);
      const bytes = await readObject(store, 'pages', reference);
      if (h64Raw(bytes) !== reference.xxh64) throw new SltdError('format-digest');
      const header = decodePage(bytes, {
        ...{ kind, state: state.state, shardIndex, shardCount: state.shardCount },
        epochKeyId: manifest.epochKeyId,
      });
      (kind === 'filter' ? matcher.filters : matcher.matches).put(row, bytes);
      if (kind === 'filter') {
        const { keyCount, tableCount: blockCount, parameter: probes } = header;
        rates[row] = filterFalsePositiveRate({ keyCount, blockCount, probes });
      }
      this.#result.pages++;
      this.#result.pageBytes += bytes.length;
      return header.keyCount;
    };
    await inParallel(jobs, async (job) => {
      const [inFilter, inMatch] = [await load('filter', job), await load('match', job)];
      if (inFilter !== inMatch)
        throw new SltdError('page-corrupt', { detail: 'key counts differ' });
    });
    // Nothing is put from here on, so the addresses stay valid.
    const addresses = (kind: PageKind): Uint32Array => {
      const arena = kind === 'filter' ? matcher.filters : matcher.matches;
      const table = new Uint32Array(manifest.shardCount);
      for (const { firstShard, shardCount } of states) {
        for (let row = firstShard; row < firstShard + shardCount; row++) {
          table[row] = arena.find(row);
          if (table[row] === 0) throw new Error('a page does not fit the arena made for it');
        }
      }
      return table;
    };
    return {
      matcher,
      states: new Map(states.map((state) => [state.state.padEnd(3, '<'), state])),
      filterAddresses: addresses('filter'),
      matchAddresses: addresses('match'),
      rates,
    };
  }

  #askListed(portion: Portion, keys: CanonicalKey[], categories: Uint8Array): void {
    const { states } = portion;
    const indexes: number[] = [];
    for (let i = 0; i < keys.length; i++) {
      if (states.has(keys[i]!.substring(1, 4))) indexes.push(i);
    }
    const own = indexes.length === keys.length ? keys : indexes.map((index) => keys[index]!);
    const { maybe, found } = this.#ask(portion, own);
    for (let i = 0; i < own.length; i++) {
      // Both must say so: a reader asks the second only if the first lets it.
      if (maybe[i] === 0 || found[i] === 0) {
        this.#result.missing++;
        continue;
      }
      const answered = found[i]! - 1;
      const category = categories[indexes[i]!]!;
      if (answered < category) this.#result.wrongCategory++;
      else if (answered > category) this.#higher.set(own[i]!, answered);
    }
    this.#result.asked += own.length;
  }

  #askNonMembers(portion: Portion, keys: CanonicalKey[]): void {
    const { maybe, found, rows } = this.#ask(portion, keys);
    const result = this.#result;
    for (let i = 0; i < keys.length; i++) {
      result.filterExpected += portion.rates[rows[i]!]!;
      result.filterMaybe += maybe[i]!;
      if (maybe[i] === 1 && found[i] !== 0) {
        const key = keys[i]!;
        this.#suspects.set(key, (this.#suspects.get(key) ?? 0) + 1);
      }
    }
    result.nonMembers += keys.length;
  }

  #ask(
    { matcher, states, filterAddresses, matchAddresses }: Portion,
    keys: CanonicalKey[],
  ): { maybe: Uint8Array; found: Uint8Array; rows: Uint32Array } {
    const digests = matcher.digests(keys, this.#options.epochKey);
    const filters = new Uint32Array(keys.length);
    const matches = new Uint32Array(keys.length);
    const rows = new Uint32Array(keys.length);
    for (let i = 0; i < keys.length; i++) {
      const state = states.get(keys[i]!.substring(1, 4))!;
      const row = state.firstShard + Math.floor((digests[4 * i + 3]! * state.shardCount) / 2 ** 32);
      rows[i] = row;
      filters[i] = filterAddresses[row]!;
      matches[i] = matchAddresses[row]!;
    }
    const maybe = matcher.probeFilters(digests, filters);
    return { maybe, found: matcher.probeMatches(digests, matches), rows };
  }

  /** Tells how far it is and lets a Ctrl-C in. */
  async #breathe(): Promise<void> {
    const { keyCount, nonMemberCount, onProgress, signal } = this.#options;
    onProgress(this.#result.asked + this.#result.nonMembers, keyCount + nonMemberCount);
    await setImmediate();
    signal?.throwIfAborted();
  }
}

/** Works through the items, a bounded number at a time; the first error ends it. */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: READS_MAX }, worker));
}
