/**
 * The whole nightly build, from CSV to a verified edition, as a person would run it, by size of the list.
 *
 * Peak memory is the process's own, as the operating system accounts it (ru_maxrss).
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BenchSize, type Finding, type Measurement, measured, median } from './measurement.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const STDOUT_BYTES_MAX = 2 ** 26;
/** The whole world, planned for: 100 M records today. */
const FULL_ROWS = 150_000_000;

/** Rows of a list, smallest first, and how often each is built. */
const SIZES: Record<BenchSize, readonly { rows: number; runs: number }[]> = {
  test: [{ rows: 1_000, runs: 1 }],
  small: [
    { rows: 1_000_000, runs: 3 },
    { rows: 10_000_000, runs: 3 },
  ],
  full: [
    { rows: 1_000_000, runs: 5 },
    { rows: 10_000_000, runs: 3 },
    { rows: FULL_ROWS, runs: 1 },
  ],
};
/** Seconds and gigabytes. */
const GOALS: Record<number, { seconds: number; memory: number }> = {
  10000000: { seconds: 45, memory: 2 },
  [FULL_ROWS]: { seconds: 300, memory: 4 },
};
const GROWTH_MAX = 1.15;

/** What of the summary on standard output is read here. */
interface Summary {
  peakMemoryBytes: number;
  times: { step: string; seconds: number }[];
}

interface Built {
  rows: number;
  exportGb: number;
  seconds: number[];
  gigabytes: number[];
  /** Of the last run. */
  steps: Summary['times'];
}

function sltd(...args: string[]): string {
  return execFileSync(process.execPath, ['data-build/cli.ts', ...args], {
    ...{ cwd: ROOT, maxBuffer: STDOUT_BYTES_MAX, stdio: ['ignore', 'pipe', 'ignore'] },
  }).toString();
}

function buildOf(rows: number, runs: number): Built {
  const workDir = mkdtempSync(join(tmpdir(), 'sltd-bench-build-'));
  try {
    const keysFile = join(workDir, 'keys.json');
    const exportFile = join(workDir, 'export.csv');
    sltd('keys', '--out', keysFile);
    sltd('generate', '--rows', String(rows), '--seed', '1', '--out', exportFile);
    const built: Built = {
      ...{ rows, exportGb: statSync(exportFile).size / 1e9, seconds: [], gigabytes: [], steps: [] },
    };
    for (let run = 0; run < runs; run++) {
      const out = join(workDir, `editions-${run}`);
      const start = performance.now();
      const stdout = sltd(
        ...['build', '--profile', 'sltd', '--keys', keysFile, '--out', out, exportFile],
      );
      built.seconds.push((performance.now() - start) / 1000);
      const summary = JSON.parse(stdout) as Summary;
      built.gigabytes.push(summary.peakMemoryBytes / 1e9);
      built.steps = summary.times;
      rmSync(out, { recursive: true });
    }
    return built;
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
}

function ofSize({ rows, exportGb, seconds, gigabytes }: Built): Measurement[] {
  const name = rows >= 1e6 ? `${rows / 1e6} M` : String(rows);
  const id = `build-${name.replace(' ', '').toLowerCase()}`;
  const goal = GOALS[rows];
  const atMost = (bound: number | undefined) => (bound === undefined ? {} : { atMost: bound });
  return [
    measured(
      {
        id: `${id}-seconds`,
        question: `sltd build of ${name} rows from CSV (${exportGb.toFixed(1)} GB), verified`,
        unit: 's',
      },
      seconds,
      atMost(goal?.seconds),
    ),
    measured(
      { id: `${id}-row`, question: 'the same, by row', unit: 'us' },
      seconds.map((s) => (1e6 * s) / rows),
    ),
    measured(
      { id: `${id}-memory`, question: 'its peak memory', unit: 'GB' },
      gigabytes,
      atMost(goal?.memory),
    ),
  ];
}

/** Every list of the size, how the cost of a row grows with the list, and where it goes. */
export function wholeBuild(size: BenchSize): Finding[] {
  const all = SIZES[size].map(({ rows, runs }) => buildOf(rows, runs));
  const [first, last] = [all[0]!, all.at(-1)!];
  const perRow = ({ rows, seconds }: Built) => median(seconds) / rows;
  const rows = { label: 'rows of the list', scale: 'log' } as const;
  return [
    ...all.flatMap(ofSize),
    measured(
      {
        id: 'build-growth',
        question: `cost of a row of ${last.rows.toLocaleString('en-US')}, against one of ${first.rows.toLocaleString('en-US')}`,
        unit: 'times',
      },
      [perRow(last) / perRow(first)],
      { atMost: GROWTH_MAX },
    ),
    {
      ...{ id: 'plot-build-throughput', title: 'The nightly build, by size of the list' },
      ...{ x: rows, y: { label: 'rows a second, median', scale: 'linear' } },
      series: [
        {
          name: 'sltd build',
          points: all.map((built) => ({ x: built.rows, y: 1 / perRow(built) })),
        },
      ],
    },
    {
      ...{ id: 'plot-build-steps', title: 'Where the time of a row goes' },
      ...{ x: rows, y: { label: 'us a row', scale: 'linear' } },
      series: last.steps.map(({ step }) => ({
        name: step,
        points: all.map((built) => ({
          ...{ x: built.rows },
          y: (1e6 * (built.steps.find((other) => other.step === step)?.seconds ?? 0)) / built.rows,
        })),
      })),
    },
  ];
}
