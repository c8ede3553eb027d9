/** The pages of an export do not depend on who builds them, or in which order its rows stand. */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateExport } from '../../data-build/generate/write-export.ts';
import { SLTD } from '../../data-build/import/profiles/sltd.ts';
import { createKeys } from '../../data-build/keys/keys.ts';
import { PAGE_SIZES } from '../../data-build/pages/page-sizes.ts';
import { buildEdition } from '../../data-build/pipeline.ts';
import { Progress } from '../../data-build/progress.ts';
import { type Proof, randomSource } from './proof.ts';

export const sameBytes: Proof = {
  name: 'same-bytes',
  claim:
    'the same export under the same keys gives byte-identical pages with any number of threads and ' +
    'in any order of its rows',
  sizes: { full: 1_000_000, small: 20_000, unit: 'rows' },
  async run({ seed, size, workDir, progress }) {
    const none = new Progress(undefined);
    const exportFile = join(workDir, 'export.csv');
    await generateExport({
      ...{ rowCount: size, seed, path: exportFile, format: 'csv', malformedCount: 0 },
      progress: none,
    });
    const shuffledFile = join(workDir, 'shuffled.csv');
    shuffleRows(exportFile, shuffledFile, seed);
    const keys = createKeys();
    const builds = [
      { file: exportFile, threadCount: 1 },
      { file: exportFile, threadCount: 2 },
      { file: exportFile, threadCount: 5 },
      { file: shuffledFile, threadCount: 3 },
    ];
    const editions: Map<string, string>[] = [];
    for (const [index, { file, threadCount }] of builds.entries()) {
      progress(`build ${index + 1} of ${builds.length}, ${threadCount} threads`);
      const outDir = join(workDir, `edition-${index}`);
      await buildEdition({
        ...{ profile: SLTD, files: [file], keys, outDir, collection: 'sltd', threadCount },
        ...{ ...PAGE_SIZES, keysPerShard: Math.max(64, Math.ceil(size / 100)) },
        ...{ tempRoot: workDir, nonMemberCount: 1_000, progress: none },
      });
      editions.push(pagesOf(outDir));
    }
    const [first, ...others] = editions as [Map<string, string>, ...Map<string, string>[]];
    const differing = others.reduce((sum, other) => sum + differences(first, other), 0);
    return {
      holds: differing === 0 && first.size > 0,
      figure: `${first.size} pages in ${builds.length} builds, ${differing} of them differ`,
      details: { pages: first.size, builds: builds.length, differing },
    };
  },
};

/** The rows below the header in another order; no row of a generated export has a line break in it. */
function shuffleRows(from: string, to: string, seed: number): void {
  const [header, ...rows] = readFileSync(from, 'utf8').trimEnd().split('\n');
  const random = randomSource(seed);
  for (let i = rows.length - 1; i > 0; i--) {
    const other = random.below(i + 1);
    [rows[i], rows[other]] = [rows[other] as string, rows[i] as string];
  }
  writeFileSync(to, `${[header, ...rows].join('\n')}\n`);
}

/** SHA-256 of every page, by its name: read anew, because a name proves nothing by itself. */
function pagesOf(dir: string): Map<string, string> {
  const names = readdirSync(join(dir, 'pages'), { recursive: true, withFileTypes: true });
  return new Map(
    names
      .filter((entry) => entry.isFile())
      .map((entry) => [
        entry.name,
        createHash('sha256')
          .update(readFileSync(join(entry.parentPath, entry.name)))
          .digest('hex'),
      ]),
  );
}

function differences(one: Map<string, string>, other: Map<string, string>): number {
  const names = new Set([...one.keys(), ...other.keys()]);
  return [...names].filter((name) => one.get(name) !== other.get(name)).length;
}
