/**
 * How the list should be cut into pages for one isolate: page fetches, bytes and waits of a post's traffic,
 * for the choice that ships and for others, by number of documents asked since the isolate began.
 *
 * A lookup is counted both ways: a document, and a key, of which a document has about twelve. Each post
 * is a run: the spread is over posts.
 */

import { readMatcherModule } from '../data-build/matcher-module.ts';
import { WasmMatcher } from '../src/matcher/wasm-matcher.ts';
import { listShape, Traffic } from '../test/support/traffic.ts';
import { type BenchSize, type Finding, measured, type Plot } from './measurement.ts';
import { type Choice, type Cost, costsOf, type Trace, traceOf } from './page-traffic.ts';

const MIB = 1024 * 1024;
/** Keys that `sltd build` made of 150 M rows. */
const LIST_KEYS = 190_596_932;
const SIZES: Record<BenchSize, { posts: number; marks: readonly number[] }> = {
  test: { posts: 1, marks: [100, 300] },
  small: { posts: 3, marks: [1_000, 3_000, 10_000, 30_000, 100_000] },
  full: { posts: 5, marks: [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000] },
};
/** Goals are for the first documents of a cold isolate. */
const COLD = 100_000;
/** Travellers of a flight, which come as one batch to an isolate that is cold. */
const FLIGHT = 180;

/** What `sltd build` and the edge take if they are not told otherwise. */
const SHIPPED: Choice = {
  ...{ keysPerShard: 8_192, bitsPerKey: 10 },
  ...{ filterArenaBytes: 60 * MIB, matchArenaBytes: 4 * MIB },
};
const NO_FILTERS = { bitsPerKey: 0, filterArenaBytes: 0, matchArenaBytes: 64 * MIB };
const arenas = (filters: number, matches: number) => ({
  ...{ filterArenaBytes: filters * MIB, matchArenaBytes: matches * MIB },
});

/** By name; the first one is what ships. All have 64 MiB. */
const CHOICES: readonly [name: string, choice: Choice][] = [
  ['as shipped: 8 k keys, 10 bits, 60 + 4 MiB', SHIPPED],
  ['2 k keys', { ...SHIPPED, keysPerShard: 2_048 }],
  ['4 k keys', { ...SHIPPED, keysPerShard: 4_096 }],
  ['16 k keys', { ...SHIPPED, keysPerShard: 16_384 }],
  ['32 k keys', { ...SHIPPED, keysPerShard: 32_768 }],
  ['4 bits', { ...SHIPPED, bitsPerKey: 4 }],
  ['6 bits', { ...SHIPPED, bitsPerKey: 6 }],
  ['8 bits', { ...SHIPPED, bitsPerKey: 8 }],
  ['12 bits', { ...SHIPPED, bitsPerKey: 12 }],
  ['62 + 2 MiB', { ...SHIPPED, ...arenas(62, 2) }],
  ['48 + 16 MiB', { ...SHIPPED, ...arenas(48, 16) }],
  ['FIFO', { ...SHIPPED, policy: 'fifo' }],
  ['LRU', { ...SHIPPED, policy: 'lru' }],
  ['S3-FIFO', { ...SHIPPED, policy: 's3-fifo' }],
  ['match page fetched with its filter page', { ...SHIPPED, isMatchPrefetched: true }],
  ['one stage, 4 k keys', { ...SHIPPED, ...NO_FILTERS, keysPerShard: 4_096 }],
  ['one stage, 1 k keys', { ...SHIPPED, ...NO_FILTERS, keysPerShard: 1_024 }],
  ['one stage for lists below 1 M keys', { ...SHIPPED, ...arenas(40, 24), oneStageBelow: 2 ** 20 }],
  ['spellings apart', { ...SHIPPED, isApart: true }],
  [
    'spellings apart, 32 k keys, 8 bits, 44 + 4 MiB',
    { keysPerShard: 32_768, bitsPerKey: 8, ...arenas(44, 4), isApart: true },
  ],
  [
    'spellings apart, one stage, 4 k keys',
    { ...SHIPPED, ...NO_FILTERS, keysPerShard: 4_096, isApart: true },
  ],
];
const PLOTTED = new Set([0, 2, 4, 7, 15, 18, 19, 20]);

/** The costs of one post. */
interface PostCosts {
  /** By choice, by mark. */
  choices: Cost[][];
  /** Of an isolate that begins when another of the post has served COLD documents. */
  second: Cost;
  flight: Cost;
}

