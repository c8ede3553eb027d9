/** A nightly job of its own: its settings file, folders to deliver into, and its nights in process. */

import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { readConfig } from '../../data-build/nightly/config.ts';
import { type NightResult, runNight } from '../../data-build/nightly/run.ts';
import { Progress } from '../../data-build/progress.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { sltdCsv, type Workspace } from './workspace.ts';

/** Rows of documents A0, A1, ... of a state. */
export const rows = (count: number, state = 'UTO'): string[] =>
  Array.from({ length: count }, (_, i) => `${state},PAS,A${i},,,lost,2025-01-30`);

/** An export of these rows. */
export const csv = (lines: string[]): string =>
  sltdCsv(...lines).replace('category\n', 'category,reported_at\n');

/** A job in the folder `name`, with these feeds; `more` are settings before them. */
export function nightlyJob(space: Workspace, name: string, feeds: string, more = '') {
  const dir = space.path(name);
  mkdirSync(dir);
  const file = join(dir, 'sltd.toml');
  const head = `keys = ${JSON.stringify(space.keysPath)}\nstate = "state"\nprofile = "sltd"\n`;
  writeFileSync(file, `${head}${more}\n${feeds}`);
  const stateDir = join(dir, 'state');
  return {
    ...{ dir, file, stateDir },
    /** Writes a file; at a time of `writtenAt`, in milliseconds since 1970. */
    deliver: (path: string, content: string | Uint8Array, writtenAt?: number) => {
      mkdirSync(join(dir, path, '..'), { recursive: true });
      writeFileSync(join(dir, path), content);
      if (writtenAt) utimesSync(join(dir, path), writtenAt / 1000, writtenAt / 1000);
    },
    run: (signal = new AbortController().signal): Promise<NightResult> =>
      runNight({ config: readConfig(file), progress: new Progress(undefined), signal }),
    edition: () => openEdition(new DirectoryStore(join(stateDir, 'edition')), space.keys),
  };
}
