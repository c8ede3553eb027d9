/** Small editions of some nights, built for real, and one store that they are published to. */

import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { Progress } from '../../data-build/progress.ts';
import { publishBuiltEdition } from '../../data-build/publish-edition.ts';
import { buildThreads } from '../../data-build/threads/build-threads.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { build, sltdCsv, type Workspace } from '../data-build/workspace.ts';

/** An export in which `rows` are listed, built as of day `night` of January 2026; the directory. */
export async function buildNight(
  space: Workspace,
  night: number,
  rows: readonly string[],
): Promise<{ dir: string; edition: string; file: string }> {
  const name = `night-${night}-${rows.length}`;
  const file = space.write(`${name}.csv`, sltdCsv(...rows));
  const dir = space.path(name);
  const asOf = Date.UTC(2026, 0, night);
  const { edition } = await build(space, { files: [file], outDir: dir, asOf, keysPerShard: 64 });
  return { dir, edition, file };
}

/** Publishes by hashes; the sequence. */
export async function publishNight(
  space: Workspace,
  dir: string,
  store: DirectoryStore,
): Promise<number> {
  const from = new DirectoryStore(dir);
  const threads = buildThreads(1);
  try {
    const { sequence } = await publishBuiltEdition({
      ...{ from, to: store, edition: await openEdition(from, space.keys), keys: space.keys },
      ...{ records: undefined, threads, progress: new Progress(undefined), settleMs: 1 },
    });
    return sequence;
  } finally {
    threads.close();
  }
}

/** Makes every object of the store older. */
export function age(store: DirectoryStore, ms: number): void {
  for (const folder of ['pages', 'manifests', 'overlays', 'history']) {
    for (const name of readdirSync(join(store.location, folder))) {
      const path = join(store.location, folder, name);
      const at = new Date(Date.now() - ms);
      utimesSync(path, at, at);
    }
  }
}