const fetchesOf = ({ filterFetches, matchFetches }: Cost) => filterFetches + matchFetches;
const kib = (cost: Cost) => cost.bytes / 1024;

/** Fetches, bytes and waits of every choice; plots by documents asked. */
export function isolateTraffic(size: BenchSize): Finding[] {
  const { posts, marks } = SIZES[size];
  const matcher = new WasmMatcher(readMatcherModule());
  const shape = listShape(LIST_KEYS);
  const cold = Math.min(COLD, marks.at(-1)!);
  const all = Array.from({ length: posts }, (_, post): PostCosts => {
    const count = marks.at(-1)! + cold;
    const trace: Trace = traceOf(new Traffic(post + 1), count, matcher);
    const seen = new Set<number>();
    costsOf(trace, shape, SHIPPED, { marks: [cold], seen });
    const next = { first: marks.at(-1)!, seen };
    return {
      choices: CHOICES.map(([, choice]) => costsOf(trace, shape, choice, { marks })),
      second: costsOf(trace, shape, SHIPPED, { ...next, marks: [cold] })[0]!,
      flight: costsOf(trace, shape, SHIPPED, { marks: [Math.min(FLIGHT, cold)] })[0]!,
    };
  });
  const coldMark = marks.indexOf(cold);
  const ofShipped = (figure: (cost: Cost) => number) =>
    all.map(({ choices }) => figure(choices[0]![coldMark]!));
  const about = (id: string, question: string, unit: string) => ({
    ...{ id: `isolate-${id}`, question, unit },
  });
  const first = `first ${cold.toLocaleString('en-US')}`;
  return [
    measured(
      about('keys', 'keys that a document is looked up by', 'keys'),
      ofShipped((cost) => cost.keys / cost.documents),
    ),
    measured(
      about('fetches-key', `page fetches a key, ${first} documents`, 'pages'),
      ofShipped((cost) => fetchesOf(cost) / cost.keys),
      { atMost: 0.3 },
    ),
    measured(
      about('kib-key', `KiB fetched a key, ${first} documents`, 'KiB'),
      ofShipped((cost) => kib(cost) / cost.keys),
      { atMost: 16 },
    ),
    measured(
      about('fetches', `page fetches a document, ${first}`, 'pages'),
      ofShipped((cost) => fetchesOf(cost) / cost.documents),
      { atMost: 0.3 },
    ),
    measured(
      about('kib', `KiB fetched a document, ${first}`, 'KiB'),
      ofShipped((cost) => kib(cost) / cost.documents),
      { atMost: 16 },
    ),
    measured(
      about('cached', 'fetches of the next isolate that the data-centre cache answers', '%'),
      all.map(({ second }) => 100 * (1 - second.firstFetches / fetchesOf(second))),
    ),
    measured(
      about('flight', `pages for a flight of ${FLIGHT}, isolate cold`, 'pages'),
      all.map(({ flight }) => fetchesOf(flight)),
    ),
    ...CHOICES.flatMap(([name], index) => {
      const per = (figure: (cost: Cost) => number) =>
        all.map(({ choices }) => {
          const cost = choices[index]![coldMark]!;
          return figure(cost) / cost.documents;
        });
      return [
        measured(about(`choice-${index}-fetches`, `${name}: a document`, 'pages'), per(fetchesOf)),
        measured(about(`choice-${index}-kib`, `${name}: a document`, 'KiB'), per(kib)),
        measured(
          about(`choice-${index}-waits`, `${name}: a document`, 'waits'),
          per((cost) => cost.waits),
        ),
      ];
    }),
    plot(all, 'fetches', 'page fetches a document', fetchesOf),
    plot(all, 'kib', 'KiB fetched a document', kib),
  ];
}

/** Of the post in the middle, for those choices that tell most. */
function plot(
  all: readonly PostCosts[],
  id: string,
  label: string,
  figure: (cost: Cost) => number,
): Plot {
  const { choices } = all[Math.floor(all.length / 2)]!;
  return {
    id: `isolate-plot-${id}`,
    title: `${label}, by documents that the isolate has been asked`,
    x: { label: 'documents', scale: 'log' },
    y: { label, scale: 'log' },
    series: CHOICES.flatMap(([name], index) =>
      PLOTTED.has(index)
        ? [
            {
              name,
              points: choices[index]!.map((cost) => ({
                ...{ x: cost.documents, y: figure(cost) / cost.documents },
              })),
            },
          ]
        : [],
    ),
  };
}
