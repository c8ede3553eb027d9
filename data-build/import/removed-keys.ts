/**
 * Which documents the difference files take out of the list, and which file does it last.
 *
 * A document that a still later file lists again is listed. Differences of a day are small, so they
 * are held in memory.
 */

import { CLASS_LETTER } from '../../src/document/document-class.ts';
import type { RecordConsumer, RowReader } from './row-reader.ts';

/** Remembers which keys the difference files take away, and by which file. */
export class RemovedKeys implements RecordConsumer {
  readonly byKey = new Map<string, number>();
  #fileIndex = 0;

  startFile(index: number): this {
    this.#fileIndex = index;
    return this;
  }

  accept(row: RowReader): void {
    const number = Buffer.from(row.number.subarray(0, row.numberLength)).toString('latin1');
    for (const documentClass of row.classes) {
      const key = CLASS_LETTER[documentClass] + row.state.padEnd(3, '<') + number;
      this.byKey.set(key, this.#fileIndex);
    }
  }
}
