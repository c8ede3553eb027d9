/** What the comparison over digests has found: every figure, the goals, and the plots. */

import { PAGE_HEADER_BYTES } from '../src/format/layout.ts';
import { type Finding, measured, median, type Plot, type Series } from './measurement.ts';
import type { NativePeer } from './native-peers.ts';
import { type BuiltPages, bytesOf } from './resident-set.ts';

/** The goals are about a set of this size, or else the largest; the others are drawn. */
const GOAL_KEYS = 1e7;

export const NAMES: Record<NativePeer, string> = {
  fuse8: 'binary fuse 8 in C',
  fuse16: 'binary fuse 16 in C',
  bloom512: 'blocked Bloom in C, 512-bit blocks, k = 5',
  bloom64: 'blocked Bloom in C, 64-bit blocks, k = 4',
  pthash: 'PTHash-HEM in C',
};
export const FILTERS = ['fuse8', 'fuse16', 'bloom512', 'bloom64'] as const;
export const OURS_UNLISTED = 'sltd-edge, filter page, unlisted';
export const OURS_VERDICT = 'sltd-edge, both pages, unlisted';
export const OURS_LISTED = 'sltd-edge, both pages, listed';
export const MICRO_BUCKETS = 'micro-buckets in wasm, listed';
export const OURS_BUILD = 'sltd-edge, sort, filter and match page';
export const OURS_MATCH = 'sltd-edge, match page alone, listed';
export const MICRO_BUILD = 'micro-buckets in wasm';
/** With the numbers of keys, bits and probes that `sltd build` takes. */
export const SHIPPED_UNLISTED = 'sltd-edge as it ships, filter page, unlisted';
export const SHIPPED_VERDICT = 'sltd-edge as it ships, both pages, unlisted';
export const SHIPPED_LISTED = 'sltd-edge as it ships, both pages, listed';
export const SHIPPED_BUILD = 'sltd-edge as it ships, sort, filter and match page';
export const OURS_SEARCH = 'sltd-edge, match page alone, digests sorted';

/** What one way has cost to build, over all rounds, and what it came to. */
export interface Facts {
  /** Nanoseconds a key of each round. */
  buildNanos: number[];
  bitsPerKey: number;
  /** Share of the unlisted digests that were found; undefined for what answers no question. */
  falseRate?: number;
}

/** Nanoseconds a digest of each round, by the name in the legend. */
export type Rounds = Map<string, number[]>;

export interface OfSize {
  keyCount: number;
  rounds: Rounds;
  built: BuiltPages;
  facts: Map<string, Facts>;
}

/** Of all sizes, smallest first. */
export function findings(sizes: readonly OfSize[], hasNative: boolean): Finding[] {
  const goalSize = sizes.find(({ keyCount }) => keyCount === GOAL_KEYS) ?? sizes.at(-1)!;
  const lines = sizes.flatMap(({ keyCount, rounds, facts }) => {
    const at = inWords(keyCount);
    const id = (name: string, what: string) => `digests-${what}-${keyCount}-${idOf(name)}`;
    return [
      ...[...rounds].map(([name, nanos]) =>
        measured({ id: id(name, 'ask'), question: `${at}: ${name}`, unit: 'ns' }, nanos),
      ),
      ...[...facts].flatMap(([name, { buildNanos, bitsPerKey, falseRate }]) => [
        measured(
          { id: id(name, 'build'), question: `${at}, build: ${name}`, unit: 'ns/key' },
          buildNanos,
        ),
        measured({ id: id(name, 'space'), question: `${at}, space: ${name}`, unit: 'bits/key' }, [
          bitsPerKey,
        ]),
        ...(falseRate === undefined
          ? []
          : [
              measured(
                { id: id(name, 'errs'), question: `${at}, unlisted but found: ${name}`, unit: '%' },
                [100 * falseRate],
              ),
            ]),
      ]),
    ];
  });
  return [...lines, ...goals(goalSize, hasNative), ...plots(sizes)];
}

const idOf = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
const inWords = (keyCount: number): string => `${keyCount.toLocaleString('en-US')} keys`;

/** Of one against another, round by round: the machine's drift hits both alike. */
function ratios(rounds: Rounds, ours: string, theirs: string): number[] {
  const peer = rounds.get(theirs) ?? [];
  return (rounds.get(ours) ?? []).map((nanos, round) => nanos / peer[round]!);
}

