/**
 * The pilot search a second time, in plain TypeScript and by the letter of docs/format.md section
 * 13: the wasm builder must find the same pilots. Slow, and without any of its short cuts.
 */

import type { Digests } from '../../src/matcher/matcher.ts';

const GOLDEN = 0x9e3779b1;
const mullo = (a: number, b: number) => Math.imul(a, b) >>> 0;
const mulhi = (a: number, b: number) => Number((BigInt(a) * BigInt(b)) >> 32n);

/** Seed and pilots of sorted digests. */
export function searchPilots(digests: Digests): { seed: number; pilots: number[] } {
  const n = digests.length / 4;
  for (let i = 0; i < 64; i++) {
    const seed = mullo(i, GOLDEN);
    const pilots = searchUnder(seed, digests, n);
    if (pilots) return { seed, pilots };
  }
  throw new Error('no seed');
}

function bucketOf(d1: number, seed: number, bucketCount: number): number {
  const u = mullo((d1 ^ seed) >>> 0, GOLDEN);
  const a = bucketCount >> 1;
  const c = mulhi(0x99999999, a);
  const b = (5 * (bucketCount - c)) >> 1;
  return u < 0x99999999 ? mulhi(u, a) : c + mulhi(u - 0x99999999, b);
}

function searchUnder(seed: number, digests: Digests, n: number): number[] | undefined {
  const bucketCount = Math.ceil((2 * n) / 7);
  const buckets: number[][] = Array.from({ length: bucketCount }, () => []);
  for (let key = 0; key < n; key++) {
    const d2 = digests[4 * key + 2]!;
    buckets[bucketOf(digests[4 * key + 1]!, seed, bucketCount)]!.push((d2 ^ seed) >>> 0);
  }
  if (buckets.some((keys) => keys.length > 255)) return undefined;

  const pilots: number[] = Array(bucketCount).fill(0);
  const owners: (number | undefined)[] = Array(n).fill(undefined);
  const recent: number[] = [];
  let evictions = 0;

  const basesOf = (bucket: number, pilot: number) =>
    buckets[bucket]!.map((key) => mulhi(mullo(key, GOLDEN + (pilot >> 4) * 0x7f4a7c16), n));
  const slotsOf = (bucket: number, pilot: number) =>
    basesOf(bucket, pilot).map((base) => (base + (pilot & 15)) % n);
  const isUsable = (bucket: number, pilot: number) =>
    new Set(basesOf(bucket, pilot)).size === buckets[bucket]!.length;
  const slotCost = (slot: number) => {
    const owner = owners[slot];
    if (owner === undefined) return 0;
    return recent.includes(owner) ? 255 : Math.min(254, buckets[owner]!.length ** 2);
  };
  const pilotCost = (bucket: number, pilot: number) =>
    Math.min(
      255,
      slotsOf(bucket, pilot).reduce((cost, slot) => cost + slotCost(slot), 0),
    );
  const take = (bucket: number, pilot: number) => {
    pilots[bucket] = pilot;
    for (const slot of slotsOf(bucket, pilot)) owners[slot] = bucket;
  };

  const order = buckets.map((_, bucket) => bucket);
  order.sort((a, b) => buckets[b]!.length - buckets[a]!.length || a - b);
  for (const first of order.filter((bucket) => buckets[bucket]!.length > 0)) {
    const waiting = [first];
    while (waiting.length > 0) {
      const bucket = waiting.pop()!;
      const turn = mullo(evictions, GOLDEN) >>> 24;
      let best = { cost: 255, rank: 0, pilot: -1 };
      for (let pilot = 0; pilot < 256; pilot++) {
        if (!isUsable(bucket, pilot)) continue;
        const cost = pilotCost(bucket, pilot);
        const rank = cost === 0 ? pilot : pilot ^ turn;
        if (cost < best.cost || (cost === best.cost && cost < 255 && rank < best.rank)) {
          best = { cost, rank, pilot };
        }
        if (cost === 0) break;
      }
      if (best.pilot < 0) return undefined;
      for (const slot of slotsOf(bucket, best.pilot)) {
        const owner = owners[slot];
        if (owner === undefined) continue;
        owners.forEach((other, place) => {
          if (other === owner) owners[place] = undefined;
        });
        waiting.push(owner);
        evictions++;
      }
      if (evictions > n) return undefined;
      take(bucket, best.pilot);
      if (best.cost > 0) recent.push(bucket);
      if (recent.length > Math.min(16, bucketCount >> 2)) recent.shift();
    }
  }
  return pilots;
}
