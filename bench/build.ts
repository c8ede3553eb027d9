/**
 * The whole nightly build, from CSV to a verified edition, as a person would run it.
 *
 * Peak memory is the process's own, as the operating system accounts it (ru_maxrss).
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Measurement, measured } from './measurement.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ROWS = 10_000_000;
const RUNS = 3;

/** The build's own account of its peak memory, from the summary on its standard output. */
function peakMemoryBytes(summary: string): number {
  const { peakMemoryBytes: bytes } = JSON.parse(summary) as { peakMemoryBytes: number };
  return bytes;
}

export function wholeBuild(): Measurement[] {
  const workDir = mkdtempSync(join(tmpdir(), 'sltd-bench-build-'));
  try {
    const sltd = (...args: string[]) =>
      execFileSync(process.execPath, ['data-build/cli.ts', ...args], { cwd: ROOT, stdio: 'pipe' });
    const keysFile = join(workDir, 'keys.json');
    const exportFile = join(workDir, 'export.csv');
    sltd('keys', '--out', keysFile);
    sltd('generate', '--rows', String(ROWS), '--seed', '1', '--out', exportFile);
    const seconds: number[] = [];
    const gigabytes: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const editionDir = join(workDir, `editions-${run}`);
      const start = performance.now();
      const summary = sltd(
        ...['build', '--profile', 'sltd', '--keys', keysFile, '--out', editionDir, exportFile],
      );
      seconds.push((performance.now() - start) / 1000);
      gigabytes.push(peakMemoryBytes(summary.toString()) / 1e9);
      rmSync(editionDir, { recursive: true });
    }
    const sizeGb = statSync(exportFile).size / 1e9;
    return [
      measured(
        {
          id: 'build-10m-seconds',
          question: `sltd build of ${ROWS / 1e6} M rows from CSV (${sizeGb.toFixed(1)} GB), verified`,
          unit: 's',
        },
        seconds,
        { atMost: 45 },
      ),
      measured({ id: 'build-10m-memory', question: 'its peak memory', unit: 'GB' }, gigabytes, {
        atMost: 2,
      }),
    ];
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
}
