/**
 * `npm run build:workerd`: a folder with all that a bare workerd process needs to be the edge.
 *
 * The bundle of production, and a config that reads every setting from the environment.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../bench/workerd.ts';
import { EDGE_SETTINGS } from '../data-build/keys/key-settings.ts';
import { workerdConfig } from '../host/workerd-config.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUT = join(ROOT, 'build/workerd');
/** Those that do not come from keys (docs/api.md). */
const PLAIN_SETTINGS = [
  ...['EDITIONS_ORIGIN', 'COLLECTION', 'COLLECTIONS', 'CENTRAL_URL', 'CHECK_EVENTS'],
  ...['FRESH_SECONDS', 'STALE_SECONDS', 'POLL_SECONDS'],
  ...['SEQUENCE_FLOOR', 'PERMIT_FLOOR', 'OVERLAY_FLOOR'],
  ...['FILTER_ARENA_BYTES', 'MATCH_ARENA_BYTES'],
];

bundle(join(ROOT, 'wrangler.toml'), OUT, 'production');
const floorsDir = join(OUT, 'floors');
mkdirSync(floorsDir, { recursive: true, mode: 0o700 });
const settings = [...PLAIN_SETTINGS, ...Object.keys(EDGE_SETTINGS)];
const address = '127.0.0.1:8787';
const config = join(OUT, 'config.capnp');
writeFileSync(config, workerdConfig({ bundleDir: OUT, settings, address, floorsDir }));
console.log('build/workerd/config.capnp');
