/** A lock is held by one process, and by nobody once that process is gone, whatever it is called now. */

import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { tryLock } from '../../publish/lock-file.ts';
import { workspace } from '../data-build/workspace.ts';

const space = workspace();
let count = 0;
const newPath = () => join(space.folder(`lock-${count++}`), 'lock');
const take = (path: string) => tryLock(path, `${path}.claim`);
const MINUTE_MS = 60_000;

describe('a lock', () => {
  afterEach(() => void vi.useRealTimers());

  test('is held by one, and free once it is released', () => {
    const path = newPath();
    const lock = take(path)!;
    expect(lock.isHeld()).toBe(true);
    expect(take(path)).toBeUndefined();
    lock.release();
    expect(readdirSync(join(path, '..'))).toEqual([]);
    expect(take(path)).toBeDefined();
  });

  test.each([
    ['a process of this host that has ended', `${hostname()} 999999999 1 0`, 0, true],
    ['a process of this host', `${hostname()} ${process.ppid} 1 0`, 0, false],
    ['one before this process that had its id', `${hostname()} ${process.pid} 1 0`, 0, true],
    ['another host', 'elsewhere 1 1 0', 14, false],
    ['another host that does not renew it', 'elsewhere 1 1 0', 16, true],
    [
      'an id that another program has after a restart',
      `${hostname()} ${process.ppid} 1 0`,
      16,
      true,
    ],
  ])('of %s', (_, content, ageMinutes, isFree) => {
    const path = newPath();
    writeFileSync(path, content);
    const time = new Date(Date.now() - ageMinutes * MINUTE_MS);
    utimesSync(path, time, time);
    expect(take(path) !== undefined).toBe(isFree);
  });

  test('is renewed for as long as it is held', () => {
    vi.useFakeTimers({ now: Date.now() });
    const path = newPath();
    const lock = take(path)!;
    const before = statSync(path).mtimeMs;
    vi.advanceTimersByTime(30 * MINUTE_MS);
    expect(statSync(path).mtimeMs - before).toBeGreaterThan(28 * MINUTE_MS);
    expect(take(path)).toBeUndefined();
    lock.release();
  });

  test('that another has taken is neither renewed nor released', () => {
    const path = newPath();
    const lock = take(path)!;
    writeFileSync(path, 'elsewhere 1 1 0');
    expect(lock.isHeld()).toBe(false);
    lock.release();
    expect(readFileSync(path, 'utf8')).toBe('elsewhere 1 1 0');
  });
});
