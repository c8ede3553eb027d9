/**
 * An edition directory: pages/, manifests/, overlays/ and head, as docs/format.md section 2 names them.
 *
 * Every object is written beside its place, flushed to the disk and renamed into it, so that a name
 * never holds half an object, whatever is killed when. The head changes under a lock, because a
 * heartbeat and a build may come at the same time and the sequence must never go down.
 */

import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { SltdError } from '../src/errors.ts';
import {
  checkContent,
  equalBytes,
  HEAD_NAME,
  type ObjectFolder,
  objectName,
  sha256,
} from '../src/format/names.ts';
import { writeAll } from './key-file.ts';
import { isAlive } from './temp-dir.ts';

const FOLDERS: readonly ObjectFolder[] = ['pages', 'manifests', 'overlays'];
const LOCK_NAME = '.lock';
/** Names of objects that are not yet whole; readers never ask for them. */
const partialPrefix = (): string => `.partial-${hostname()}-`;

let partialCount = 0;

export class EditionDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Makes the folders, and takes away what a killed writer of this host left. */
  prepare(): void {
    for (const folder of FOLDERS) mkdirSync(join(this.path, folder), { recursive: true });
    for (const folder of ['.', ...FOLDERS]) {
      for (const name of readdirSync(join(this.path, folder))) {
        if (!name.startsWith(partialPrefix())) continue;
        const pid = Number.parseInt(name.slice(partialPrefix().length), 10);
        if (!isAlive(pid)) rmSync(join(this.path, folder, name), { force: true });
      }
    }
  }

  /** The bytes of an object, checked against its name; 'page-unavailable' if it is not there. */
  async readObject(
    folder: ObjectFolder,
    reference: { sha256: Uint8Array; length: number },
  ): Promise<Uint8Array> {
    let bytes: Buffer;
    try {
      bytes = await readFile(join(this.path, objectName(folder, reference.sha256)));
    } catch (cause) {
      throw new SltdError('page-unavailable', { detail: `missing in ${folder}`, cause });
    }
    const content = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    await checkContent(content, reference);
    return content;
  }

  /** Bytes of the head; undefined if there is none. */
  readHead(): Uint8Array | undefined {
    const path = join(this.path, HEAD_NAME);
    return existsSync(path) ? new Uint8Array(readFileSync(path)) : undefined;
  }

  /** Writes an object under the name of its content, unless it is there already; its SHA-256. */
  async writeObject(folder: ObjectFolder, bytes: Uint8Array): Promise<Uint8Array> {
    const digest = await sha256(bytes);
    const path = join(this.path, objectName(folder, digest));
    if (existsSync(path) && equalBytes(await readFile(path), bytes)) return digest;
    const partial = join(this.path, folder, this.#partialName());
    try {
      const file = await open(partial, 'wx', 0o644);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(partial, path);
    } catch (cause) {
      await rm(partial, { force: true });
      throw cause;
    }
    return digest;
  }

  /** Makes the names written so far outlast a power cut. */
  flushNames(): void {
    // Windows cannot open a folder as a file; there NTFS's journal keeps the names.
    if (process.platform === 'win32') return;
    for (const folder of FOLDERS) flushFolder(join(this.path, folder));
  }

  /** Puts a new head in the place of the old one, in one step. Call it under the lock. */
  replaceHead(bytes: Uint8Array): void {
    const partial = join(this.path, this.#partialName());
    const file = openSync(partial, 'wx', 0o644);
    try {
      writeAll(file, bytes);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(partial, join(this.path, HEAD_NAME));
    if (process.platform !== 'win32') flushFolder(this.path);
  }

  /** Runs `work` while nobody else writes; 'config-invalid' if another writer does not end. */
  async locked<T>(work: () => Promise<T> | T, { timeoutMs = 10_000 } = {}): Promise<T> {
    mkdirSync(this.path, { recursive: true });
    const path = join(this.path, LOCK_NAME);
    const deadline = Date.now() + timeoutMs;
    while (!this.#takeLock(path)) {
      if (Date.now() > deadline) {
        throw new SltdError('config-invalid', { detail: 'another writer holds the directory' });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    try {
      return await work();
    } finally {
      rmSync(path, { force: true });
    }
  }

  /** A link appears with its content or not at all, so a lock always says whose it is. */
  #takeLock(path: string): boolean {
    const claim = join(this.path, this.#partialName());
    writeFileSync(claim, `${hostname()} ${process.pid}`, { flag: 'wx', mode: 0o600 });
    try {
      linkSync(claim, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      this.#removeDeadLock(path);
      return false;
    } finally {
      rmSync(claim, { force: true });
    }
  }

  /** A writer that was killed leaves its lock; its process id tells. */
  #removeDeadLock(path: string): void {
    if (!isLockDead(path)) return;
    const aside = join(this.path, this.#partialName());
    try {
      renameSync(path, aside);
      // Between look and rename another waiter may have taken it: then it is given back.
      if (!isLockDead(aside)) linkSync(aside, path);
    } catch {
      // Another waiter was quicker.
    }
    rmSync(aside, { force: true });
  }

  #partialName(): string {
    return `${partialPrefix()}${process.pid}-${partialCount++}`;
  }
}

function isLockDead(path: string): boolean {
  try {
    const [host, pid] = readFileSync(path, 'utf8').split(' ');
    return host === hostname() && !isAlive(Number(pid));
  } catch {
    return false; // Released just now.
  }
}

function flushFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
