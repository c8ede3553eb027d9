/**
 * String keys through the public API: the matcher against what else could keep such a list.
 *
 * The same canonical keys go into each, the same are asked of each, round by round in turn; every
 * round asks with strings of its own, because an engine keeps the hash of a string that it has seen.
 * Ours pays for digests, filter and match pages in every figure. A peer that is slow is asked fewer keys.
 * What works in this process is measured by its processor time, a server by the clock; so is ours then.
 */

import { type CanonicalKey, canonicalKey } from '../src/document/canonical-key.ts';
import type { StateCode } from '../src/document/issuing-state.ts';
import { parseStateCode } from '../src/document/issuing-state.ts';
import {
  type BenchSize,
  type Finding,
  type Gap,
  measured,
  median,
  type Plot,
  processorMs,
} from './measurement.ts';
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

/** Nanoseconds a key of each round. */
type Nanos = Record<Question, number[]>;

interface Asked {
  peer: Peer;
  processor: Nanos;
  wall: Nanos;
  /** Unlisted keys found, and listed ones not found, of those asked last. */
  falseRate: number;
  missRate: number;
}

async function allPeers(keys: readonly CanonicalKey[]): Promise<(Peer | Gap)[]> {
  // Those that are weighed come first: nobody else's memory goes away meanwhile.
  const weighed: Peer[] = [];
  for (const make of IN_MEMORY) weighed.push(await make(keys));
  const reference = await ours(keys, state);
  const databases = [await sqlite(keys), await postgres(keys)];
  return [reference, ...weighed, ...databases].concat(await redis(keys));
}

/** One round asks everybody both questions once; the first warms up. */
async function askInTurn(peers: readonly Peer[], { keys, asked, rounds }: Sizes): Promise<Asked[]> {
  const none = (): Nanos => ({ listed: [], unlisted: [] });
  const all = peers.map(
    (peer): Asked => ({ peer, processor: none(), wall: none(), falseRate: 0, missRate: 0 }),
  );
  for (let round = 0; round <= rounds; round++) {
    for (const of of all) {
      const { peer, processor, wall } = of;
      const count = Math.min(asked, Math.max(ASKED_MIN, Math.round(asked * peer.share)));
      const step = Math.max(1, Math.floor(peer.keyCount / count));
      const questions: Record<Question, CanonicalKey[]> = {
        listed: Array.from({ length: count }, (_, i) =>
          freshKey(keyOf((i * step) % peer.keyCount)),
        ),
        unlisted: Array.from({ length: count }, (_, i) => freshKey(keyOf(keys + i))),
      };
      for (const which of ['listed', 'unlisted'] as const) {
        const start = { processor: processorMs(), wall: performance.now() };
        const found = await peer.count(questions[which]);
        const wallMs = performance.now() - start.wall;
        const spentMs = processorMs() - start.processor;
        if (which === 'unlisted') of.falseRate = found / count;
        else of.missRate = 1 - found / count;
        if (round === 0) continue;
        processor[which].push((spentMs * 1e6) / count);
        wall[which].push((wallMs * 1e6) / count);
      }
    }
  }
  return all;
}

/** How many times as long as ours each round of a peer took. */
const timesOurs = (ours: readonly number[], theirs: readonly number[]): number[] =>
  theirs.map((nanos, round) => nanos / ours[round]!);

const nanosOf = (asked: Asked, { isServer }: Peer): Nanos =>
  isServer ? asked.wall : asked.processor;

function ofPeer(asked: Asked, reference: Asked): Finding[] {
  const { peer, falseRate, missRate } = asked;
  const nanos = nanosOf(asked, peer);
  const ours = nanosOf(reference, peer);
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
              timesOurs(ours[which], nanos[which]),
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

function costPlot(all: readonly Asked[]): Plot {
  return {
    id: 'plot-peers',
    title: 'String keys: what a question and a key cost, by where the list is kept',
    x: { label: 'bits a key', scale: 'log' },
    y: { label: 'ns an unlisted key, median', scale: 'log' },
    series: all.map((asked) => ({
      ...{ name: asked.peer.name, isScattered: true },
      points: [
        {
          x: (8 * asked.peer.bytes) / asked.peer.keyCount,
          y: median(nanosOf(asked, asked.peer).unlisted),
        },
      ],
    })),
  };
}

/** Asking, space, building and error of everybody, and how ours compares. */
export async function stringPeers(size: BenchSize): Promise<Finding[]> {
  const sizes = SIZES[size];
  // In one piece already: strings that are put together when first read would lighten what is weighed.
  const keys = Array.from({ length: sizes.keys }, (_, index) => freshKey(keyOf(index)));
  const found = await allPeers(keys);
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
      costPlot(all),
    ];
  } finally {
    for (const peer of peers) await peer.close?.();
  }
}
