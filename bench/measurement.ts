/** One answered question of a benchmark, as it goes to bench/results/*.json and onto the terminal. */

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

/** A measurement from repeated runs: the median counts, minimum and maximum tell the noise. */
export function measured(
  { id, question, unit }: { id: string; question: string; unit: string },
  values: readonly number[],
  bound?: { atMost?: number; atLeast?: number },
): Measurement {
  const sorted = [...values].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const spread = { min: sorted[0] ?? median, median, max: sorted.at(-1) ?? median };
  const holds =
    (bound?.atMost === undefined || median <= bound.atMost) &&
    (bound?.atLeast === undefined || median >= bound.atLeast);
  const goal =
    bound?.atMost !== undefined
      ? `<= ${bound.atMost} ${unit}`
      : bound?.atLeast !== undefined
        ? `>= ${bound.atLeast} ${unit}`
        : '';
  return { id, question, value: median, unit, spread, goal, holds };
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
