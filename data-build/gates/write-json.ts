/** A JSON file that appears whole or not at all, and that only its owner may read. */

import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { writeAll } from '../key-file/key-file.ts';

/** Writes a value in the place of what was there. */
export function writeJson(path: string, value: unknown): void {
  const partial = `${path}.partial-${process.pid}`;
  try {
    const file = openSync(partial, 'w', 0o600);
    try {
      writeAll(file, Buffer.from(`${JSON.stringify(value, null, 2)}\n`));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(partial, path);
  } catch (cause) {
    rmSync(partial, { force: true });
    throw cause;
  }
}
