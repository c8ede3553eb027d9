/**
 * A list of plain clustered numbers, as one state publishes it: pages against a roaring bitmap a series.
 *
 * The shape is that of the public Russian list of invalid passports: four digits of series, six of
 * number, and most numbers of a series in runs, because blanks are lost and withdrawn by the box. The
 * list is made up. Roaring: D. Lemire et al., "Roaring Bitmaps", SPE 48, 2018, by npm roaring-wasm.
 */

import { RoaringBitmap32, SerializationFormat } from 'roaring-wasm';
import { type CanonicalKey, canonicalKey } from '../src/document/canonical-key.ts';
import type { StateCode } from '../src/document/issuing-state.ts';
import { parseStateCode } from '../src/document/issuing-state.ts';
import { randomSource } from '../test/proofs/proof.ts';
import { type BenchSize, type Finding, measured, processorMs } from './measurement.ts';
import { ours } from './peers/ours.ts';
import { freshKey } from './peers/peer.ts';

interface Sizes {
  series: number;
  /** Numbers of a series, on average. */
  numbers: number;
  asked: number;
  rounds: number;
}

const SIZES: Record<BenchSize, Sizes> = {
  test: { series: 4, numbers: 500, asked: 1_000, rounds: 1 },
  small: { series: 100, numbers: 12_000, asked: 100_000, rounds: 7 },
  full: { series: 400, numbers: 12_000, asked: 200_000, rounds: 15 },
};
const NUMBERS = 1_000_000;
/**
 * Most reports are of one document, the others of up to 400 that follow one another; so many are of one
 * that a bitmap comes to some two bits a number, as the 42 MB do that the public list takes.
 */
const ALONE = 0.91;
const RUN_MAX = 400;

const state = parseStateCode('RUS') as StateCode;

interface Document {
  series: number;
  number: number;
}

/** Numbers of each series, ascending and without repetition. */
function clusteredList({ series, numbers }: Sizes): Uint32Array[] {
  const random = randomSource(11);
  return Array.from({ length: series }, () => {
    const listed = new Set<number>();
    // Between half and one and a half times as many.
    const wanted = Math.round(numbers * (0.5 + random.below(1001) / 1000));
    while (listed.size < wanted) {
      const first = random.below(NUMBERS);
      const length = random.below(1000) < 1000 * ALONE ? 1 : 1 + random.below(RUN_MAX);
      const run = Math.min(length, wanted - listed.size, NUMBERS - first);
      for (let i = 0; i < run; i++) listed.add(first + i);
    }
    return Uint32Array.from(listed).sort();
  });
}

const keyOf = ({ series, number }: Document): CanonicalKey =>
  canonicalKey('passport', state, `${1000 + series}${String(number).padStart(6, '0')}`);

/** Space, building and asking of both. */
export async function numericList(size: BenchSize): Promise<Finding[]> {
  const sizes = SIZES[size];
  const list = clusteredList(sizes);
  const count = list.reduce((sum, { length }) => sum + length, 0);
  const keys = list.flatMap((numbers, series) =>
    Array.from(numbers, (number) => keyOf({ series, number })),
  );
  const matcher = await ours(keys, state);
  const start = performance.now();
  const bitmaps = list.map((numbers) => {
    const bitmap = new RoaringBitmap32(numbers);
    bitmap.optimize();
    return bitmap;
  });
  const roaringMs = performance.now() - start;
  const roaringBytes = bitmaps.reduce(
    (sum, bitmap) => sum + bitmap.getSerializationSizeInBytes(SerializationFormat.croaring),
    0,
  );
  const nanos = { matcher: [] as number[], roaring: [] as number[] };
  const random = randomSource(12);
  for (let round = 0; round <= sizes.rounds; round++) {
    const asked = Array.from({ length: sizes.asked }, () => ({
      ...{ series: random.below(sizes.series), number: random.below(NUMBERS) },
    }));
    const questions = asked.map((document) => freshKey(keyOf(document)));
    const time = async (into: number[], work: () => number | Promise<number>) => {
      const from = processorMs();
      const found = await work();
      if (round > 0) into.push(((processorMs() - from) * 1e6) / sizes.asked);
      return found;
    };
    const ofMatcher = await time(nanos.matcher, () => matcher.count(questions));
    const ofRoaring = await time(nanos.roaring, () => {
      let found = 0;
      for (const { series, number } of asked) if (bitmaps[series]!.has(number)) found++;
      return found;
    });
    if (ofMatcher < ofRoaring) throw new Error('the matcher misses a listed number');
  }
  for (const bitmap of bitmaps) bitmap.dispose();
  const about = (id: string, question: string, unit: string) => ({
    ...{ id: `numeric-${id}`, unit },
    question: `${count.toLocaleString('en-US')} clustered numbers, ${question}`,
  });
  return [
    measured(about('space-ours', 'space: sltd-edge, both pages', 'bits/key'), [
      (8 * matcher.bytes) / count,
    ]),
    measured(about('space-roaring', 'space: a roaring bitmap a series', 'bits/key'), [
      (8 * roaringBytes) / count,
    ]),
    measured(about('ask-ours', 'asked at random: sltd-edge, from strings', 'ns'), nanos.matcher),
    measured(about('ask-roaring', 'asked at random: roaring, from numbers', 'ns'), nanos.roaring),
    measured(about('build-ours', 'build: sltd-edge, from strings', 'ns/key'), [
      (1e6 * matcher.buildMs) / count,
    ]),
    measured(about('build-roaring', 'build: roaring, from sorted numbers', 'ns/key'), [
      (1e6 * roaringMs) / count,
    ]),
  ];
}
