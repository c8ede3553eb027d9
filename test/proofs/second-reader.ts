/** A reader in another language, written from docs/format.md alone, answers the same. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readMatcherModule } from '../../data-build/matcher-module.ts';
import { type CanonicalKey, canonicalKey } from '../../src/document/canonical-key.ts';
import type { StateCode } from '../../src/document/issuing-state.ts';
import { decodeHead } from '../../src/format/head.ts';
import { openManifest } from '../../src/format/manifest.ts';
import { HEAD_NAME, objectName, toHex } from '../../src/format/names.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import { buildEdition, makeTestKeys, type TestRecord } from '../support/edition.ts';
import { type Proof, type ProofResult, randomSource } from './proof.ts';

const VECTORS_DIR = fileURLToPath(new URL('../vectors/', import.meta.url));
const READER = join(VECTORS_DIR, 'reader.py');
const STATES = ['D', 'FRA', 'UTO', 'GBR', 'XXA'];

interface ReaderAnswer {
  key: string;
  verdict: 'absent' | 'candidate' | 'unknown';
  category: number | null;
}

/** Whether this machine has Python 3 at all. */
export function havePython(): boolean {
  return spawnSync('python3', ['--version']).status === 0;
}

export const secondReader: Proof = {
  name: 'second-reader',
  claim: 'the Python reader agrees with the wasm on every key, and with the vectors of the format',
  sizes: { full: 10_000, small: 1_000, unit: 'keys, half of them listed' },
  async run({ seed, size, workDir, progress }): Promise<ProofResult> {
    if (!havePython()) {
      return { holds: false, figure: 'python3 is not on this machine', details: {} };
    }
    const random = randomSource(seed);
    const records: TestRecord[] = Array.from({ length: size / 2 }, () => ({
      documentClass: 'passport',
      state: STATES[random.below(STATES.length)] as string,
      number: `L${random.u32()}`,
      category: (['lost', 'stolen', 'stolen-blank'] as const)[random.below(3)] ?? 'lost',
    }));
    const listed = records.map(({ state, number }) => keyOf(state, number));
    const unlisted = Array.from({ length: size - listed.length }, () =>
      keyOf(STATES[random.below(STATES.length)] as string, `N${random.u32()}`),
    );
    const keys = await makeTestKeys();
    progress('building');
    const objects = await buildEdition({ records, keysPerShard: 500 }, keys, readMatcherModule());
    for (const [name, bytes] of objects) {
      mkdirSync(dirname(join(workDir, name)), { recursive: true });
      writeFileSync(join(workDir, name), bytes);
    }

    progress('asking both');
    const asked = [...listed, ...unlisted];
    const byWasm = askWasm(asked, objects, keys.epochKey);
    const byPython = askPython(workDir, asked, [
      // With '=', because one key in 64 begins with a hyphen.
      ...[`--epoch-key=${toHex(keys.epochKey)}`, `--head-key=${keys.jwk.head.x}`],
      `--edition-key=${keys.jwk.edition.x}`,
    ]);
    let differences = 0;
    let found = 0;
    asked.forEach((_, index) => {
      const answer = byPython[index];
      const category = answer?.verdict === 'candidate' ? answer.category : null;
      if (answer?.verdict === 'unknown' || category !== byWasm[index]) differences++;
      if (category !== null) found++;
    });
    const vectorDifferences = compareVectors();
    return {
      holds: differences === 0 && found === listed.length && vectorDifferences === 0,
      figure:
        `${asked.length} keys, ${found} candidates of ${listed.length} listed, ` +
        `${differences} differences; ${vectorDifferences} differences from the vectors`,
      details: { keys: asked.length, found, listed: listed.length, differences, vectorDifferences },
    };
  },
};

const keyOf = (state: string, number: string): CanonicalKey =>
  canonicalKey('passport', state as StateCode, number);

/** Category of each key, or null where it is absent. */
function askWasm(
  asked: readonly CanonicalKey[],
  objects: ReadonlyMap<string, Uint8Array>,
  epochKey: Uint8Array,
): (number | null)[] {
  const matcher = new WasmMatcher(readMatcherModule());
  const head = decodeHead(objects.get(HEAD_NAME) as Uint8Array);
  const manifest = openManifest(
    objects.get(objectName('manifests', head.manifestSha256)) as Uint8Array,
  );
  return asked.map((key) => {
    const digest = matcher.digests([key], epochKey);
    const entry = manifest.state(key.slice(1, 4).replaceAll('<', ''));
    if (!entry) throw new Error('a state of the proof is not in the edition');
    const row = entry.firstShard + Math.floor((digest[3]! * entry.shardCount) / 2 ** 32);
    const pageOf = (kind: 'filter' | 'match') =>
      objects.get(objectName('pages', manifest.page(kind, row).sha256)) as Uint8Array;
    if (matcher.mayContain(pageOf('filter'), digest)[0] === 0) return null;
    const answer = matcher.match(pageOf('match'), digest)[0] as number;
    return answer === 0 ? null : answer - 1;
  });
}

function askPython(
  editionDir: string,
  asked: readonly string[],
  args: readonly string[],
): ReaderAnswer[] {
  const output = execFileSync('python3', [READER, editionDir, ...args], {
    input: `${asked.join('\n')}\n`,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ReaderAnswer);
}

/** How many keys of test/vectors/edition-v2.json the Python reader answers otherwise. */
function compareVectors(): number {
  const vector = JSON.parse(readFileSync(join(VECTORS_DIR, 'edition-v2.json'), 'utf8')) as {
    now: number;
    epochKey: string;
    publicKeys: { edition: string; overlay: string; head: string };
    answers: ReaderAnswer[];
  };
  const { edition, overlay, head } = vector.publicKeys;
  const answers = askPython(
    join(VECTORS_DIR, 'edition-v2'),
    vector.answers.map(({ key }) => key),
    [
      ...['--epoch-key', vector.epochKey, '--now', String(vector.now), '--head-key', head],
      ...['--edition-key', edition, '--overlay-key', overlay],
    ],
  );
  return vector.answers.filter(({ verdict, category }, index) => {
    const answer = answers[index];
    return answer?.verdict !== verdict || answer.category !== category;
  }).length;
}
