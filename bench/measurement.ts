/**
 * What a benchmark finds: answered questions and plots, as they go to bench/results/*.json, onto the
 * terminal and into the report.
 */

/** `test` runs in the test suite and says nothing of speed; `small` takes minutes, `full` an hour. */
export type BenchSize = 'test' | 'small' | 'full';

/** One question with its answer. */
export interface Measurement {
  id: string;
  question: string;
  /** The median, or the one value of what does not vary. */
  value: number;
  unit: string;
  spread: { min: number; median: number; max: number };
  /** The bound in words; empty where the figure only informs. */
  goal: string;
  holds: boolean;
}

/** Points of one way to do it, in the order of x. */
export interface Series {
  name: string;
  points: readonly { x: number; y: number }[];
  /** A bound or a theory rather than something measured: drawn as a dashed line without marks. */
  isTheory?: boolean;
  /** Points that no line joins, because nothing lies between them. */
  isScattered?: boolean;
}

export interface Axis {
  label: string;
  /** A log axis has no room for values of 0 and below: they are not drawn. */
  scale: 'linear' | 'log';
}

/** Measured values over a second quantity, drawn by plot.ts. */
export interface Plot {
  id: string;
  title: string;
  x: Axis;
  y: Axis;
  series: readonly Series[];
}

/** What could not be measured here, and what for. */
export interface Gap {
  id: string;
  gap: string;
}

export type Finding = Measurement | Plot | Gap;

/** A question that a benchmark answers at the size it is told. */
export type Suite = (size: BenchSize) => Finding[] | Promise<Finding[]>;

export const isPlot = (finding: Finding): finding is Plot => 'series' in finding;

export const isGap = (finding: Finding): finding is Gap => 'gap' in finding;

export const isMeasurement = (finding: Finding): finding is Measurement => 'question' in finding;

/** NaN of nothing. */
export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** A measurement from repeated runs: the median counts, minimum and maximum tell the noise. */
export function measured(
  { id, question, unit }: { id: string; question: string; unit: string },
  values: readonly number[],
  bound?: { atMost?: number; atLeast?: number },
): Measurement {
  const sorted = [...values].sort((a, b) => a - b);
  const value = median(values);
  const spread = { min: sorted[0] ?? value, median: value, max: sorted.at(-1) ?? value };
  const holds =
    (bound?.atMost === undefined || value <= bound.atMost) &&
    (bound?.atLeast === undefined || value >= bound.atLeast);
  const goal =
    bound?.atMost !== undefined
      ? `<= ${bound.atMost} ${unit}`
      : bound?.atLeast !== undefined
        ? `>= ${bound.atLeast} ${unit}`
        : '';
  return { id, question, value, unit, spread, goal, holds };
}

/** Runs `work` a few times unmeasured, then `runs` times; milliseconds of each counted run. */
export async function repeat(
  work: () => unknown,
  { warmups = 2, runs = 7 }: { warmups?: number; runs?: number } = {},
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < warmups + runs; i++) {
    const start = performance.now();
    await work();
    if (i >= warmups) times.push(performance.now() - start);
  }
  return times;
}

const cell = new Int32Array(new SharedArrayBuffer(4));

/**
 * Processor time of this thread so far, in milliseconds: what computing alone has cost, whoever else the
 * machine worked for. Linux brings the count up to date when the thread waits, so it does, for a moment.
 */
export function processorMs(): number {
  Atomics.wait(cell, 0, 0, 0.01);
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e3;
}
