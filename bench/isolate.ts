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

interface NamedChoice {
  name: string;
  choice: Choice;
}
const choiceOf = (name: string, choice: Partial<Choice>): NamedChoice => ({
  ...{ name, choice: { ...SHIPPED, ...choice } },
});

const AS_SHIPPED = choiceOf('as shipped: 8 k keys, 10 bits, 60 + 4 MiB', {});
/** By what they differ in from what ships. All have 64 MiB, but the one that shipped before. */
const CHOICES: readonly { id: string; by: string; choices: readonly NamedChoice[] }[] = [
  {
    ...{ id: 'keys', by: 'keys a shard' },
    choices: [
      choiceOf('2 k keys', { keysPerShard: 2_048 }),
      choiceOf('4 k keys', { keysPerShard: 4_096 }),
      choiceOf('16 k keys', { keysPerShard: 16_384 }),
      choiceOf('32 k keys', { keysPerShard: 32_768 }),
    ],
  },
  {
    ...{ id: 'bits', by: 'bits a key of the filter' },
    choices: [4, 6, 8, 12].map((bitsPerKey) => choiceOf(`${bitsPerKey} bits`, { bitsPerKey })),
  },
  {
    ...{ id: 'memory', by: 'memory and eviction' },
    choices: [
      choiceOf('62 + 2 MiB', arenas(62, 2)),
      choiceOf('48 + 16 MiB', arenas(48, 16)),
      choiceOf('FIFO', { policy: 'fifo' }),
      choiceOf('LRU', { policy: 'lru' }),
      choiceOf('S3-FIFO', { policy: 's3-fifo' }),
    ],
  },
  {
    ...{ id: 'stages', by: 'stages and prefetch' },
    choices: [
      choiceOf('match page fetched with its filter page', { isMatchPrefetched: true }),
      choiceOf('one stage, 4 k keys', { ...NO_FILTERS, keysPerShard: 4_096 }),
      choiceOf('one stage, 1 k keys', { ...NO_FILTERS, keysPerShard: 1_024 }),
      choiceOf('one stage for lists below 1 M keys', { ...arenas(40, 24), oneStageBelow: 2 ** 20 }),
    ],
  },
  {
    ...{ id: 'spellings', by: 'where spellings lie' },
    choices: [
      choiceOf('spellings apart', { isApart: true }),
      choiceOf('spellings apart, 32 k keys, 8 bits, 44 + 4 MiB', {
        ...{ keysPerShard: 32_768, bitsPerKey: 8, isApart: true },
        ...arenas(44, 4),
      }),
      choiceOf('spellings apart, one stage, 4 k keys', {
        ...{ ...NO_FILTERS, keysPerShard: 4_096, isApart: true },
      }),
    ],
  },
];
const ALL = [AS_SHIPPED, ...CHOICES.flatMap(({ choices }) => choices)];

/** The costs of one post. */
interface PostCosts {
  /** By the name of the choice; by mark. */
  choices: ReadonlyMap<string, readonly Cost[]>;
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
      choices: new Map(
        ALL.map(({ name, choice }) => [name, costsOf(trace, shape, choice, { marks })]),
      ),
      second: costsOf(trace, shape, SHIPPED, { ...next, marks: [cold] })[0]!,
      flight: costsOf(trace, shape, SHIPPED, { marks: [Math.min(FLIGHT, cold)] })[0]!,
    };
  });
  const coldMark = marks.indexOf(cold);
  const ofShipped = (figure: (cost: Cost) => number) =>
    all.map(({ choices }) => figure(choices.get(AS_SHIPPED.name)![coldMark]!));
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
    ...ALL.flatMap(({ name }, index) =>
      shownMarks(marks, cold).flatMap((at) => {
        const per = (figure: (cost: Cost) => number) =>
          all.map(({ choices }) => figure(choices.get(name)![at]!) / marks[at]!);
        const first = `${name}: a document, first ${marks[at]!.toLocaleString('en-US')}`;
        const id = `choice-${index}-at-${marks[at]}`;
        return [
          measured(about(`${id}-fetches`, first, 'pages'), per(fetchesOf)),
          measured(about(`${id}-kib`, first, 'KiB'), per(kib)),
          measured(
            about(`${id}-waits`, first, 'waits'),
            per((cost) => cost.waits),
          ),
        ];
      }),
    ),
    ...CHOICES.flatMap((group) => [
      plot(all, group, {
        ...{ id: 'fetches', label: 'page fetches a document' },
        figure: fetchesOf,
      }),
      plot(all, group, { ...{ id: 'kib', label: 'KiB fetched a document' }, figure: kib }),
    ]),
  ];
}

/** Indices of the marks that a table has room for: each ten times the one before, to the last cold one. */
const shownMarks = (marks: readonly number[], cold: number): number[] =>
  marks.flatMap((mark, index) =>
    mark <= cold && Number.isInteger(Math.log10(cold / mark)) ? [index] : [],
  );

/** Of the post in the middle, for what ships and the choices of one group. */
function plot(
  all: readonly PostCosts[],
  group: (typeof CHOICES)[number],
  { id, label, figure }: { id: string; label: string; figure: (cost: Cost) => number },
): Plot {
  const { choices } = all[Math.floor(all.length / 2)]!;
  return {
    id: `isolate-plot-${group.id}-${id}`,
    title: `${label}, by documents that the isolate has been asked: ${group.by}`,
    x: { label: 'documents', scale: 'log' },
    y: { label, scale: 'log' },
    series: [AS_SHIPPED, ...group.choices].map(({ name }) => ({
      name,
      points: choices.get(name)!.map((cost) => ({
        ...{ x: cost.documents, y: figure(cost) / cost.documents },
      })),
    })),
  };
}
