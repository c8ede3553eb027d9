/**
 * The floor: how new the newest edition is that has been seen; nothing older is ever taken (S6).
 *
 * It is kept in three places: in memory while an isolate lives, by a keeper that outlasts isolates,
 * and in the settings, from the deployment on. Each of them only ever goes up. The sequence alone
 * does not do: a head key could put an old edition under a new sequence. So the floor also holds what
 * other keys have said: when the edition was permitted, and up to when its overlay goes.
 */

import type { Head } from '../format/head.ts';

/** Times in milliseconds since 1970. */
export interface Floor {
  sequence: number;
  /** Of the newest permit; 0 if none was seen. */
  permittedAt: number;
  /** asOf of the newest overlay under that permit; 0 if none was seen. */
  overlayAsOf: number;
}

/** Remembers floors longer than an isolate lives. */
export interface FloorKeeper {
  /** Raises what is kept to at least this floor, and says what is kept then. */
  raise(floor: Floor): Promise<Floor>;
}

export const NO_FLOOR: Floor = { sequence: 0, permittedAt: 0, overlayAsOf: 0 };

/** The floor that an edition in use makes. */
export function floorOf(
  { sequence, permittedAt }: Pick<Head, 'sequence' | 'permittedAt'>,
  overlayAsOf = 0,
): Floor {
  return { sequence, permittedAt, overlayAsOf };
}

/** The lowest floor that is above both. */
export function higherOf(a: Floor, b: Floor): Floor {
  const sequence = Math.max(a.sequence, b.sequence);
  // An overlay counts within its permit: a new edition holds what the overlay before it held.
  if (a.permittedAt === b.permittedAt) {
    const overlayAsOf = Math.max(a.overlayAsOf, b.overlayAsOf);
    return { sequence, permittedAt: a.permittedAt, overlayAsOf };
  }
  const { permittedAt, overlayAsOf } = a.permittedAt > b.permittedAt ? a : b;
  return { sequence, permittedAt, overlayAsOf };
}

/** Whether something of this state lies below the floor. */
export function isBelow(state: Floor, floor: Floor): boolean {
  return (
    state.sequence < floor.sequence ||
    state.permittedAt < floor.permittedAt ||
    (state.permittedAt === floor.permittedAt && state.overlayAsOf < floor.overlayAsOf)
  );
}

/** The floor in a value from outside, such as a stored one; undefined if it is none. */
export function floorFrom(value: unknown): Floor | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { sequence, permittedAt, overlayAsOf } = value as Record<string, unknown>;
  if (!isCount(sequence) || !isCount(permittedAt) || !isCount(overlayAsOf)) return undefined;
  return { sequence, permittedAt, overlayAsOf };
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;
