/**
 * Lists, a page at a time: `?limit=` and an opaque `?cursor=`, answered with `items` and `next`.
 *
 * A cursor holds the sort values of the last item, never a document number, and is no permission:
 * the query it continues has its own conditions on who sees what. A list that grows meanwhile
 * neither repeats nor skips an item that was there.
 */

import * as v from 'valibot';
import { SltdError } from '../../src/errors.ts';
import { Id } from '../../src/format/forms.ts';
import type { CentralContext } from './context.ts';

const LIMIT_DEFAULT = 50;
/** Items of a page at most. */
const PAGE_LIMIT_MAX = 200;
const CURSOR_LENGTH_MAX = 512;

/** Place in a list that is in order of time: milliseconds since 1970, and the id among equals. */
export const TimePosition = v.tuple([v.pipe(v.number(), v.safeInteger()), Id]);
export type TimePosition = v.InferOutput<typeof TimePosition>;

/** One page of a list. */
export interface Page<T> {
  items: T[];
  /** Cursor of the next page; absent on the last. */
  next?: string;
}

/** What a caller asked for. */
export interface PageRequest<Position> {
  limit: number;
  /** Sort values of the last item seen; undefined for the first page. */
  after: Position | undefined;
}

/** The page asked for; throws 'request-invalid' on a bad limit, 'cursor-invalid' on a bad cursor. */
export function pageRequest<Position>(
  c: CentralContext,
  position: v.GenericSchema<unknown, Position>,
): PageRequest<Position> {
  const text = c.req.query('limit');
  const limit = text === undefined ? LIMIT_DEFAULT : /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > PAGE_LIMIT_MAX) throw new SltdError('request-invalid');
  const cursor = c.req.query('cursor');
  return { limit, after: cursor === undefined ? undefined : decodeCursor(cursor, position) };
}

/**
 * The page of up to `limit` rows, given one row more where there is one: that tells whether there is
 * a next page without counting.
 */
export function pageOf<Row, T>(
  rows: readonly Row[],
  { limit }: { limit: number },
  { view, positionOf }: { view: (row: Row) => T; positionOf: (row: Row) => unknown },
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const items = shown.map(view);
  if (rows.length <= limit || last === undefined) return { items };
  return { items, next: encodeCursor(positionOf(last)) };
}

const encodeCursor = (position: unknown): string =>
  Buffer.from(JSON.stringify(position)).toString('base64url');

function decodeCursor<Position>(
  cursor: string,
  position: v.GenericSchema<unknown, Position>,
): Position {
  if (cursor.length <= CURSOR_LENGTH_MAX && /^[\w-]+$/.test(cursor)) {
    try {
      const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
      const result = v.safeParse(position, value);
      if (result.success) return result.output;
    } catch {
      // Not JSON: not a cursor of ours.
    }
  }
  throw new SltdError('cursor-invalid');
}
