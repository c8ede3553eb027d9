/**
 * Where the objects of docs/format.md section 2 come from.
 *
 * A source knows names and bytes, nothing of what they mean. What it hands out is not trusted: the
 * store checks hash, signature and structure. Absence is `undefined`, never an empty object.
 */

export interface ObjectSource {
  /**
   * The whole object, or undefined if there is none of that name. Throws 'page-unavailable' when
   * the source cannot be read in time and 'format-length' over `lengthMax` bytes.
   */
  get(name: string, lengthMax: number): Promise<Uint8Array | undefined>;
}

/** Longest wait for one object, in milliseconds: a border post will not wait for a second retry. */
export const OBJECT_TIMEOUT_MS = 2_000;
