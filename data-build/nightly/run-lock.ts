/**
 * One run at a time: a file that says which process has it.
 *
 * It appears with its content or not at all (a link), so it always says whose it is; what a killed run of
 * this host left is taken away. On a shared disk the run of another host counts as alive.
 */

import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isAlive } from '../../publish/is-alive.ts';
import { SltdError } from '../../src/errors.ts';

/** Runs `work` while no other run does; 'job-running' if one is under way. */
export async function withRunLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const claim = `${path}.${process.pid}`;
  writeFileSync(claim, `${hostname()} ${process.pid}\n`, { mode: 0o600 });
  try {
    // The second try follows upon the removal of a dead one's.
    if (!take(claim, path) && !(removeDead(path) && take(claim, path))) {
      throw new SltdError('job-running');
    }
  } finally {
    rmSync(claim, { force: true });
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function take(claim: string, path: string): boolean {
  try {
    linkSync(claim, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

function removeDead(path: string): boolean {
  if (!isDead(path)) return false;
  const aside = `${path}.${process.pid}.dead`;
  try {
    renameSync(path, aside);
    // Between look and rename another run may have taken it: then it is given back.
    if (!isDead(aside)) linkSync(aside, path);
    return true;
  } catch {
    return true; // Another run was quicker: the second try will tell.
  } finally {
    rmSync(aside, { force: true });
  }
}

function isDead(path: string): boolean {
  try {
    const [host, pid] = readFileSync(path, 'utf8').trim().split(' ');
    return host === hostname() && !isAlive(Number(pid));
  } catch {
    return false; // Released just now.
  }
}
