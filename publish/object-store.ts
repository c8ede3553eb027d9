/**
 * The write side of edition storage: what a place must offer to have editions published to it.
 *
 * All objects but the head are named by their content (docs/format.md section 2), so putting one again
 * changes nothing. The head changes by compare-and-swap alone: of two writers who saw the same head,
 * one wins and the other is told so. No bytes that come from a store are trusted: callers check.
 */

import type { ObjectFolder } from '../src/format/names.ts';

/** An object as it is in the store. */
export interface StoredObject {
  bytes: Uint8Array;
  /** Of the head: what replaceHead() takes to say "the one that I saw". */
  version: string;
}

/** An object as a listing shows it. */
export interface StoredEntry {
  /** With its folder, such as `pages/e3b0…`. */
  name: string;
  sizeBytes: number;
  /** When it was last put, in milliseconds since 1970, by the clock of the store. */
  modifiedAt: number;
}

export interface PutResult {
  /** The name: 32 bytes. */
  sha256: Uint8Array;
  /** Whether an object of this name was there already; then nothing was sent or written. */
  wasThere: boolean;
}

/**
 * A place that holds editions. Every method throws 'store-unavailable' if the place cannot be read or
 * written in time, after retries where these are safe.
 */
export interface ObjectStore {
  /** As it was given to openStore(), for messages: it holds no secret. */
  readonly location: string;

  /** Makes what is needed for writing, and takes away what killed writers left. */
  prepare(): Promise<void>;

  /** The object, undefined if there is none; 'format-length' if it is over `lengthMax` bytes. */
  get(name: string, lengthMax: number): Promise<StoredObject | undefined>;

  exists(name: string): Promise<boolean>;

  /**
   * Puts an object under the name of its content, whole or not at all. `overwrite` writes also when
   * the name is there: it mends what was damaged, and renews the time of the object.
   */
  put(
    folder: ObjectFolder,
    bytes: Uint8Array,
    options?: { overwrite?: boolean },
  ): Promise<PutResult>;

  /** Every whole object in a folder, in no order. */
  list(folder: ObjectFolder): Promise<StoredEntry[]>;

  /** Takes an object away; nothing happens if it is not there. */
  delete(name: string): Promise<void>;

  /** What was put so far outlasts a power cut from here on. */
  flush(): Promise<void>;

  /**
   * Puts a new head in the place of the one of this version (undefined: of none), in one step, and
   * gives its version. Throws 'head-moved' and changes nothing if another one is there.
   */
  replaceHead(bytes: Uint8Array, expectedVersion: string | undefined): Promise<string>;
}
