/**
 * The gates: whether a list is so unlike the one in force that a person has to look at it first.
 *
 * A truncated export is valid text, and each of its rows is right; only yesterday tells that a third is
 * missing, and every missing record would be answered clear. A gate never says that a list is good. Each
 * is a few lines over two shapes; thresholds stand in limits.ts.
 */

import type { Restriction } from '../../src/format/restrictions.ts';
import type { GateLimits } from './limits.ts';
import { type ListShape, recordsOf } from './list-shape.ts';

/** Files below this may change their size as they like. */
const SMALL_FILE_BYTES = 64 * 1024;
/** Lines of a reason; the rest is counted. */
const STATES_MAX = 20;

export const GATES = {
  stale: 'the export is older than the one in force',
  replayed: 'it is the export in force under a later time, or a list that was replaced before',
  'shrink-total': 'too many records are gone',
  'shrink-state': 'too many records of a state are gone',
  'state-vanished': 'a state that had records has none',
  'growth-total': 'too many records are new',
  'growth-state': 'too many records of a state are new',
  duplicates: 'far more equal keys than before',
  schema: 'columns appeared or are gone',
  'restriction-gone': 'a state would see records that were kept from it',
  'file-size': 'a file is far larger or smaller than the last one',
  baseline: 'the edition in force cannot be read, so nothing was compared',
  replay: 'the edition in force and the operations since then do not make it, or nobody has looked',
} as const;

/** Name of a gate: what a release names. */
export type GateName = keyof typeof GATES;

/** One gate that did not let the list through. */
export interface Refusal {
  gate: GateName;
  /** What was found, with figures; names of states and columns, nothing of a record. */
  details: string[];
}

/** What the gates said about a list. */
export interface GateResult {
  refusals: Refusal[];
  /** Gates that had nothing to compare with. */
  unchecked: GateName[];
}

interface Pair {
  before: ListShape;
  now: ListShape;
  limits: GateLimits;
}

/** Lines on what is wrong; none lets the list through, undefined says that it cannot be told. */
type Gate = (pair: Pair) => string[] | undefined;

const CHECKS: Readonly<Record<Exclude<GateName, 'baseline' | 'replay'>, Gate>> = {
  stale: ({ before, now }) =>
    now.asOf < before.asOf ? [`complete up to ${isoOf(now)}, in force is ${isoOf(before)}`] : [],

  // The same export at its own time is the same edition once more, as after a change of keys.
  replayed: ({ before, now }) =>
    now.asOf > before.asOf && now.inputsSha256 === before.inputsSha256
      ? [`said to be complete up to ${isoOf(now)}, its content is that of ${isoOf(before)}`]
      : [],

  'shrink-total': ({ before, now, limits }) => {
    const counts = { before: recordsOf(before), now: recordsOf(now) };
    return shrinks(counts, { limits, of: 'total' }) ? [changeOf(counts)] : [];
  },

  'shrink-state': ({ before, now, limits }) =>
    eachState(before, now, (counts) => counts.now > 0 && shrinks(counts, { limits, of: 'state' })),

  'state-vanished': ({ before, now }) => eachState(before, now, (counts) => counts.now === 0),

  'growth-total': ({ before, now, limits }) => {
    const counts = { before: recordsOf(before), now: recordsOf(now) };
    return grows(counts, { limits, of: 'total' }) ? [changeOf(counts)] : [];
  },

  'growth-state': ({ before, now, limits }) =>
    eachState(before, now, (counts) => grows(counts, { limits, of: 'state' })),

  duplicates: ({ before, now, limits }) => {
    const [then, today] = [equalShare(before), equalShare(now)];
    if (then === undefined || today === undefined) return undefined;
    if (today - then <= limits['duplicates-points'] / 100) return [];
    return [`${percent(today)} of the keys stand there more than once, before ${percent(then)}`];
  },

  schema: ({ before, now }) => {
    if (!before.input || !now.input) return undefined;
    const [then, today] = [new Set(before.input.columns), new Set(now.input.columns)];
    const gone = before.input.columns.filter((name) => !today.has(name));
    const added = now.input.columns.filter((name) => !then.has(name));
    return [
      ...(gone.length > 0 ? [`gone: ${gone.join(', ')}`] : []),
      ...(added.length > 0 ? [`new: ${added.join(', ')}`] : []),
    ];
  },

  // Access that was given once is not taken back: what it told is known.
  'restriction-gone': ({ before, now }) => {
    const nameOf = ({ source, excluded }: Restriction) => `records of ${source} to ${excluded}`;
    const kept = new Set(now.restrictions?.map(nameOf));
    const gone = (before.restrictions ?? []).map(nameOf).filter((name) => !kept.has(name));
    return linesOf(gone, 'pairs of states');
  },

  'file-size': ({ before, now, limits }) => {
    if (!before.input || !now.input) return undefined;
    let [then, today] = [before.input.fileBytes, now.input.fileBytes];
    // Other files than before: then only all of them together can be compared.
    if (then.length !== today.length) [then, today] = [[sum(then)], [sum(today)]];
    const times = limits['file-size-times'];
    return today.flatMap((bytes, index) => {
      const last = then[index]!;
      if (Math.max(bytes, last) < SMALL_FILE_BYTES) return [];
      if (bytes < last * times && bytes * times > last) return [];
      return [`file ${index + 1}: ${figure(bytes)} bytes, before ${figure(last)}`];
    });
  },
};

