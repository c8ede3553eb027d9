/**
 * No broken export is taken in silence: each mutation of a good one is refused with a stable code, or
 * every record of it can be found.
 *
 * Each is built, with the good edition in force, as `sltd build` does: gates, verification and all. Where a
 * build is refused for its rejected rows, it is built once more with all of them allowed, so that the
 * accounts behind the refusal are looked at too: rows = accepted + rejected, and the good records that the
 * pages do not find are no more than the rows that were rejected.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEdition } from '../../data-build/edition/open-edition.ts';
import { SLTD } from '../../data-build/import/profiles/sltd.ts';
import { createKeys, type KeysFile } from '../../data-build/keys/keys.ts';
import { readMatcherModule } from '../../data-build/matcher-module.ts';
import { PAGE_SIZES } from '../../data-build/pages/page-sizes.ts';
import { buildEdition } from '../../data-build/pipeline.ts';
import { DirectoryStore } from '../../publish/directory-store.ts';
import { canonicalKey } from '../../src/document/canonical-key.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { SltdError } from '../../src/errors.ts';
import { HEAD_NAME, objectName } from '../../src/format/names.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import { GOLDEN_RECORDS, goldenCsv, MUTATIONS, type Mutation } from './mutations.ts';
import { type Proof, type ProofResult, randomSource } from './proof.ts';

const module = readMatcherModule();

interface Outcome {
  /** What refused it, or 'published'. */
  result: string;
  /** What is wrong with that; empty if it is as it must be. */
  faults: string[];
}

export const exportMutations: Proof = {
  name: 'export-mutations',
  claim:
    'each broken export is refused with a stable code or right, and no record is lost in silence',
  sizes: { full: MUTATIONS.length, small: 20, unit: 'mutations of one export' },
  async run({ seed, size, workDir, progress }): Promise<ProofResult> {
    const keys = createKeys();
    const golden = join(workDir, 'golden');
    const file = join(workDir, 'golden.csv');
    writeFileSync(file, goldenCsv());
    const { edition } = await build({ file, outDir: golden, keys, workDir });
    const inForce = [HEAD_NAME, `reports/${edition}.json`].map(
      (name) => [name, readFileSync(join(golden, name))] as const,
    );
    const chosen = choose(size, seed);
    const results = new Map<string, number>();
    const faults: string[] = [];
    for (const [index, mutation] of chosen.entries()) {
      progress(`${index} of ${chosen.length}: ${mutation.name}`);
      const outcome = await tryOut(mutation, { golden, keys, workDir, index });
      // The good edition again: its objects are all there, under the names of their content.
      for (const [name, bytes] of inForce) writeFileSync(join(golden, name), bytes);
      results.set(outcome.result, (results.get(outcome.result) ?? 0) + 1);
      faults.push(...outcome.faults.map((fault) => `${mutation.name}: ${fault}`));
    }
    const published = results.get('published') ?? 0;
    return {
      holds: faults.length === 0,
      figure:
        `${chosen.length} mutations: ${chosen.length - published} refused, ${published} right, ` +
        `${faults.length} faults${faults.length > 0 ? `: ${faults.join('; ')}` : ''}`,
      details: { mutations: chosen.length, faults: faults.length, ...Object.fromEntries(results) },
    };
  },
};

/** So many mutations, other ones for another seed. */
function choose(size: number, seed: number): Mutation[] {
  const random = randomSource(seed);
  const left = [...MUTATIONS];
  while (left.length > size) left.splice(random.below(left.length), 1);
  return left;
}

interface World {
  golden: string;
  keys: KeysFile;
  workDir: string;
  index: number;
}

async function tryOut(mutation: Mutation, world: World): Promise<Outcome> {
  const { workDir, index } = world;
  const file = join(workDir, mutation.fileName ?? `mutated-${index}.csv`);
  writeFileSync(file, mutation.bytes());
  const first = await attempt(mutation, { ...world, file });
  if (first.result !== 'input-rejects') return first;
  // Refused, so the good edition is still in force.
  const second = await attempt(mutation, { ...world, file, allowRejects: true });
  return { result: first.result, faults: [...first.faults, ...second.faults] };
}

interface Attempt extends World {
  file: string;
  allowRejects?: boolean;
}

async function attempt(mutation: Mutation, world: Attempt): Promise<Outcome> {
  const { golden: outDir, keys, allowRejects = false } = world;
  const head = readFileSync(join(outDir, HEAD_NAME));
  const faults: string[] = [];
  let result = 'published';
  try {
    const summary = await build({ ...world, outDir, asOf: mutation.asOf });
    if (summary.rows !== summary.accepted + summary.rejected) faults.push('rows do not add up');
    if (summary.verified.missing > 0) faults.push('an accepted key is not found');
    const missing = await missingRecords(outDir, keys);
    if (missing > summary.rejected) {
      faults.push(`${missing} records are gone and ${summary.rejected} rows were rejected`);
    }
  } catch (error) {
    if (!(error instanceof SltdError)) return { result: 'crashed', faults: [String(error)] };
    result = error.code;
    if (!readFileSync(join(outDir, HEAD_NAME)).equals(head)) faults.push('refused, and published');
  }
  // With rejected rows allowed, anything goes but silence.
  if (!allowRejects && result !== mutation.result) {
    faults.push(`${result} instead of ${mutation.result}`);
  }
  return { result, faults };
}

function build(options: {
  file: string;
  outDir: string;
  keys: KeysFile;
  workDir: string;
  asOf?: number | undefined;
  allowRejects?: boolean;
}) {
  return buildEdition({
    ...{ profile: SLTD, files: [options.file], keys: options.keys, outDir: options.outDir },
    ...{ collection: 'sltd', ...PAGE_SIZES, asOf: options.asOf },
    ...{ tempRoot: options.workDir, nonMemberCount: 1_000 },
    rejectsMaxPercent: options.allowRejects ? 100 : undefined,
  });
}

/** Records of the good export that the edition in force does not find. */
async function missingRecords(outDir: string, keys: KeysFile): Promise<number> {
  const { manifest, epochKey } = await openEdition(new DirectoryStore(outDir), keys);
  const matcher = new WasmMatcher(module);
  const pages = new Map<string, Uint8Array>();
  const pageOf = (kind: 'filter' | 'match', row: number): Uint8Array => {
    const name = objectName('pages', manifest.page(kind, row).sha256);
    const page = pages.get(name) ?? new Uint8Array(readFileSync(join(outDir, name)));
    pages.set(name, page);
    return page;
  };
  const isMissing = ({ state, number }: (typeof GOLDEN_RECORDS)[number]): boolean => {
    const digest = matcher.digests(
      [canonicalKey('passport', state as StateCode, number)],
      epochKey,
    );
    const entry = manifest.state(state)!;
    const row = entry.firstShard + Math.floor((digest[3]! * entry.shardCount) / 2 ** 32);
    if (matcher.mayContain(pageOf('filter', row), digest)[0] === 0) return true;
    return matcher.match(pageOf('match', row), digest)[0] === 0;
  };
  return GOLDEN_RECORDS.filter(isMissing).length;
}
