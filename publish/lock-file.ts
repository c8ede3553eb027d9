/**
 * A lock between processes: a file that says whose it is.
 *
 * It appears with its content or not at all (a link), so it always says whose it is, and its holder
 * renews its time. What was left behind is taken away: the lock of a process of this host that has
 * ended, and any lock that nobody renewed for a quarter of an hour, because a host may be gone and a
 * container comes back under another name.
 */

import {
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { isAlive } from './is-alive.ts';

const LEASE_MS = 15 * 60_000;
const RENEW_MS = 60_000;
/** A process that starts anew in a container may get the id of the one that was killed there. */
const STARTED = String(Math.round(performance.timeOrigin));

/** A lock that was taken. */
export interface Lock {
  /** Whether it is still this one: a holder that slept past its lease has lost it. */
  isHeld(): boolean;
  release(): void;
}

let count = 0;

/**
 * The lock at `path`, or undefined while another one holds it. `claim` is a file name of this process
 * alone, in the same folder. Throws what the system says if the folder cannot be written.
 */
export function tryLock(path: string, claim: string): Lock | undefined {
  const owner = `${hostname()} ${process.pid} ${STARTED} ${count++}`;
  writeFileSync(claim, owner, { mode: 0o600 });
  try {
    // The second try follows upon the removal of a dead one's.
    if (!take(claim, path) && !(removeDead(path, claim) && take(claim, path))) return undefined;
  } finally {
    rmSync(claim, { force: true });
  }
  const isHeld = () => read(path) === owner;
  const timer = setInterval(() => isHeld() && renew(path), RENEW_MS).unref();
  return {
    isHeld,
    release: () => {
      clearInterval(timer);
      if (isHeld()) rmSync(path, { force: true });
    },
  };
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

function removeDead(path: string, claim: string): boolean {
  if (!isDead(path)) return false;
  const aside = `${claim}.dead`;
  try {
    renameSync(path, aside);
    // Between look and rename another process may have taken it: then it is given back.
    if (!isDead(aside)) linkSync(aside, path);
    return true;
  } catch {
    return true; // Another process was quicker: the second try will tell.
  } finally {
    rmSync(aside, { force: true });
  }
}

function isDead(path: string): boolean {
  const [host, pid, started] = read(path)?.split(' ') ?? [];
  if (host === undefined) return false; // Released just now.
  if (host === hostname()) {
    if (Number(pid) === process.pid) return started !== STARTED;
    if (!isAlive(Number(pid))) return true;
  }
  return isOver(path);
}

/** Whether nobody has renewed it for so long that its holder cannot be at work. */
function isOver(path: string): boolean {
  const modifiedAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return modifiedAt !== undefined && Date.now() - modifiedAt > LEASE_MS;
}

function renew(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // Gone, or on a disk that is: whoever asks isHeld() is told.
  }
}

/** Whose the lock is; undefined if it was released just now. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
