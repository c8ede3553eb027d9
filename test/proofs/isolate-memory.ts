/** One isolate serves the whole list within its memory, and fetches little while it is cold. */

import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { issueToken } from '../../data-build/keys/token.ts';
import { spellingsOf } from '../../src/document/query.ts';
import { FILTER_ARENA_BYTES, MATCH_ARENA_BYTES } from '../../src/services.ts';
import { edgeSettings } from '../support/edge-settings.ts';
import { makeTestKeys } from '../support/edition.ts';
import { writeLargeEdition } from '../support/large-edition.ts';
import { listShape, queryOf, SEARCHES_A_HIT, Traffic } from '../support/traffic.ts';
import type { IsolateResult, IsolateRun } from './isolate-process.ts';
import type { Proof } from './proof.ts';

const PROCESS = fileURLToPath(new URL('./isolate-process.ts', import.meta.url));
const MIB = 1024 * 1024;
/** Keys that `sltd build` made of 150 M rows (docs/performance.md). */
const FULL_KEYS = 190_596_932;
const FULL_DOCUMENTS = 1_000_000;
/** A smaller list gets smaller arenas, so that pages have to leave there too. */
const ARENA_BYTES_MIN = MIB / 4;
const OPERATIONS = 150_000;

const MEMORY_BYTES_MAX = 96 * MIB;
/** What Cloudflare gives an isolate, garbage included (its documentation, "Limits", "Memory"). */
const ISOLATE_BYTES = 128 * MIB;
/**
 * A Worker's heap is bounded with all the rest; Node alone would leave garbage lying until some gigabytes are
 * full. What it takes before the app has any services is about 20 MiB of it.
 */
const HEAP_LIMITS = ['--max-old-space-size=32', '--max-semi-space-size=1'];
/** Over the first documents of a cold isolate. */
const COLD_DOCUMENTS = 100_000;
const FETCHES_A_KEY_MAX = 0.3;
const KIB_A_DOCUMENT_MAX = 16;

export const isolateMemory: Proof = {
  name: 'isolate-memory',
  claim:
    'after 1 M modelled documents an isolate with the edition of 150 M records and 150,000 operations ' +
    'takes 96 MiB, and never more than 128 with its garbage; while it is cold, over 100,000 documents, it fetches 0.30 pages a key and 16 KiB a ' +
    'document; what is listed is a candidate and everything else is clear',
  sizes: { full: FULL_DOCUMENTS, small: 2_000, unit: 'documents' },
  async run({ seed, size, workDir, progress }) {
    const scale = Math.min(1, size / FULL_DOCUMENTS);
    const listedEvery = Math.min(SEARCHES_A_HIT, Math.ceil(size / 4));
    const keys = await makeTestKeys();
    const directory = join(workDir, 'editions');
    mkdirSync(directory);
    const listed = listedDocuments(seed, { documentCount: size, listedEvery });
    const shape = listShape(FULL_KEYS * scale);
    const operationCount = Math.ceil(OPERATIONS * scale);
    const shards = await writeLargeEdition({
      ...{ directory, keys, shape, listed, operationCount, seed, progress },
    });
    const arena = (bytes: number) => String(Math.max(ARENA_BYTES_MIN, Math.ceil(bytes * scale)));
    const tokenKeys = { token: keys.jwk.token } as unknown as Parameters<typeof issueToken>[0];
    const token = await issueToken(tokenKeys, {
      ...{ role: 'officer', tenant: 'UTO', site: 'gate-1', minutes: 600 },
    });
    const marks = [1_000, 10_000, COLD_DOCUMENTS, size].filter((mark) => mark <= size);
    const result = await askIsolate(workDir, {
      ...{ directory, token, seed, listedEvery, documentCount: size, marks: [...new Set(marks)] },
      settings: {
        ...edgeSettings(keys),
        FILTER_ARENA_BYTES: arena(FILTER_ARENA_BYTES),
        MATCH_ARENA_BYTES: arena(MATCH_ARENA_BYTES),
      },
    });
    const cold = result.costs.findLast(({ documents }) => documents <= COLD_DOCUMENTS)!;
    const last = result.costs.at(-1)!;
    const fetchesAKey = cold.fetches / cold.keys;
    const kibADocument = cold.bytes / 1024 / cold.documents;
    const isRight = result.missed === 0 && result.notClear === 0;
    const isSmall = result.usedBytes <= MEMORY_BYTES_MAX && result.peakBytes <= ISOLATE_BYTES;
    const isQuiet = fetchesAKey <= FETCHES_A_KEY_MAX && kibADocument <= KIB_A_DOCUMENT_MAX;
    return {
      holds: isRight && isSmall && isQuiet,
      figure:
        `${mib(result.usedBytes)} after ${size} documents (wasm ${mib(result.wasmBytes)}, without services ` +
        `${mib(result.emptyBytes)}, at most ${mib(result.peakBytes)} between collections); ` +
        `${shards} shards; over the first ${cold.documents}: ` +
        `${(cold.fetches / cold.documents).toFixed(3)} page fetches and ${kibADocument.toFixed(1)} KiB a ` +
        `document, ${fetchesAKey.toFixed(3)} and ${(cold.bytes / 1024 / cold.keys).toFixed(2)} KiB a key, ` +
        `${(cold.keys / cold.documents).toFixed(1)} keys a document; over all: ` +
        `${(last.fetches / last.documents).toFixed(3)} a document; ${listed.length} listed, ` +
        `${result.missed} missed, ${result.notClear} others not clear`,
      details: {
        ...{ usedBytes: result.usedBytes, peakBytes: result.peakBytes, shards },
        ...{ emptyBytes: result.emptyBytes, wasmBytes: result.wasmBytes, listed: listed.length },
        ...{ missed: result.missed, notClear: result.notClear },
        ...Object.fromEntries(
          result.costs.flatMap(({ documents, keys: asked, fetches, bytes }) => [
            [`keysAt${documents}`, asked],
            [`fetchesAt${documents}`, fetches],
            [`bytesAt${documents}`, bytes],
          ]),
        ),
      },
    };
  },
};

const mib = (byteCount: number): string => `${(byteCount / MIB).toFixed(1)} MiB`;

/** The keys, as read, of those documents of the traffic that are to be listed. */
function listedDocuments(
  seed: number,
  { documentCount, listedEvery }: { documentCount: number; listedEvery: number },
) {
  const traffic = new Traffic(seed);
  const listed = [];
  for (let number = 1; number <= documentCount; number++) {
    const document = traffic.next();
    if (number % listedEvery !== 0) continue;
    const result = queryOf(document);
    if (!result.ok) throw new Error(result.code);
    const { key, state } = spellingsOf(result.query)[0]!;
    listed.push({ key, state });
  }
  return listed;
}

async function askIsolate(workDir: string, run: IsolateRun): Promise<IsolateResult> {
  const file = join(workDir, 'run.json');
  writeFileSync(file, JSON.stringify(run), { mode: 0o600 });
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--expose-gc', ...HEAP_LIMITS, PROCESS, file],
    {
      maxBuffer: MIB,
    },
  );
  return JSON.parse(stdout) as IsolateResult;
}
