/**
 * One night as a process of its own, to be killed: an export is built, and published to a store.
 *
 * `node publish-night.ts SETTINGS` takes JSON. At the storage step of that number it kills itself as
 * kill -9 would, before the step or after it; at the end it prints how many steps there were. Counted
 * are the steps in the store; without one, those of the build in its own directory.
 */

import { openEdition } from '../../data-build/edition/open-edition.ts';
import { DEFAULT_LIMITS } from '../../data-build/gates/limits.ts';
import { SLTD } from '../../data-build/import/profiles/sltd.ts';
import { importRows } from '../../data-build/key-file/import-rows.ts';
import { readKeys } from '../../data-build/keys/keys.ts';
import { PAGE_SIZES } from '../../data-build/pages/page-sizes.ts';
import { buildEdition } from '../../data-build/pipeline.ts';
import { Progress } from '../../data-build/progress.ts';
import { publishBuiltEdition } from '../../data-build/publish-edition.ts';
import { openTempDir } from '../../data-build/temp-dir.ts';
import { buildThreads } from '../../data-build/threads/build-threads.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import type { ObjectStore } from '../../publish/object-store.ts';
import { openStore } from '../../publish/open-store.ts';
import { S3Store } from '../../publish/s3-store.ts';
import { objectName, sha256 } from '../../src/format/names.ts';

export interface NightSettings {
  exportFile: string;
  keysFile: string;
  buildDir: string;
  tempDir: string;
  /** Location of the store, if it is published; what opens it is in the environment. */
  store: string | undefined;
  /** In milliseconds since 1970. */
  asOf: number;
  killAt?: { step: number; when: 'before' | 'after' } | undefined;
}

/** Methods that change the store, or decide what is changed. */
const STEPS = ['prepare', 'put', 'list', 'flush', 'delete', 'replaceHead'] as const;

type Method = (this: ObjectStore, ...args: unknown[]) => Promise<unknown>;

/** Counts the steps at a location, and dies at one of them; gives the count so far. */
function watchSteps(location: string, killAt: NightSettings['killAt']): () => number {
  let steps = 0;
  const die = () => process.kill(process.pid, 'SIGKILL');
  for (const { prototype } of [DirectoryStore, S3Store]) {
    const methods = prototype as unknown as Record<string, Method>;
    for (const name of STEPS) {
      const method = methods[name]!;
      methods[name] = async function (...args) {
        if (this.location !== location || (name === 'put' && (await changesNothing(this, args)))) {
          return method.apply(this, args);
        }
        const isIt = ++steps === killAt?.step;
        if (isIt && killAt.when === 'before') die();
        const result = await method.apply(this, args);
        if (isIt) die();
        return result;
      };
    }
  }
  return () => steps;
}

/** Whether a put finds its object there, and leaves it: no step, and a build has some hundred. */
async function changesNothing(store: ObjectStore, args: unknown[]): Promise<boolean> {
  const [folder, bytes, options] = args as Parameters<ObjectStore['put']>;
  return !options?.overwrite && (await store.exists(objectName(folder, await sha256(bytes))));
}

async function main(settings: NightSettings): Promise<void> {
  const { exportFile, keysFile, buildDir, tempDir, asOf, killAt } = settings;
  const stepCount = watchSteps(settings.store ?? buildDir, killAt);
  const keys = readKeys(keysFile);
  const progress = new Progress(undefined);
  await buildEdition({
    ...{ profile: SLTD, files: [exportFile], keys, outDir: buildDir, collection: 'sltd', asOf },
    ...{ ...PAGE_SIZES, keysPerShard: 64, tempRoot: tempDir, progress },
    ...{ nonMemberCount: 100, threadCount: 1 },
  });
  if (settings.store !== undefined) await publish(settings, settings.store);
  process.stdout.write(`${stepCount()}\n`);
}

/** As `sltd publish` does: every record is asked of the store before its head moves. */
async function publish({ exportFile, keysFile, buildDir, tempDir }: NightSettings, store: string) {
  const keys = readKeys(keysFile);
  const progress = new Progress(undefined);
  const from = new DirectoryStore(buildDir);
  const temp = openTempDir(tempDir);
  const threads = buildThreads(1);
  try {
    const options = {
      profile: SLTD,
      files: [exportFile],
      rejectsPath: undefined,
      signal: undefined,
    };
    const { keyFile } = await importRows(options, { tempDir: temp.path, progress, threads });
    await publishBuiltEdition({
      ...{ from, to: openStore(store), edition: await openEdition(from, keys), keys, threads },
      ...{ records: keyFile, progress, settleMs: 1, gates: { limits: DEFAULT_LIMITS } },
    });
  } finally {
    threads.close();
    temp.remove();
  }
}

await main(JSON.parse(process.argv[2] ?? '{}') as NightSettings);
