/**
 * The last step of a night with a store: the edition in force here comes in force there.
 *
 * Every record is asked of the store before its head moves (publish-edition.ts). What is in force there
 * already, under the same permit, is left alone. A list that the store was rolled back from is not brought back by a job that runs
 * every night (gates/was-replaced.ts): a person publishes it, if it is right after all.
 */

import { join } from 'node:path';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { readHead } from '../../publish/head.ts';
import { openStore } from '../../publish/open-store.ts';
import { equalBytes } from '../../src/format/names.ts';
import { openEdition } from '../edition/open-edition.ts';
import { bytesOf } from '../import/read-export.ts';
import { importRows } from '../key-file/import-rows.ts';
import { headSignerOf } from '../keys/head-signer.ts';
import type { KeysOf } from '../keys/keys.ts';
import type { Progress } from '../progress.ts';
import { type PublishSummary, publishBuiltEdition } from '../publish-edition.ts';
import { openTempDir } from '../temp-dir.ts';
import { buildThreads } from '../threads/build-threads.ts';
import { threadCountFor } from '../threads/threads.ts';
import type { NightlyConfig } from './config.ts';

interface PublishNight {
  config: NightlyConfig;
  /** Location of the store. */
  store: string;
  keys: KeysOf<'epochKey' | 'edition' | 'overlay' | 'head'>;
  /** Files that the edition was built from, in order. */
  files: readonly string[];
  progress: Progress;
  signal: AbortSignal;
}

/** What was done; undefined if the edition is in force there under its newest permit. Throws 'gate-refused' as passStoreGates() does. */
export async function publishNight(night: PublishNight): Promise<PublishSummary | undefined> {
  const { config, keys, files, progress, signal } = night;
  const { profile } = config;
  const from = new DirectoryStore(join(config.stateDir, 'edition'));
  const to = openStore(night.store);
  const edition = await openEdition(from, keys);
  const { trusted } = await headSignerOf(keys);
  const { manifestSha256 } = edition.head;
  const inForce = await readHead(to, trusted);
  const isInForce = inForce !== undefined && equalBytes(inForce.manifestSha256, manifestSha256);
  if (isInForce && inForce.permittedAt >= edition.head.permittedAt) return undefined;

  const temp = openTempDir(config.build.temp);
  const threads = buildThreads(threadCountFor(bytesOf(files)));
  try {
    progress.start('records');
    const options = { profile, files, rejectsPath: undefined, signal };
    const { keyFile } = await importRows(options, { tempDir: temp.path, progress, threads });
    return await publishBuiltEdition({
      ...{ from, to, edition, keys, records: keyFile, threads, progress, signal },
      gates: { limits: config.limits, log: config.log },
    });
  } finally {
    threads.close();
    temp.remove();
  }
}