function goals({ keyCount, rounds, built, facts }: OfSize, hasNative: boolean): Finding[] {
  const at = inWords(keyCount);
  const times = (id: string, question: string, theirs: [string, string], atMost: number) =>
    measured({ id, question, unit: 'times' }, ratios(rounds, ...theirs), { atMost });
  const againstPthash = (name: string) =>
    facts
      .get(name)!
      .buildNanos.map((nanos, round) => nanos / facts.get(NAMES.pthash)!.buildNanos[round]!);
  const shards = built.shardMs.length;
  const matchBits = (8 * bytesOf(built.match)) / keyCount - 4;
  const headerBits = (8 * PAGE_HEADER_BYTES * shards) / keyCount;
  return [
    ...(hasNative
      ? [
          times(
            'digests-unlisted-ratio',
            `probe of digests, ${at}, unlisted: filter page against binary fuse 8 in C`,
            [OURS_UNLISTED, `${NAMES.fuse8}, unlisted`],
            1,
          ),
          times(
            'digests-listed-ratio',
            `probe of digests, ${at}, listed: both pages against binary fuse 16 in C`,
            [OURS_LISTED, `${NAMES.fuse16}, listed`],
            2,
          ),
          measured(
            {
              id: 'digests-pthash-ratio',
              question: `building both pages in wasm against PTHash-HEM in C, ${at}`,
              unit: 'times',
            },
            againstPthash(OURS_BUILD),
            { atMost: 0.65 },
          ),
          measured(
            {
              id: 'digests-search-ratio',
              question: 'the same of the match page alone, digests sorted',
              unit: 'times',
            },
            againstPthash(OURS_SEARCH),
          ),
        ]
      : []),
    measured(
      {
        id: 'digests-page-build',
        question: `sort, filter page and match page of ${at}, a core, by shard`,
        unit: 'us/key',
      },
      built.shardMs.map((ms) => (ms * 1e3) / (keyCount / shards)),
      { atMost: 0.16 },
    ),
    measured(
      { id: 'digests-reseeds', question: `shards that needed a second seed, ${at}`, unit: '%' },
      [(100 * built.reseededShards) / shards],
      { atMost: 1 },
    ),
    measured(
      { id: 'digests-slowest-shard', question: `the slowest of ${shards} shards`, unit: 'ms' },
      [Math.max(...built.shardMs)],
      { atMost: 20 },
    ),
    measured(
      {
        id: 'digests-match-bits',
        question: `match pages of ${at}, without the 4 category bits and the headers`,
        unit: 'bits/key',
      },
      [matchBits - headerBits],
      { atMost: 34.3 },
    ),
    measured(
      { id: 'digests-header-bits', question: 'headers of the match pages', unit: 'bits/key' },
      [headerBits],
    ),
  ];
}

function plots(sizes: readonly OfSize[]): Plot[] {
  const keys = { label: 'keys in the set', scale: 'log' } as const;
  const names = [...new Set(sizes.flatMap(({ rounds }) => [...rounds.keys()]))];
  const built = [...new Set(sizes.flatMap(({ facts }) => [...facts.keys()]))];
  const largest = sizes.at(-1)!;
  return [
    ...(['unlisted', 'listed'] as const).map((which) => ({
      ...{ id: `plot-query-${which}`, title: `A question by size of the set: ${which} digests` },
      ...{ x: keys, y: { label: 'ns a digest, median', scale: 'linear' } as const },
      series: names
        .filter((name) => name.endsWith(`, ${which}`))
        .map((name) => ({
          name: name.replace(`, ${which}`, ''),
          points: sizes.flatMap(({ keyCount, rounds }) => {
            const nanos = rounds.get(name);
            return nanos ? [{ x: keyCount, y: median(nanos) }] : [];
          }),
        })),
    })),
    {
      ...{
        id: 'plot-build-by-size',
        title: 'Build throughput, one core, keys as digests in memory',
      },
      ...{ x: keys, y: { label: 'M keys a second', scale: 'log' } },
      series: built.map((name) => ({
        name,
        points: sizes.flatMap(({ keyCount, facts }) => {
          const fact = facts.get(name);
          return fact ? [{ x: keyCount, y: 1e3 / median(fact.buildNanos) }] : [];
        }),
      })),
    },
    spacePlot(largest),
  ];
}

/** What no test can count, a rate of 2^-32, is the theory's. */
function spacePlot({ keyCount, built, facts }: OfSize): Plot {
  const bits = (pages: readonly Uint8Array[]) => (8 * bytesOf(pages)) / keyCount;
  const point = (name: string, rate: number, bitsPerKey: number): Series => ({
    ...{ name, isScattered: true, points: [{ x: rate, y: bitsPerKey }] },
  });
  const counted = FILTERS.map((peer) => NAMES[peer]).flatMap((name) => {
    const fact = facts.get(name);
    return fact?.falseRate ? [point(name, fact.falseRate, fact.bitsPerKey)] : [];
  });
  const rates = Array.from({ length: 35 }, (_, power) => 2 ** -power);
  return {
    id: 'plot-space',
    title: `Bits a key against the least that a false-positive rate needs, ${inWords(keyCount)}`,
    x: { label: 'false-positive rate (2^-32: by theory)', scale: 'log' },
    y: { label: 'bits a key', scale: 'linear' },
    series: [
      point('match page, category bits apart', 2 ** -32, bits(built.match) - 4),
      point('micro-buckets', 3 * 2 ** -32, facts.get(MICRO_BUILD)!.bitsPerKey),
      ...counted,
      {
        name: 'log2(1 / rate), the bound',
        isTheory: true,
        points: rates.map((rate) => ({ x: rate, y: -Math.log2(rate) })),
      },
    ],
  };
}
