/**
 * String keys through the public API: the matcher against what else could keep such a list.
 *
 * The same canonical keys go into each, the same are asked of each, round by round in turn; every
 * round asks with strings of its own, because an engine keeps the hash of a string that it has seen.
 * Ours pays for digests, filter and match pages in every figure. A peer that is slow is asked fewer keys.
 */

import { type CanonicalKey, canonicalKey } from '../src/document/canonical-key.ts';
import type { StateCode } from '../src/document/issuing-state.ts';
import { parseStateCode } from '../src/document/issuing-state.ts';
import { type BenchSize, type Finding, type Gap, measured } from './measurement.ts';
import { postgres, sqlite } from './peers/databases.ts';
import { IN_MEMORY } from './peers/in-memory.ts';
import { ours } from './peers/ours.ts';
import { freshKey, type Peer } from './peers/peer.ts';
import { redis } from './peers/redis.ts';

interface Sizes {
  keys: number;
  /** Listed keys of a round, and as many unlisted. */
  asked: number;
  rounds: number;
}

const SIZES: Record<BenchSize, Sizes> = {
  test: { keys: 500, asked: 500, rounds: 1 },
  small: { keys: 1_000_000, asked: 200_000, rounds: 7 },
  full: { keys: 1_000_000, asked: 200_000, rounds: 15 },
};
/** Asked at least, however slow. */
const ASKED_MIN = 100;
/** How many times as fast ours is to be, by the peer's id. */
const TIMES_AS_FAST: Record<string, number> = {
  'bloom-filters-bloom': 100,
  bloomfilter: 1.5,
  set: 3,
  sqlite: 25,
};
/** Ours of the memory of a Set. */
const OF_SET_MEMORY = 0.1;

const state = parseStateCode('UTO') as StateCode;
/** Steps of 37: neighbours do not follow one another. */
const keyOf = (index: number): CanonicalKey =>
  canonicalKey('passport', state, String(100_000_000 + index * 37));

type Question = 'listed' | 'unlisted';

interface Asked {
  peer: Peer;
  nanos: Record<Question, number[]>;
  /** Unlisted keys found, and listed ones not found, of those asked last. */
  falseRate: number;
  missRate: number;
}

async function allPeers(keys: readonly CanonicalKey[]): Promise<(Peer | Gap)[]> {
  const peers: (Peer | Gap)[] = [await ours(keys, state)];
  for (const make of IN_MEMORY) peers.push(await make(keys));
  peers.push(await sqlite(keys), await postgres(keys));
  const ofRedis = await redis(keys);
  return peers.concat(ofRedis);
}

/** One round asks everybody both questions once; the first warms up. */
async function askInTurn(peers: readonly Peer[], { keys, asked, rounds }: Sizes): Promise<Asked[]> {
  const all = peers.map(
    (peer): Asked => ({ peer, nanos: { listed: [], unlisted: [] }, falseRate: 0, missRate: 0 }),
  );
  for (let round = 0; round <= rounds; round++) {
    for (const of of all) {
      const { peer, nanos } = of;
      const count = Math.min(asked, Math.max(ASKED_MIN, Math.round(asked * peer.share)));
      const step = Math.max(1, Math.floor(peer.keyCount / count));
      const questions: Record<Question, CanonicalKey[]> = {
        listed: Array.from({ length: count }, (_, i) =>
          freshKey(keyOf((i * step) % peer.keyCount)),
        ),
        unlisted: Array.from({ length: count }, (_, i) => freshKey(keyOf(keys + i))),
      };
      for (const which of ['listed', 'unlisted'] as const) {
        const start = performance.now();
        const found = await peer.count(questions[which]);
        const spent = ((performance.now() - start) * 1e6) / count;
        if (which === 'unlisted') of.falseRate = found / count;
        else of.missRate = 1 - found / count;
        if (round > 0) nanos[which].push(spent);
      }
    }
  }
  return all;
}

/** How many times as long as ours each round of a peer took. */
const timesOurs = (ours: readonly number[], theirs: readonly number[]): number[] =>
  theirs.map((nanos, round) => nanos / ours[round]!);

function ofPeer({ peer, nanos, falseRate, missRate }: Asked, reference: Asked): Finding[] {
  const { id, name, keyCount } = peer;
  const about = (what: string, question: string, unit: string) => ({
    ...{ id: `peers-${what}-${id}`, question: `${question}: ${name}`, unit },
  });
  const goal = TIMES_AS_FAST[id];
  const bound = goal === undefined ? {} : { atLeast: goal };
  return [
    ...(['listed', 'unlisted'] as const).flatMap((which) => [
      measured(about(which, `${which} string key`, 'ns'), nanos[which]),
      ...(peer === reference.peer
        ? []
        : [
            measured(
              about(`${which}-ratio`, `${which} string key, times as long as sltd-edge`, 'times'),
              timesOurs(reference.nanos[which], nanos[which]),
              bound,
            ),
          ]),
    ]),
    measured(about('memory', 'space', 'bits/key'), [(8 * peer.bytes) / keyCount]),
    measured(about('build', 'build from string keys', 'ns/key'), [(1e6 * peer.buildMs) / keyCount]),
    measured(about('errs', 'unlisted but found', '%'), [100 * falseRate]),
    measured(
      about('misses', 'listed but not found', '%'),
      [100 * missRate],
      peer === reference.peer ? { atMost: 0 } : {},
    ),
  ];
}

/** Asking, space, building and error of everybody, and how ours compares. */
export async function stringPeers(size: BenchSize): Promise<Finding[]> {
  const sizes = SIZES[size];
  const found = await allPeers(Array.from({ length: sizes.keys }, (_, index) => keyOf(index)));
  const peers = found.filter((peer): peer is Peer => !('gap' in peer));
  try {
    const all = await askInTurn(peers, sizes);
    const reference = all[0]!;
    const set = peers.find(({ id }) => id === 'set')!;
    return [
      ...all.flatMap((asked) => ofPeer(asked, reference)),
      measured(
        { id: 'peers-memory-ratio', question: 'space of sltd-edge against a Set', unit: 'times' },
        [reference.peer.bytes / set.bytes],
        { atMost: OF_SET_MEMORY },
      ),
      ...found.filter((peer): peer is Gap => 'gap' in peer),
    ];
  } finally {
    for (const peer of peers) await peer.close?.();
  }
}
