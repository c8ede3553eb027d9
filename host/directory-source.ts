/**
 * Objects from a folder of this machine: an own host, or a copy on a ship.
 *
 * The folder is trusted as little as any other source: length before read here, hash and signature
 * where the objects are used.
 */

import { DirectoryStore } from '../publish/directory-store.ts';
import { SltdError } from '../src/errors.ts';
import { withDeadline } from '../src/store/deadline.ts';
import { OBJECT_TIMEOUT_MS, type ObjectSource } from '../src/store/object-source.ts';

export class DirectorySource implements ObjectSource {
  readonly #store: DirectoryStore;

  /** `path` is an edition directory; it may come and go, as a mounted disk does. */
  constructor(path: string) {
    this.#store = new DirectoryStore(path);
  }

  async get(name: string, lengthMax: number): Promise<Uint8Array | undefined> {
    try {
      const object = await withDeadline(this.#store.get(name, lengthMax), {
        timeoutMs: OBJECT_TIMEOUT_MS,
        onTimeout: () => new SltdError('page-unavailable', { detail: 'directory timed out' }),
      });
      return object?.bytes;
    } catch (cause) {
      // What a store calls unavailable is to a reader a page that cannot be had.
      if (cause instanceof SltdError && cause.code !== 'store-unavailable') throw cause;
      throw new SltdError('page-unavailable', { detail: 'directory failed', cause });
    }
  }
}
