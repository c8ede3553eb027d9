/**
 * A sample of the export through the second matcher, written from docs/format.md alone: it must say
 * what the shipped one says, for listed documents and for others.
 */

import { type ReadableStore, readObject } from '../../publish/read-object.ts';
import type { CanonicalKey } from '../../src/document/canonical-key.ts';
import { SltdError } from '../../src/errors.ts';
import type { Manifest } from '../../src/format/manifest.ts';
import type { Digests } from '../../src/matcher/matcher.ts';
import { ReferenceMatcher } from '../../src/matcher/reference-matcher.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import { type KeyFile, readKeyFile } from '../key-file/key-file.ts';
import { readMatcherModule } from '../matcher-module.ts';
import { NonMembers } from './non-members.ts';

/** Documents of each kind; the second matcher takes some 100 us for one. */
const SAMPLE_KEYS = 2_000;

export interface ReferenceResult {
  /** Documents that both were asked for. */
  checked: number;
  /** Documents on which they differ. Must be 0. */
  differs: number;
}

interface ReferenceOptions {
  store: ReadableStore;
  manifest: Manifest;
  epochKey: Uint8Array;
  keyFile: KeyFile;
}

/** Both matchers on a sample spread over the whole export, and on as many made-up documents. */
export async function checkReference(options: ReferenceOptions): Promise<ReferenceResult> {
  const { store, manifest, epochKey } = options;
  const keys = sampleOf(options.keyFile);
  const states = [...manifest.states()].filter(({ recordCount }) => recordCount > 0);
  if (states.length > 0) keys.push(...new NonMembers(states).next(SAMPLE_KEYS));
  const wasm = new WasmMatcher(readMatcherModule());
  const reference = new ReferenceMatcher();
  const digests = wasm.digests(keys, epochKey);
  const otherDigests = reference.digests(keys, epochKey);

  const result = { checked: keys.length, differs: 0 };
  for (const [row, indexes] of byShardRow(manifest, keys, digests)) {
    const filter = await readObject(store, 'pages', manifest.page('filter', row));
    const match = await readObject(store, 'pages', manifest.page('match', row));
    const own = pick(digests, indexes);
    const others = pick(otherDigests, indexes);
    const answers = [wasm.mayContain(filter, own), wasm.match(match, own)];
    const otherAnswers = [reference.mayContain(filter, others), reference.match(match, others)];
    for (let i = 0; i < indexes.length; i++) {
      const isSame =
        [0, 1, 2, 3].every((word) => own[4 * i + word] === others[4 * i + word]) &&
        answers.every((answer, stage) => answer[i] === otherAnswers[stage]![i]);
      if (!isSame) result.differs++;
    }
  }
  return result;
}

function sampleOf(keyFile: KeyFile): CanonicalKey[] {
  const every = Math.max(1, Math.floor(keyFile.keyCount / SAMPLE_KEYS));
  const sample: CanonicalKey[] = [];
  let index = 0;
  for (const [key] of readKeyFile(keyFile)) if (index++ % every === 0) sample.push(key);
  return sample;
}

/** Indexes of the keys by the shard row they fall into: each page is then read once. */
function byShardRow(
  manifest: Manifest,
  keys: readonly CanonicalKey[],
  digests: Digests,
): Map<number, number[]> {
  const rows = new Map<number, number[]>();
  keys.forEach((key, index) => {
    const state = manifest.state(key.substring(1, 4).replaceAll('<', ''));
    if (!state) throw new SltdError('verify-failed', { detail: 'a state has no row' });
    const shard = Math.floor((digests[4 * index + 3]! * state.shardCount) / 2 ** 32);
    const row = state.firstShard + shard;
    const indexes = rows.get(row);
    if (indexes) indexes.push(index);
    else rows.set(row, [index]);
  });
  return rows;
}

const pick = (digests: Digests, indexes: readonly number[]): Digests =>
  Uint32Array.from(indexes.flatMap((index) => [...digests.subarray(4 * index, 4 * index + 4)]));
