/**
 * A private folder for one build: canonical keys lie in it, so nobody else may read it and nothing of
 * it may stay.
 *
 * A build that was killed cannot clean up after itself; the next one on the same host removes what a
 * dead process left behind.
 */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from '../publish/is-alive.ts';

export interface TempDir {
  path: string;
  remove(): void;
}

/** A new folder with mode 700 under `root`, by default the machine's temporary folder. */
export function openTempDir(root = tmpdir()): TempDir {
  removeLeftovers(root);
  const path = mkdtempSync(join(root, `${prefix()}${process.pid}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** The host is in the name because a shared folder holds process ids of other machines. */
const prefix = (): string => `sltd-${hostname().replace(/[^A-Za-z0-9]/g, '')}-`;

function removeLeftovers(root: string): void {
  for (const name of readdirSync(root)) {
    if (!name.startsWith(prefix())) continue;
    const pid = Number.parseInt(name.slice(prefix().length), 10);
    if (Number.isInteger(pid) && pid > 0 && !isAlive(pid)) {
      rmSync(join(root, name), { recursive: true, force: true });
    }
  }
}
