/**
 * Replay: the edition before and the operations since then must make the new edition, record for record.
 *
 * What a build reads from an export is only as good as the export. Here the new edition is held
 * against what is known apart from it: a record may come or go only with an operation of central's log,
 * and every operation must have arrived. Both editions are read as a reader reads them, their pages
 * proved against their manifests; pages that both have are not read at all.
 *
 * Records are compared by fingerprint and category within their state, so both editions must be of one
 * epoch key; two records are taken for each other with probability 2^-32. Keys that the operations
 * touch are asked for one by one, and left out of the comparison of the rest.
 */

import { type ReadableStore, readObject } from '../../publish/read-object.ts';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import { SltdError } from '../../src/errors.ts';
import type { Manifest, StateEntry } from '../../src/format/manifest.ts';
import { equalBytes, toHex } from '../../src/format/names.ts';
import { decodePage } from '../../src/format/page.ts';
import type { Matcher } from '../../src/matcher/matcher.ts';
import { type Expectation, ExpectedKeys, type Period } from './expected-keys.ts';
import { SlotCounts, SlotSums } from './list-difference.ts';
import type { ReplayOperation } from './operation-file.ts';
import { forEachSlot } from './read-slots.ts';

/** An edition, and what holds its pages. */
export interface StoredEdition {
  store: ReadableStore;
  manifest: Manifest;
}

export interface ReplayOptions {
  /** The edition in force, and the one that is to follow it. */
  base: StoredEdition;
  next: StoredEdition;
  matcher: Matcher;
  /** Of both editions: 16 bytes. */
  epochKey: Uint8Array;
  /** In the order of the log, from before the base was drawn until after the next one was. */
  operations: Iterable<ReplayOperation> | AsyncIterable<ReplayOperation>;
  signal?: AbortSignal | undefined;
}

/** What is wrong with one state; numbers of records. */
export interface StateDifference {
  state: string;
  /** In the base, not in the next, and no operation took them away. */
  lost: number;
  /** In the next, not in the base, and no operation brought them. */
  appeared: number;
  /** Reported since the base, and not in the next. */
  unreported: number;
  /** Withdrawn since the base, and still in the next. */
  notWithdrawn: number;
  /** Reported since the base, and in the next with a lower category. */
  wrongCategory: number;
  /** There are more lost and appeared ones. */
  isAtLeast: boolean;
}

export interface ReplayResult {
  /** Operations between the editions, or near either. */
  operationCount: number;
  /** Keys that they touch. */
  keyCount: number;
  /** States that differ, by code; none if the replay matches. */
  differences: StateDifference[];
}

/**
 * Holds the new edition against the old one and the operations. Throws 'config-invalid' if they are of
 * two collections or epoch keys, and what reading the pages throws.
 */
export async function replayMatches(options: ReplayOptions): Promise<ReplayResult> {
  const { operations, signal } = options;
  const [base, next] = [options.base.manifest, options.next.manifest];
  if (base.collection !== next.collection || !equalBytes(base.epochKeyId, next.epochKeyId)) {
    throw new SltdError('config-invalid', { detail: 'replay: another collection or epoch key' });
  }
  const expected = new ExpectedKeys((state) => periodOf(state, base, next));
  for await (const operation of operations) expected.take(operation);
  const keysByState = new Map<string, TouchedKey[]>();
  let keyCount = 0;
  for (const touched of expected.all()) {
    keyCount++;
    const state = touched.key.slice(1, 4).replaceAll('<', '');
    const ofState = keysByState.get(state);
    if (ofState) ofState.push(touched);
    else keysByState.set(state, [touched]);
  }
  const differences: StateDifference[] = [];
  const states = [...base.states(), ...next.states()].map(({ state }) => state);
  for (const state of [...new Set([...states, ...keysByState.keys()])].sort()) {
    signal?.throwIfAborted();
    const difference = await replayState(state, keysByState.get(state) ?? [], options);
    if (difference) differences.push(difference);
  }
  return { operationCount: expected.operationCount, keyCount, differences };
}

/** A line for each state that differs, up to ten, and how many more; none if the replay matches. */
export function differenceLines({ differences }: ReplayResult): string[] {
  const shown = differences.slice(0, STATES_MAX).map((difference) => {
    const { state, isAtLeast, ...counts } = difference;
    const parts = Object.entries(counts).filter(([, count]) => count > 0);
    const texts = parts.map(([name, count]) => `${count} ${NAMES[name as keyof typeof NAMES]}`);
    return `${state}: ${isAtLeast ? 'at least ' : ''}${texts.join(', ')}`;
  });
  const more = differences.length - shown.length;
  return more > 0 ? [...shown, `and ${more} more states`] : shown;
}

const STATES_MAX = 10;

const NAMES = {
  lost: 'lost',
  appeared: 'from nowhere',
  unreported: 'reported and missing',
  notWithdrawn: 'withdrawn and still listed',
  wrongCategory: 'of a lower category',
};

interface TouchedKey {
  key: CanonicalKey;
  expected: Expectation;
}

/** A state's list ends where its row says; that of a state without row where the edition does. */
function periodOf(state: string, base: Manifest, next: Manifest): Period {
  return { base: endOf(base, state), next: endOf(next, state) };
}

