/**
 * The shape of a list: what the gates compare of two nights. Counts, times, names of columns; no record.
 */

import type { Restriction } from '../../src/format/restrictions.ts';

/** What is known of a list once its edition is built. */
export interface ListShape {
  /** Up to when the list is complete, in milliseconds since 1970. */
  asOf: number;
  /** Which export, read by which profile: 64 hexadecimal digits (inputs-digest.ts). */
  inputsSha256: string;
  /** Distinct keys of each state that has any. */
  states: Readonly<Record<string, number>>;
  /** Who sees nothing of whose records; absent in the shape of a single feed. */
  restrictions?: readonly Restriction[];
  /** What only the record of a build knows; the signed manifest does without. */
  input: InputShape | undefined;
}

/** What is known of the files a list was made from. */
export interface InputShape {
  /** Keys of the accepted rows, equal ones counted each time. */
  keys: number;
  /** Sizes of the files as delivered, in their order, in bytes. */
  fileBytes: readonly number[];
  /** Names of the columns or members of all files, folded, sorted. */
  columns: readonly string[];
}

/** Distinct keys of all states. */
export const recordsOf = ({ states }: Pick<ListShape, 'states'>): number =>
  Object.values(states).reduce((sum, count) => sum + count, 0);
