/**
 * Collection: one list that a check may ask, with all that is its own.
 *
 * Editions, overlay, floor and trusted keys belong to a collection alone, and so does the central
 * service that confirms its candidates: whoever may sign for one list has no say in another. What
 * the collections of an edge share is the wasm with its arenas, the epoch keys and the limits of
 * freshness.
 */

import type { EditionStore } from '../store/edition-store.ts';
import type { Defer, PageStore } from '../store/page-store.ts';
import type { CentralClient } from './confirmation.ts';

export interface Collection {
  /** As in its manifests. */
  name: string;
  editions: EditionStore;
  pages: PageStore;
  /** Undefined: candidates stay candidates. */
  central: CentralClient | undefined;
  /** Sends an audit line to its central after the answer; undefined: the log alone has it. */
  postEvent: ((line: string, defer: Defer) => void) | undefined;
}
