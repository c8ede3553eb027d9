/**
 * Digests in memory: the pages against filters in C, micro-buckets and a perfect hash in C, by size.
 *
 * All get the same digests, from the same file, and are asked about the same ones in the same order,
 * round by round in turn. A question is 16 bytes in memory, an answer one: processor
 * time of one thread, so that a busy machine does not count.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { PAGE_SIZES } from '../data-build/pages/page-sizes.ts';
import type { Digests } from '../src/matcher/matcher.ts';
import { compileWasm } from './compile-wasm.ts';
import { uniformDigests, writeDigests } from './digest-file.ts';
import {
  FILTERS,
  findings,
  MICRO_BUCKETS,
  MICRO_BUILD,
  NAMES,
  type OfSize,
  OURS_BUILD,
  OURS_LISTED,
  OURS_MATCH,
  OURS_SEARCH,
  OURS_UNLISTED,
  OURS_VERDICT,
  type Rounds,
  SHIPPED_BUILD,
  SHIPPED_LISTED,
  SHIPPED_UNLISTED,
  SHIPPED_VERDICT,
} from './digest-findings.ts';
import type { BenchSize, Finding, Gap } from './measurement.ts';
import { MicroBuckets } from './micro-buckets.ts';
import { compileNativePeers, NativePeers } from './native-peers.ts';
import {
  type BuiltPages,
  buildPages,
  bytesOf,
  intoShards,
  ResidentSet,
  type Shards,
  searchNanos,
} from './resident-set.ts';

/** Digests twice, both kinds of pages twice, micro-buckets; and the widest filter in C while it is built. */
const BYTES_PER_KEY = 100;
/** Larger sets are built once, and not a second time with pages as they ship: it takes minutes. */
const BUILT_OFTEN_MAX = 1e7;

interface Sizes {
  keyCounts: readonly number[];
  /** Of each kind, a round. */
  asked: number;
  rounds: number;
  buildRounds: number;
}

const SIZES: Record<BenchSize, Sizes> = {
  test: { keyCounts: [2_000, 5_000], asked: 5_000, rounds: 1, buildRounds: 1 },
  small: { keyCounts: [1e5, 1e6, 1e7], asked: 1_000_000, rounds: 9, buildRounds: 3 },
  full: { keyCounts: [1e5, 1e6, 1e7, 1e8, 1.5e8], asked: 2_000_000, rounds: 11, buildRounds: 3 },
};
async function ofSize(keyCount: number, size: Sizes, program: string | undefined): Promise<OfSize> {
  const workDir = mkdtempSync(join(tmpdir(), 'sltd-bench-digests-'));
  const files = { listed: join(workDir, 'listed'), unlisted: join(workDir, 'unlisted') };
  let native: NativePeers | undefined;
  try {
    const digests = uniformDigests(0, keyCount);
    const unlisted = uniformDigests(2 ** 40, size.asked);
    const asked = Math.min(size.asked, keyCount);
    const listed = digests.slice(0, 4 * asked);
    writeDigests(files.listed, digests);
    writeDigests(files.unlisted, unlisted);
    const shards = intoShards(digests);
    const shipped =
      keyCount > BUILT_OFTEN_MAX ? undefined : intoShards(digests, PAGE_SIZES.keysPerShard);
    if (program) native = new NativePeers(program, files);
    const buildRounds = keyCount > BUILT_OFTEN_MAX ? 1 : size.buildRounds;
    const turn = await buildInTurn({ shards, shipped }, buildRounds, native);
    const { built, micro, facts } = turn;
    const set = new ResidentSet(built);
    const shippedSet = turn.shipped && new ResidentSet(turn.shipped);
    if (shippedSet) {
      facts.get(SHIPPED_BUILD)!.falseRate = shippedSet.ask(unlisted, 'both').found / size.asked;
    }
    facts.get(OURS_BUILD)!.falseRate = set.ask(unlisted, 'both').found / size.asked;
    facts.get(MICRO_BUILD)!.falseRate = micro.ask(unlisted).found / size.asked;
    for (const peer of native ? FILTERS : []) {
      const { found } = await native!.ask(peer, 'unlisted', size.asked);
      facts.get(NAMES[peer])!.falseRate = found / size.asked;
    }
    const rounds = await askInTurn(
      { listed, unlisted, rounds: size.rounds },
      { set, shippedSet, micro, native },
    );
    return { keyCount, rounds, built, facts };
  } finally {
    native?.stop();
    rmSync(workDir, { recursive: true, force: true });
  }
}

