/** The objects of one collection in a place that holds several: those whose names begin so. */

import type { ObjectSource } from './object-source.ts';

export class PrefixedSource implements ObjectSource {
  readonly #source: ObjectSource;
  readonly #prefix: string;

  /** `prefix` ends with a slash. */
  constructor(source: ObjectSource, prefix: string) {
    this.#source = source;
    this.#prefix = prefix;
  }

  get(name: string, lengthMax: number): Promise<Uint8Array | undefined> {
    return this.#source.get(this.#prefix + name, lengthMax);
  }
}
