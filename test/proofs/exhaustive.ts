/** Every record of a large export is found in the published bytes, and nothing else is. */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Proof } from './proof.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Documents nobody reported, for each one that somebody did. */
const NON_MEMBERS_PER_ROW = 10;
/** How far the filter's measured rate may be from theory. */
const RATE_TOLERANCE = 0.1;

interface VerifySummary {
  records: number;
  missing: number;
  nonMembers: number;
  filterRate: number;
  filterRateTheory: number;
  falseCandidates: number;
  referenceChecked: number;
}

export const exhaustive: Proof = {
  name: 'exhaustive',
  claim:
    'every generated record is found through the published bytes; of ten times as many others none ' +
    "passes the match page, and the filter's rate is within 10 % of theory",
  sizes: { full: 1_000_000, small: 50_000, unit: 'rows' },
  async run({ seed, size, workDir, progress }) {
    const sltd = async (...args: string[]) => {
      progress(args[0] as string);
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['data-build/cli.ts', ...args],
        {
          cwd: ROOT,
          maxBuffer: 1 << 26,
        },
      );
      return stdout;
    };
    const exportFile = join(workDir, 'export.csv');
    const keysFile = join(workDir, 'keys.json');
    const editionDir = join(workDir, 'editions');
    const input = ['--profile', 'sltd', '--keys', keysFile, exportFile];
    await sltd('keys', '--out', keysFile);
    await sltd('generate', '--rows', String(size), '--seed', String(seed), '--out', exportFile);
    await sltd('build', '--out', editionDir, ...input);
    // Those that are drawn and turn out to be listed do not count.
    const nonMembers = String(Math.ceil(size * NON_MEMBERS_PER_ROW * 1.001));
    const stdout = await sltd('verify', editionDir, '--non-members', nonMembers, ...input);
    const summary = JSON.parse(stdout) as VerifySummary;
    const rateError = Math.abs(summary.filterRate / summary.filterRateTheory - 1);
    return {
      holds:
        summary.records >= size &&
        summary.missing === 0 &&
        summary.nonMembers >= size * NON_MEMBERS_PER_ROW &&
        summary.falseCandidates === 0 &&
        rateError <= RATE_TOLERANCE,
      figure:
        `${summary.records} records, ${summary.missing} missing; ${summary.nonMembers} non-members, ` +
        `${summary.falseCandidates} false candidates; filter rate ${(summary.filterRate * 100).toFixed(3)} %, ` +
        `theory ${(summary.filterRateTheory * 100).toFixed(3)} %`,
      details: { ...summary, rateError },
    };
  },
};
