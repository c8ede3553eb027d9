/**
 * The edge's whole app in a process of its own, asked by modelled traffic: what isolate-memory measures.
 *
 * `node --expose-gc isolate-process.ts FILE`: FILE is an IsolateRun as JSON; an IsolateResult goes to
 * standard output.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import xxhash from 'xxhash-wasm';
import { readMatcherModule } from '../../data-build/matcher-module.ts';
import { DirectorySource } from '../../host/directory-source.ts';
import { createApp } from '../../src/app.ts';
import { spellingsOf } from '../../src/document/query.ts';
import { createServices } from '../../src/services.ts';
import type { Env } from '../../src/world.ts';
import type { ObjectSource } from '../../src/store/object-source.ts';
import { queryOf, Traffic, type TrafficDocument } from '../support/traffic.ts';

export interface IsolateRun {
  directory: string;
  settings: Record<string, string>;
  token: string;
  seed: number;
  documentCount: number;
  /** Numbers of documents, ascending, after which the cost is noted. */
  marks: readonly number[];
  /** Document number i is listed if i + 1 is a multiple of it. */
  listedEvery: number;
}

export interface IsolateResult {
  /** Heap, buffers and wasm memory after a collection, before and after all documents. */
  emptyBytes: number;
  usedBytes: number;
  /** The most that was seen between collections. */
  peakBytes: number;
  wasmBytes: number;
  costs: { documents: number; keys: number; fetches: number; bytes: number }[];
  /** Listed documents that were no candidate, and others that were not clear. */
  missed: number;
  notClear: number;
}

const BATCH = 50;
const SAMPLE_EVERY = 20;

/** As Node accounts it; wasm memory is part of `external`. */
function usedBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function collected(): number {
  for (let i = 0; i < 3; i++) (globalThis as unknown as { gc(): void }).gc();
  return usedBytes();
}

async function run(options: IsolateRun): Promise<IsolateResult> {
  const matcherModule = readMatcherModule();
  const { h64Raw: hash64 } = await xxhash();
  const traffic = new Traffic(options.seed);
  const fetched = { pages: 0, bytes: 0 };
  const source = counted(new DirectorySource(options.directory), fetched);
  const env = options.settings as unknown as Env;
  const emptyBytes = collected();
  const world = { matcherModule, hash64, now: Date.now, fetch, source, log: () => {} };
  const services = await createServices(env, world);
  const app = createApp(() => services);
  const ask = async (documents: readonly TrafficDocument[]): Promise<string[]> => {
    const response = await app.request('http://edge.invalid/v1/checks', {
      method: 'POST',
      headers: { authorization: `Bearer ${options.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ documents }),
    });
    const { results } = (await response.json()) as { results?: { status: string }[] };
    if (!results) throw new Error(`the edge answered ${response.status}`);
    return results.map(({ status }) => status);
  };

  const result = { missed: 0, notClear: 0, peakBytes: 0, costs: [] as IsolateResult['costs'] };
  let keys = 0;
  let documents = 0;
  for (const mark of options.marks) {
    while (documents < mark) {
      const batch = Array.from({ length: Math.min(BATCH, mark - documents) }, () => traffic.next());
      keys += batch.reduce((sum, document) => sum + keyCountOf(document), 0);
      for (const status of await ask(batch)) {
        documents++;
        const isListed = documents % options.listedEvery === 0;
        if (isListed && status !== 'candidate') result.missed++;
        if (!isListed && status !== 'clear') result.notClear++;
      }
      if (documents % (BATCH * SAMPLE_EVERY) === 0) {
        result.peakBytes = Math.max(result.peakBytes, usedBytes());
      }
    }
    result.costs.push({ documents, keys, fetches: fetched.pages, bytes: fetched.bytes });
  }
  const wasmBytes = services.matcher.memoryBytes;
  return { ...result, emptyBytes, usedBytes: collected(), wasmBytes };
}

function counted(source: ObjectSource, fetched: { pages: number; bytes: number }): ObjectSource {
  return {
    async get(name, lengthMax) {
      const bytes = await source.get(name, lengthMax);
      if (name.startsWith('pages/')) {
        fetched.pages++;
        fetched.bytes += bytes?.length ?? 0;
      }
      return bytes;
    },
  };
}

function keyCountOf(document: TrafficDocument): number {
  const result = queryOf(document);
  if (!result.ok) throw new Error(result.code);
  return spellingsOf(result.query).reduce((sum, { lookAlikes }) => sum + 1 + lookAlikes.length, 0);
}

const options = JSON.parse(readFileSync(join(process.argv[2]!), 'utf8')) as IsolateRun;
process.stdout.write(JSON.stringify(await run(options)));