/** Every round builds everything once. */
async function buildInTurn(
  { shards, shipped }: { shards: Shards; shipped: Shards | undefined },
  rounds: number,
  native: NativePeers | undefined,
) {
  const keyCount = shards.digests.length / 4;
  const facts: OfSize['facts'] = new Map();
  const note = (name: string, nanos: number, bytes: number) => {
    const { buildNanos } = facts.get(name) ?? { buildNanos: [] };
    facts.set(name, { buildNanos: [...buildNanos, nanos], bitsPerKey: (8 * bytes) / keyCount });
  };
  const perKey = (shardMs: readonly number[]) =>
    (1e6 * shardMs.reduce((sum, ms) => sum + ms, 0)) / keyCount;
  const module = await compileWasm('micro-buckets');
  for (let round = 1; ; round++) {
    const built = buildPages(shards);
    note(OURS_BUILD, perKey(built.shardMs), bytesOf(built.filter) + bytesOf(built.match));
    note(OURS_SEARCH, searchNanos(shards, built), bytesOf(built.match));
    let asShipped: BuiltPages | undefined;
    if (shipped) {
      asShipped = buildPages(shipped, PAGE_SIZES);
      const bytes = bytesOf(asShipped.filter) + bytesOf(asShipped.match);
      note(SHIPPED_BUILD, perKey(asShipped.shardMs), bytes);
    }
    const micro = new MicroBuckets(module, shards);
    note(MICRO_BUILD, perKey(micro.buildMs), micro.bytes);
    for (const peer of native ? ([...FILTERS, 'pthash'] as const) : []) {
      const { nanos, bytes } = await native!.build(peer);
      note(NAMES[peer], nanos, bytes);
    }
    if (round === rounds) return { built, shipped: asShipped, micro, facts };
  }
}

/** One round is everybody once; the first warms up. Throws if a listed digest is not found. */
async function askInTurn(
  { listed, unlisted, rounds }: { listed: Digests; unlisted: Digests; rounds: number },
  {
    set,
    shippedSet,
    micro,
    native,
  }: {
    set: ResidentSet;
    shippedSet: ResidentSet | undefined;
    micro: MicroBuckets;
    native: NativePeers | undefined;
  },
): Promise<Rounds> {
  const listedCount = listed.length / 4;
  const unlistedCount = unlisted.length / 4;
  const all: Rounds = new Map();
  for (let round = 0; round <= rounds; round++) {
    const note = (name: string, { nanos, found }: { nanos: number; found: number }, least = 0) => {
      if (found < least) throw new Error(`${name}: a listed digest is not found`);
      if (round > 0) all.set(name, [...(all.get(name) ?? []), nanos]);
    };
    note(OURS_UNLISTED, set.ask(unlisted, 'filter'));
    if (native) {
      for (const peer of FILTERS) {
        const answer = await native.ask(peer, 'unlisted', unlistedCount);
        note(`${NAMES[peer]}, unlisted`, answer);
      }
    }
    note(OURS_VERDICT, set.ask(unlisted, 'both'));
    note(OURS_LISTED, set.ask(listed, 'both'), listedCount);
    note(MICRO_BUCKETS, micro.ask(listed), listedCount);
    note(OURS_MATCH, set.ask(listed, 'match'), listedCount);
    if (shippedSet) {
      note(SHIPPED_UNLISTED, shippedSet.ask(unlisted, 'filter'));
      note(SHIPPED_VERDICT, shippedSet.ask(unlisted, 'both'));
      note(SHIPPED_LISTED, shippedSet.ask(listed, 'both'), listedCount);
    }
    if (native) {
      for (const peer of ['fuse8', 'fuse16'] as const) {
        const answer = await native.ask(peer, 'listed', listedCount);
        note(`${NAMES[peer]}, listed`, answer, listedCount);
      }
    }
  }
  return all;
}

export async function digestPeers(size: BenchSize): Promise<Finding[]> {
  const workDir = mkdtempSync(join(tmpdir(), 'sltd-bench-native-'));
  const sizes: OfSize[] = [];
  const gaps: Gap[] = [];
  try {
    const program = compileNativePeers(workDir);
    if (!program) {
      gaps.push({ id: 'digests-gap-c', gap: 'the peers in C: no C compiler (cc) on this machine' });
    }
    for (const keyCount of SIZES[size].keyCounts) {
      if (BYTES_PER_KEY * keyCount > freemem()) {
        const gap = `${keyCount / 1e6} M digests: ${(BYTES_PER_KEY * keyCount) / 1e9} GB of memory are not free`;
        gaps.push({ id: `digests-gap-${keyCount}`, gap });
        continue;
      }
      sizes.push(await ofSize(keyCount, SIZES[size], program));
    }
    return [...findings(sizes, program !== undefined), ...gaps];
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
}
