/** Micro-buckets (assembly/micro-buckets.ts), compiled for the bench, in the place of match pages. */

import { GOLDEN } from '../src/format/layout.ts';
import type { Digests } from '../src/matcher/matcher.ts';
import { reserve } from '../src/matcher/matcher-core.ts';
import { processorMs } from './measurement.ts';
import type { Shards } from './resident-set.ts';

const CHUNK_KEYS = 256;
const KEYS_PER_GROUP = 48;
const GROUP_BUCKETS = 16;
const SEEDS_MAX = 16;

interface Core {
  memory: WebAssembly.Memory;
  pageBytes(n: number, bucketCount: number): number;
  buildPage(
    ...addresses: [
      digests: number,
      n: number,
      buckets: number,
      seed: number,
      page: number,
      work: number,
    ]
  ): number;
  probe(count: number): void;
  DIGESTS: WebAssembly.Global;
  ADDRESSES: WebAssembly.Global;
  ANSWERS: WebAssembly.Global;
  FREE: WebAssembly.Global;
}

/** All shards in the memory of one instance. */
export class MicroBuckets {
  readonly #core: Core;
  /** Address of each shard's page. */
  readonly #places: Uint32Array;
  readonly bytes: number;
  /** Of each shard. */
  readonly buildMs: readonly number[];

  constructor(module: WebAssembly.Module, { digests, starts }: Shards) {
    const core = new WebAssembly.Instance(module, {}).exports as unknown as Core;
    this.#core = core;
    this.#places = new Uint32Array(starts.length - 1);
    const buildMs: number[] = [];
    let page = core.FREE.value;
    let bytes = 0;
    for (let shard = 0; shard < this.#places.length; shard++) {
      const [from, to] = [starts[shard]!, starts[shard + 1]!];
      const n = to - from;
      const buckets = GROUP_BUCKETS * Math.max(1, Math.ceil(n / KEYS_PER_GROUP));
      const length = core.pageBytes(n, buckets);
      const input = Math.ceil((page + length) / 64) * 64;
      const work = input + 16 * n;
      reserve(core.memory, work + 4 * buckets);
      const start = performance.now();
      new Uint32Array(core.memory.buffer).set(digests.subarray(4 * from, 4 * to), input >> 2);
      let seed = 0;
      while (core.buildPage(input, n, buckets, Math.imul(seed, GOLDEN), page, work) === 0) {
        if (++seed === SEEDS_MAX) throw new Error('no seed fits');
      }
      buildMs.push(performance.now() - start);
      this.#places[shard] = page;
      bytes += length;
      page = input;
    }
    this.bytes = bytes;
    this.buildMs = buildMs;
  }

  /** Nanoseconds a digest, and how many were found; the clock covers what ResidentSet.ask() covers. */
  ask(digests: Digests): { nanos: number; found: number } {
    const { memory, DIGESTS, ADDRESSES, ANSWERS } = this.#core;
    const words = new Uint32Array(memory.buffer);
    const bytes = new Uint8Array(memory.buffer);
    const count = digests.length / 4;
    const answers = new Uint8Array(count);
    const shardCount = this.#places.length;
    const start = processorMs();
    for (let first = 0; first < count; first += CHUNK_KEYS) {
      const keys = Math.min(CHUNK_KEYS, count - first);
      words.set(digests.subarray(4 * first, 4 * (first + keys)), DIGESTS.value >> 2);
      for (let i = 0; i < keys; i++) {
        const d3 = words[(DIGESTS.value >> 2) + 4 * i + 3]!;
        const shard = Math.floor((d3 * shardCount) / 2 ** 32);
        words[(ADDRESSES.value >> 2) + i] = this.#places[shard]!;
      }
      this.#core.probe(keys);
      answers.set(bytes.subarray(ANSWERS.value, ANSWERS.value + keys), first);
    }
    const nanos = ((processorMs() - start) * 1e6) / count;
    return { nanos, found: answers.reduce((sum, answer) => sum + answer, 0) };
  }
}
