/** The compiled matcher core, for Node. A Worker imports the file instead. */

import { readFileSync } from 'node:fs';
import { SltdError } from '../src/errors.ts';

const MODULE_FILE = new URL('../build/matcher.wasm', import.meta.url);

/** Reads and compiles build/matcher.wasm; config-invalid if it has not been built. */
export function readMatcherModule(): WebAssembly.Module {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(readFileSync(MODULE_FILE));
  } catch (cause) {
    throw new SltdError('config-invalid', { detail: 'run: npm run wasm', cause });
  }
  return new WebAssembly.Module(bytes);
}