const endOf = (manifest: Manifest, state: string) => manifest.state(state)?.asOf ?? manifest.asOf;

async function replayState(
  state: string,
  touched: readonly TouchedKey[],
  options: ReplayOptions,
): Promise<StateDifference | undefined> {
  const { base, next } = options;
  const sides = [new Side(base, state, options), new Side(next, state, options)] as const;
  const keys = touched.map(({ key }) => key);
  const [before, after] = [await sides[0].ask(keys), await sides[1].ask(keys)];
  const difference: StateDifference = {
    ...{ state, lost: 0, appeared: 0, unreported: 0, notWithdrawn: 0, wrongCategory: 0 },
    isAtLeast: false,
  };
  touched.forEach(({ expected }, i) => {
    judge(expected, after.answers[i]!, difference);
  });

  const take = async (sums: Pick<SlotSums, 'take'>) => {
    const both = sides[0].sharedWith(sides[1]);
    await sides[0].forEachSlot(both, (fingerprint, category) =>
      sums.take(fingerprint, category, -1),
    );
    await sides[1].forEachSlot(both, (fingerprint, category) =>
      sums.take(fingerprint, category, 1),
    );
    // Touched keys have been judged: they are taken out of both sides.
    for (const [{ answers, digests }, sign] of [
      [before, 1],
      [after, -1],
    ] as const) {
      answers.forEach((answer, i) => {
        if (answer > 0) sums.take(digests[4 * i]!, answer - 1, sign);
      });
    }
  };
  const sums = new SlotSums();
  await take(sums);
  const uneven = sums.uneven();
  if (uneven.length > 0) {
    const counts = new SlotCounts(uneven);
    await take(counts);
    Object.assign(difference, counts.difference());
  }
  const { lost, appeared, unreported, notWithdrawn, wrongCategory } = difference;
  const count = lost + appeared + unreported + notWithdrawn + wrongCategory;
  return count > 0 ? difference : undefined;
}

/** `answer` is 0 for absent, else 1 + category. */
function judge(expected: Expectation, answer: number, difference: StateDifference): void {
  if (expected.is === 'gone' && answer > 0) difference.notWithdrawn++;
  if (expected.is !== 'listed') return;
  if (answer === 0) difference.unreported++;
  else if (answer - 1 < expected.categoryMin) difference.wrongCategory++;
}

/** One state of one edition. */
class Side {
  readonly #edition: StoredEdition;
  readonly #entry: StateEntry | undefined;
  readonly #options: ReplayOptions;

  constructor(edition: StoredEdition, state: string, options: ReplayOptions) {
    this.#edition = edition;
    this.#entry = edition.manifest.state(state);
    this.#options = options;
  }

  /** For each key 0 (absent) or 1 + category, and its digest. */
  async ask(keys: readonly CanonicalKey[]): Promise<{ answers: Uint8Array; digests: Uint32Array }> {
    const { matcher, epochKey } = this.#options;
    const digests = matcher.digests(keys, epochKey);
    const answers = new Uint8Array(keys.length);
    const placesByShard = new Map<number, number[]>();
    if (this.#entry) {
      const { shardCount } = this.#entry;
      for (let i = 0; i < keys.length; i++) {
        const shard = Math.floor((digests[4 * i + 3]! * shardCount) / 2 ** 32);
        const places = placesByShard.get(shard);
        if (places) places.push(i);
        else placesByShard.set(shard, [i]);
      }
    }
    for (const [shard, places] of placesByShard) {
      const { bytes } = await this.#page(shard);
      const asked = new Uint32Array(4 * places.length);
      places.forEach((place, i) => {
        asked.set(digests.subarray(4 * place, 4 * place + 4), 4 * i);
      });
      const found = matcher.match(bytes, asked);
      places.forEach((place, i) => {
        answers[place] = found[i]!;
      });
    }
    return { answers, digests };
  }

  /** Names of the pages that both sides have: what is in them is in both. */
  sharedWith(other: Side): ReadonlySet<string> {
    const theirs = new Set(other.#names());
    return new Set([...this.#names()].filter((name) => theirs.has(name)));
  }

  async forEachSlot(
    without: ReadonlySet<string>,
    tell: (fingerprint: number, category: number) => void,
  ): Promise<void> {
    let shard = 0;
    for (const name of this.#names()) {
      this.#options.signal?.throwIfAborted();
      if (!without.has(name)) {
        const { bytes, header } = await this.#page(shard);
        forEachSlot(bytes, header, tell);
      }
      shard++;
    }
  }

  *#names(): Generator<string> {
    const { firstShard, shardCount } = this.#entry ?? { firstShard: 0, shardCount: 0 };
    for (let shard = 0; shard < shardCount; shard++) {
      yield toHex(this.#edition.manifest.page('match', firstShard + shard).sha256);
    }
  }

  async #page(shardIndex: number) {
    const { state, firstShard, shardCount } = this.#entry!;
    const { store, manifest } = this.#edition;
    const reference = manifest.page('match', firstShard + shardIndex);
    const bytes = await readObject(store, 'pages', reference);
    const { epochKeyId } = manifest;
    const expected = { kind: 'match', state, shardIndex, shardCount, epochKeyId } as const;
    return { bytes, header: decodePage(bytes, expected) };
  }
}
