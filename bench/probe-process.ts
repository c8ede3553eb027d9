/** `probe-process.ts KEYS ASKED`: what the probes that ship take in this process, as JSON (probe-limits.ts). */

import { shippedNanos } from './probe-limits.ts';

const [keyCount, asked] = process.argv.slice(2).map(Number);
process.stdout.write(JSON.stringify(shippedNanos(keyCount!, asked!)));
