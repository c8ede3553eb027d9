/** A process that opens the manifest in a file once and says in how many milliseconds: nothing is compiled yet. */

import { readFileSync } from 'node:fs';
import { openManifest } from '../src/format/manifest.ts';

const bytes = new Uint8Array(readFileSync(process.argv[2]!));
const start = performance.now();
openManifest(bytes);
process.stdout.write(String(performance.now() - start));