/** Asks every gate. */
export function checkGates(pair: Pair): GateResult {
  const result: GateResult = { refusals: [], unchecked: [] };
  for (const gate of Object.keys(CHECKS) as (keyof typeof CHECKS)[]) {
    const details = CHECKS[gate](pair);
    if (details === undefined) result.unchecked.push(gate);
    else if (details.length > 0) result.refusals.push({ gate, details });
  }
  return result;
}

/** What refused a list, with figures, in one line. */
export const refusalText = (refusals: readonly Refusal[]): string =>
  refusals.map(({ gate, details }) => `${gate} (${details.join('; ')})`).join(', ');

interface Counts {
  before: number;
  now: number;
}

type Of = { limits: GateLimits; of: 'total' | 'state' };

function shrinks({ before, now }: Counts, { limits, of }: Of): boolean {
  const share = (before * limits[`shrink-${of}-percent`]) / 100;
  // Half of what there was is never a small change.
  return before - now > Math.max(share, Math.min(limits[`shrink-${of}-records`], before / 2));
}

function grows({ before, now }: Counts, { limits, of }: Of): boolean {
  const share = (before * limits[`growth-${of}-percent`]) / 100;
  return now - before > Math.max(share, limits[`growth-${of}-records`]);
}

/** A line for each state that is unlike before, in the order of their codes. */
function eachState(
  before: ListShape,
  now: ListShape,
  isUnlike: (counts: Counts) => boolean,
): string[] {
  const states = [...new Set([...Object.keys(before.states), ...Object.keys(now.states)])].sort();
  const lines = states.flatMap((state) => {
    const counts = { before: before.states[state] ?? 0, now: now.states[state] ?? 0 };
    return counts.before !== counts.now && isUnlike(counts)
      ? [`${state}: ${changeOf(counts)}`]
      : [];
  });
  return linesOf(lines, 'states');
}

function linesOf(lines: string[], what: string): string[] {
  const more = lines.length - STATES_MAX;
  return more > 0 ? [...lines.slice(0, STATES_MAX), `and ${more} more ${what}`] : lines;
}

/** Share of the keys that stood there before them; undefined if nobody counted. */
function equalShare(shape: ListShape): number | undefined {
  const keys = shape.input?.keys;
  if (keys === undefined) return undefined;
  return keys === 0 ? 0 : (keys - recordsOf(shape)) / keys;
}

function changeOf({ before, now }: Counts): string {
  const share =
    before === 0 ? '' : ` (${now < before ? '' : '+'}${percent((now - before) / before)})`;
  return `${figure(before)} records before, ${figure(now)} now${share}`;
}

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);
const figure = (value: number): string => value.toLocaleString('en-US');
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const isoOf = ({ asOf }: ListShape): string => new Date(asOf).toISOString();
