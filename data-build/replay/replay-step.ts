/** The replay as a step of a build: the edition in force and a file of operations against the new one. */

import { type ReadableStore, readObject } from '../../publish/read-object.ts';
import type { Head } from '../../src/format/head.ts';
import { type Manifest, openManifest } from '../../src/format/manifest.ts';
import { verifyKeys, verifyObject } from '../../src/format/signature.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import { epochKeyOf, type KeysOf, publicKeysText } from '../keys/keys.ts';
import { readMatcherModule } from '../matcher-module.ts';
import { readOperationFile } from './operation-file.ts';
import { checkReplay, type ReplayResult, replayMatches } from './replay-editions.ts';

export interface ReplayStepOptions {
  store: ReadableStore;
  keys: KeysOf<'epochKey' | 'edition' | 'head'>;
  /** The head in force. */
  before: Head;
  next: Manifest;
  /** As `central operations` writes it. */
  operationsFile: string;
  signal?: AbortSignal | undefined;
}

/** Throws 'replay-differs' unless the edition in force and the operations make the next edition. */
export async function checkReplayOfFile(options: ReplayStepOptions): Promise<ReplayResult> {
  const { store, keys, before, next, operationsFile, signal } = options;
  const { manifestSha256: sha256, manifestLength: length } = before;
  const bytes = await readObject(store, 'manifests', { sha256, length });
  await verifyObject(bytes, await verifyKeys(publicKeysText(keys, 'edition')));
  const result = await replayMatches({
    ...{ store, base: openManifest(bytes), next, epochKey: epochKeyOf(keys), signal },
    matcher: new WasmMatcher(readMatcherModule()),
    operations: readOperationFile(operationsFile),
  });
  checkReplay(result);
  return result;
}
