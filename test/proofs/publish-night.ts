/**
 * One night as a process of its own, to be killed: an export is built, and published to a store.
 *
 * `node publish-night.ts SETTINGS` takes JSON. At the storage step of that number it kills itself as
 * kill -9 would, before the step or after it; at the end it prints how many steps there were.
 */

import { SLTD } from '../../data-build/import/profiles/sltd.ts';
import { readKeys } from '../../data-build/keys.ts';
import { openEdition } from '../../data-build/open-edition.ts';
import { buildEdition } from '../../data-build/pipeline.ts';
import { Progress } from '../../data-build/progress.ts';
import { publishBuiltEdition } from '../../data-build/publish-edition.ts';
import { Threads } from '../../data-build/threads.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import type { ObjectStore } from '../../publish/object-store.ts';
import { openStore } from '../../publish/open-store.ts';

export interface NightSettings {
  exportFile: string;
  keysFile: string;
  buildDir: string;
  tempDir: string;
  /** Location of the store; what opens it is in the environment. */
  store: string;
  /** In milliseconds since 1970. */
  asOf: number;
  killAt?: { step: number; when: 'before' | 'after' } | undefined;
}

/** Methods that change the store, or decide what is changed. */
const STEPS = new Set(['prepare', 'put', 'list', 'flush', 'delete', 'replaceHead']);

async function main(settings: NightSettings): Promise<void> {
  const { exportFile, keysFile, buildDir, tempDir, asOf, killAt } = settings;
  const keys = readKeys(keysFile);
  const progress = new Progress(undefined);
  await buildEdition({
    ...{ profile: SLTD, files: [exportFile], keys, outDir: buildDir, collection: 'sltd', asOf },
    ...{ bitsPerKey: 8, keysPerShard: 64, probes: 5, tempRoot: tempDir, progress },
    ...{ nonMemberCount: 100, threadCount: 1 },
  });
  let steps = 0;
  const die = () => process.kill(process.pid, 'SIGKILL');
  const to = new Proxy(openStore(settings.store), {
    get: (store, name) => {
      const method = store[name as keyof ObjectStore];
      if (typeof method !== 'function') return method;
      if (!STEPS.has(String(name))) return method.bind(store);
      return async (...args: unknown[]) => {
        const isIt = ++steps === killAt?.step;
        if (isIt && killAt.when === 'before') die();
        const result = await Reflect.apply(method, store, args);
        if (isIt) die();
        return result;
      };
    },
  });
  const from = new DirectoryStore(buildDir);
  const edition = await openEdition(from, keys);
  const threads = new Threads(1);
  await publishBuiltEdition({
    ...{ from, to, edition, keys, records: undefined, threads, progress, settleMs: 1 },
  });
  threads.close();
  process.stdout.write(`${steps}\n`);
}

await main(JSON.parse(process.argv[2] ?? '{}') as NightSettings);
