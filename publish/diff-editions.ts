/**
 * How two editions differ, by state: records added, gone, and of another category.
 *
 * Pages hold digests, not documents, so it can be told how many and not which. Under one epoch key a
 * record has the same fingerprint in both, and the difference of the two multisets of fingerprints is
 * the difference of the records, but for an added and a gone record that share one: a in 2^32 for each
 * pair, so 0.1 records for 20,000 added and 20,000 gone. Under two epoch keys nothing can be compared
 * but the counts; then nothing else is told.
 */

import type { Manifest, StateEntry } from '../src/format/manifest.ts';
import { equalBytes } from '../src/format/names.ts';
import { decodePage, slotsOffset } from '../src/format/page.ts';
import type { Restriction } from '../src/format/restrictions.ts';
import { inParallel } from './in-parallel.ts';
import { type ReadableStore, readObject } from './read-object.ts';

export interface StateDifference {
  state: string;
  /** Records before and after; 0 for a state that the edition does not have. */
  before: number;
  after: number;
  /** Undefined if the editions are of two epoch keys. */
  added?: number;
  gone?: number;
  /** Records of both, with another category. */
  changed?: number;
}

export interface EditionDifference {
  /** Whether both are of one epoch key, so that records can be compared. */
  isComparable: boolean;
  /** States in which anything differs, ascending by code. */
  states: StateDifference[];
  total: Omit<StateDifference, 'state'>;
  /** Who sees no records of whom in one of the two alone. */
  restrictions: { added: Restriction[]; gone: Restriction[] };
}

/** The difference from one edition of a store to another; throws what reading a page throws. */
export async function diffEditions(
  store: ReadableStore,
  before: Manifest,
  after: Manifest,
  { onProgress = () => {}, signal }: DiffOptions = {},
): Promise<EditionDifference> {
  const isComparable = equalBytes(before.epochKeyId, after.epochKeyId);
  const codes = new Set([...before.states(), ...after.states()].map(({ state }) => state));
  const total: EditionDifference['total'] = {
    ...{ before: before.recordCount, after: after.recordCount },
    ...(isComparable ? { added: 0, gone: 0, changed: 0 } : {}),
  };
  const states: StateDifference[] = [];
  let done = 0;
  for (const state of [...codes].sort()) {
    signal?.throwIfAborted();
    const [old, now] = [before.state(state), after.state(state)];
    const difference: StateDifference = {
      ...{ state, before: old?.recordCount ?? 0, after: now?.recordCount ?? 0 },
    };
    if (isComparable) {
      const changes = await compareState(store, { before, after, old, now });
      Object.assign(difference, changes);
      total.added! += changes.added;
      total.gone! += changes.gone;
      total.changed! += changes.changed;
    }
    const { added = 0, gone = 0, changed = 0 } = difference;
    if (difference.before !== difference.after || added + gone + changed > 0) {
      states.push(difference);
    }
    onProgress(++done, codes.size);
  }
  const [old, now] = [before.restrictions?.rows ?? [], after.restrictions?.rows ?? []];
  const restrictions = { added: onlyIn(now, old), gone: onlyIn(old, now) };
  return { isComparable, states, total, restrictions };
}

/** Both ascending and without equals. */
function onlyIn(rows: readonly Restriction[], others: readonly Restriction[]): Restriction[] {
  const known = new Set(others.map(({ source, excluded }) => `${source} ${excluded}`));
  return rows.filter(({ source, excluded }) => !known.has(`${source} ${excluded}`));
}

interface DiffOptions {
  /** States done, of how many. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal | undefined;
}

interface Sides {
  before: Manifest;
  after: Manifest;
  old: StateEntry | undefined;
  now: StateEntry | undefined;
}

/** Pages that both editions name are the same: they are not read. */
async function compareState(store: ReadableStore, { before, after, old, now }: Sides) {
  const isSame =
    old !== undefined &&
    old.shardCount === now?.shardCount &&
    ((shard: number) =>
      equalBytes(
        before.page('match', old.firstShard + shard).sha256,
        after.page('match', now.firstShard + shard).sha256,
      ));
  const [a, b] = await Promise.all([
    recordsOf(store, before, old, isSame),
    recordsOf(store, after, now, isSame),
  ]);
  return compare(a, b);
}

/** Fingerprint times 16 plus category of every record of a state, ascending: exact in a double. */
async function recordsOf(
  store: ReadableStore,
  manifest: Manifest,
  entry: StateEntry | undefined,
  isLeftOut: false | ((shard: number) => boolean),
): Promise<Float64Array> {
  if (!entry) return new Float64Array();
  const records = new Float64Array(entry.recordCount);
  let count = 0;
  const shards = Array.from({ length: entry.shardCount }, (_, shard) => shard);
  await inParallel(shards, async (shard) => {
    if (isLeftOut !== false && isLeftOut(shard)) return;
    const bytes = await readObject(
      store,
      'pages',
      manifest.page('match', entry.firstShard + shard),
    );
    const { keyCount, tableCount } = decodePage(bytes, {
      ...{ kind: 'match', state: entry.state, shardIndex: shard, shardCount: entry.shardCount },
      epochKeyId: manifest.epochKeyId,
    });
    if (keyCount === 0) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const slots = slotsOffset(tableCount);
    for (let slot = 0; slot < keyCount; slot++) records[count++] = slotAt(view, slots, slot);
  });
  return records.subarray(0, count).sort();
}

/** docs/format.md section 7: 36 bits, 32 of fingerprint and then 4 of category. */
function slotAt(view: DataView, slots: number, slot: number): number {
  const at = slots + Math.floor((9 * slot) / 2);
  const low = view.getUint32(at, true);
  const high = view.getUint8(at + 4);
  const fingerprint = slot % 2 === 0 ? low : (low >>> 4) + (high & 15) * 2 ** 28;
  const category = slot % 2 === 0 ? high & 15 : high >>> 4;
  return fingerprint * 16 + category;
}

/** Of two ascending lists: what is in one alone, by fingerprint; pairs of two categories apart. */
function compare(a: Float64Array, b: Float64Array) {
  let [i, j, added, gone, changed] = [0, 0, 0, 0, 0];
  while (i < a.length || j < b.length) {
    const x = i < a.length ? a[i]! : Number.POSITIVE_INFINITY;
    const y = j < b.length ? b[j]! : Number.POSITIVE_INFINITY;
    const [fingerprintX, fingerprintY] = [Math.floor(x / 16), Math.floor(y / 16)];
    if (fingerprintX === fingerprintY) {
      if (x !== y) changed++;
      i++;
      j++;
    } else if (fingerprintX < fingerprintY) {
      gone++;
      i++;
    } else {
      added++;
      j++;
    }
  }
  return { added, gone, changed };
}
