/**
 * How often a filter page says *maybe* about a document that is not listed, counted and by theory, for
 * 4 to 12 bits a key. Theory: data-build/verify/filter-theory.ts, and for a Bloom filter that is not blocked
 * B. H. Bloom, "Space/Time Trade-offs in Hash Coding with Allowable Errors", CACM 13, 1970.
 */

import { filterFalsePositiveRate } from '../data-build/verify/filter-theory.ts';
import { decodePage } from '../src/format/page.ts';
import { uniformDigests } from './digest-file.ts';
import { type BenchSize, type Finding, measured, type Series } from './measurement.ts';
import { buildPages, bytesOf, intoShards, ResidentSet } from './resident-set.ts';

const SIZES: Record<BenchSize, { keys: number; asked: number }> = {
  test: { keys: 10_000, asked: 20_000 },
  small: { keys: 1_000_000, asked: 5_000_000 },
  full: { keys: 10_000_000, asked: 20_000_000 },
};
/** Bits a key, and the probes with which theory has the fewest false positives. */
const BITS_PER_KEY = [4, 5, 6, 7, 8, 9, 10, 11, 12];
const PROBES_MAX = 12;
/** Percent, by bits a key. */
const GOALS: Record<number, number> = { 8: 2.4, 10: 1.1 };
/** As `sltd build` has it if not told. */
const DEFAULT = { bitsPerKey: 8, probes: 5 };

const theoryOf = (bitsPerKey: number, probes: number): number =>
  filterFalsePositiveRate({ keyCount: 512, blockCount: bitsPerKey, probes });

function bestProbes(bitsPerKey: number): number {
  if (bitsPerKey === DEFAULT.bitsPerKey) return DEFAULT.probes;
  const rates = Array.from({ length: PROBES_MAX }, (_, i) => theoryOf(bitsPerKey, i + 1));
  return rates.indexOf(Math.min(...rates)) + 1;
}

const classicRate = (bitsPerKey: number): number => {
  const rates = Array.from(
    { length: PROBES_MAX },
    (_, i) => (1 - Math.exp(-(i + 1) / bitsPerKey)) ** (i + 1),
  );
  return Math.min(...rates);
};

/** Rates at every size of filter, those with a goal held against it, and all as a plot. */
export function falsePositives(size: BenchSize): Finding[] {
  const { keys, asked } = SIZES[size];
  const shards = intoShards(uniformDigests(0, keys));
  const unlisted = uniformDigests(2 ** 40, asked);
  const counted: { x: number; y: number }[] = [];
  const lines = BITS_PER_KEY.flatMap((bitsPerKey) => {
    const probes = bestProbes(bitsPerKey);
    const { filter } = buildPages(shards, { bitsPerKey, probes });
    const rate =
      (100 * new ResidentSet({ filter, match: [] }).ask(unlisted, 'filter').found) / asked;
    counted.push({ x: (8 * bytesOf(filter)) / keys, y: rate });
    const theory = expectedRate(filter);
    const about = `filter page, ${bitsPerKey} bits a key, ${probes} probes`;
    const goal = GOALS[bitsPerKey];
    return [
      measured(
        { id: `filter-errs-${bitsPerKey}`, question: `${about}: false positives`, unit: '%' },
        [rate],
        goal === undefined ? {} : { atMost: goal },
      ),
      measured(
        {
          id: `filter-theory-${bitsPerKey}`,
          question: `${about}: counted by theory`,
          unit: 'times',
        },
        [rate / theory],
      ),
    ];
  });
  const curve = (name: string, rate: (bitsPerKey: number) => number): Series => ({
    ...{ name, isTheory: true },
    points: BITS_PER_KEY.map((bits) => ({ x: bits, y: 100 * rate(bits) })),
  });
  return [
    ...lines,
    {
      id: 'plot-false-positives',
      title: `False positives of the filter page, ${keys.toLocaleString('en-US')} keys`,
      x: { label: 'bits a key', scale: 'linear' },
      y: { label: 'false positives, %', scale: 'log' },
      series: [
        { name: 'filter pages, counted', points: counted },
        curve('blocked Bloom, theory', (bits) => theoryOf(bits, bestProbes(bits))),
        curve('Bloom, theory', classicRate),
      ],
    },
  ];
}

/** Percent over the shards as they are: a shard has some keys more or fewer than another. */
function expectedRate(pages: readonly Uint8Array[]): number {
  const rates = pages.map((page) => {
    const { keyCount, tableCount: blockCount, parameter: probes } = decodePage(page);
    return 100 * filterFalsePositiveRate({ keyCount, blockCount, probes });
  });
  return rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
}
