/**
 * A list larger than the real one is built on a small machine, and every record asked of the result.
 *
 * The export of the full size takes longer to make than to build. If SLTD_EXPORT names one of just as many
 * rows, it is read where it lies (`sltd generate --rows N --seed S --out FILE`).
 */

import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Proof } from './proof.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SAMPLE_EVERY_MS = 200;
/** Goals for 150 M rows on 2 cores. */
const MICROSECONDS_A_ROW = 2.0;
const MEMORY_BYTES = 4e9;
const TEMP_BYTES = 6e9;
/** Spill files of a few rows are not smaller than this. */
const RESEEDED_SHARE = 0.01;
const SHARD_MS = 20;
const TEMP_BYTES_MIN = 16e6;
const FULL_ROWS = 150_000_000;

/** What of the summary of `sltd build` is read here. */
interface BuildSummary {
  rows: number;
  keys: number;
  records: number;
  asked: number;
  missing: number;
  wrongCategory: number;
  strangers: number;
  falseCandidates: number;
  times: { step: string; seconds: number; cpuSeconds: number }[];
  peakMemoryBytes: number;
  reseededShards: number;
  slowestShardMs: number;
  states: { shards: number }[];
}

export const scale: Proof = {
  name: 'scale',
  claim:
    'an export of 150 M rows becomes an edition in 2.0 us a row on two cores, in 4 GB of memory and ' +
    '6 GB of temporary disk, and every record is asked of the written pages; one shard in a hundred ' +
    'needs a second seed and none 20 ms of a processor; a smaller list takes as much disk a row',
  sizes: { full: FULL_ROWS, small: 40_000, unit: 'rows' },
  async run({ seed, size, workDir, progress }) {
    const given = process.env.SLTD_EXPORT;
    const exportFile = given ?? join(workDir, 'export.csv');
    const keysFile = join(workDir, 'keys.json');
    const tempDir = join(workDir, 'temp');
    mkdirSync(tempDir);
    await sltd(['keys', '--out', keysFile], progress);
    const rows = ['--rows', String(size), '--seed', String(seed)];
    if (given === undefined) await sltd(['generate', ...rows, '--out', exportFile], progress);
    let tempBytes = 0;
    const sample = setInterval(() => {
      tempBytes = Math.max(tempBytes, bytesBelow(tempDir));
    }, SAMPLE_EVERY_MS);
    const startedAt = performance.now();
    const build = ['build', '--profile', 'sltd', '--keys', keysFile, '--temp', tempDir];
    const stdout = await sltd(
      [...build, '--out', join(workDir, 'editions'), exportFile],
      progress,
    ).finally(() => clearInterval(sample));
    const seconds = (performance.now() - startedAt) / 1000;
    const summary = JSON.parse(stdout) as BuildSummary;
    const isVerified =
      summary.rows === size &&
      summary.asked === summary.keys &&
      [summary.missing, summary.wrongCategory, summary.strangers].every((count) => count === 0);
    const microseconds = (1e6 * seconds) / size;
    const cpuSeconds = summary.times.reduce((sum, time) => sum + time.cpuSeconds, 0);
    const shards = summary.states.reduce((sum, state) => sum + state.shards, 0);
    // What a process needs to start at all says nothing about a list: time and memory count in full.
    const isFull = size >= FULL_ROWS;
    const isFast = !isFull || microseconds <= MICROSECONDS_A_ROW;
    const isSmall = !isFull || summary.peakMemoryBytes <= MEMORY_BYTES;
    const fitsDisk = tempBytes <= Math.max(TEMP_BYTES_MIN, (TEMP_BYTES * size) / FULL_ROWS);
    // Of a few shards some may well need a second seed, and the first one has the compiler's time too.
    const isEven =
      !isFull ||
      (summary.reseededShards <= RESEEDED_SHARE * shards && summary.slowestShardMs <= SHARD_MS);
    return {
      holds: isVerified && isFast && isSmall && fitsDisk && isEven,
      figure:
        `${summary.records} records of ${size} rows in ${seconds.toFixed(1)} s, ` +
        `${microseconds.toFixed(2)} us a row (${cpuSeconds.toFixed(1)} s of processor time); peak memory ${gigabytes(summary.peakMemoryBytes)}, ` +
        `temporary disk ${gigabytes(tempBytes)}; ${summary.asked} keys asked, ` +
        `${summary.missing} missing; ${summary.reseededShards} of ${shards} shards reseeded, ` +
        `the slowest ${summary.slowestShardMs.toFixed(1)} ms of a processor`,
      details: {
        ...{ rows: size, keys: summary.keys, records: summary.records, asked: summary.asked },
        ...{ missing: summary.missing, wrongCategory: summary.wrongCategory },
        ...{ strangers: summary.strangers, falseCandidates: summary.falseCandidates },
        ...{
          seconds,
          microseconds,
          cpuSeconds,
          tempBytes,
          peakMemoryBytes: summary.peakMemoryBytes,
        },
        ...{ shards, reseededShards: summary.reseededShards },
        slowestShardMs: summary.slowestShardMs,
        exportBytes: statSync(exportFile).size,
        ...Object.fromEntries(
          summary.times.flatMap(({ step, seconds, cpuSeconds }) => [
            [`${step}Seconds`, seconds],
            [`${step}CpuSeconds`, cpuSeconds],
          ]),
        ),
      },
    };
  },
};

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

/** Runs the command line tool; answers its standard output, passes on its progress. */
function sltd(args: readonly string[], progress: (text: string) => void): Promise<string> {
  const child = spawn(process.execPath, ['data-build/cli.ts', ...args], { cwd: ROOT });
  let stdout = '';
  let lastLine = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    lastLine = String(chunk).trimEnd().split('\n').at(-1) ?? '';
    progress(lastLine);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`sltd ${args[0]} ended with ${code}: ${lastLine}`));
    });
  });
}

/** Bytes of all files in a folder; those that go away meanwhile count nothing. */
function bytesBelow(dir: string): number {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true });
  return files.reduce((sum, file) => {
    const stat = statSync(join(file.parentPath, file.name), { throwIfNoEntry: false });
    return sum + (stat?.isFile() ? stat.size : 0);
  }, 0);
}
