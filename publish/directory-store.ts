/**
 * A store that is a folder of this machine, or one that it has mounted.
 *
 * Every object is written beside its place, flushed to the disk and renamed into it, so that a name
 * never holds half an object, whatever is killed when. The head is compared and replaced under a lock.
 *
 * What is in it is signed and keyed and no secret, and others read it than who writes it: so files and
 * folders of editions have their modes whatever the writer's umask is. Who may look into the store at all,
 * the mode of its own folder says, if that was there before.
 */

import {
  chmodSync,
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { SltdError } from '../src/errors.ts';
import {
  equalBytes,
  HEAD_NAME,
  type ObjectFolder,
  objectName,
  sha256,
  toHex,
} from '../src/format/names.ts';
import { isAlive } from './is-alive.ts';
import { type Lock, tryLock } from './lock-file.ts';
import type { ObjectStore, PutResult, StoredEntry, StoredObject } from './object-store.ts';

const FOLDERS: readonly ObjectFolder[] = [
  'pages',
  'manifests',
  'overlays',
  'history',
  'gc',
  'images',
];
/** Of these whoever may look into the store may read everything: an edge, a web server, a copy. */
const READABLE: ReadonlySet<ObjectFolder> = new Set([
  'pages',
  'manifests',
  'overlays',
  'history',
  'gc',
]);
const READABLE_FILE = 0o644;
const READABLE_FOLDER = 0o755;
const LOCK_NAME = '.lock';
const LOCK_TIMEOUT_MS = 10_000;
const LOCK_POLL_MS = 20;
/** Names of objects that are not yet whole; readers never ask for them. */
const partialPrefix = (): string => `.partial-${hostname()}-`;

let partialCount = 0;

export class DirectoryStore implements ObjectStore {
  readonly location: string;
  readonly #path: string;
  #hasFolders = false;

  readonly #lockTimeoutMs: number;

  /** `path` need not be there; `lockTimeoutMs` is how long another writer of the head is waited for. */
  constructor(path: string, { lockTimeoutMs = LOCK_TIMEOUT_MS } = {}) {
    this.location = path;
    this.#path = path;
    this.#lockTimeoutMs = lockTimeoutMs;
  }

  async prepare(): Promise<void> {
    attempt('prepare', () => {
      this.#makeFolders();
      for (const folder of ['.', ...FOLDERS]) {
        for (const name of readdirSync(join(this.#path, folder))) {
          if (!name.startsWith(partialPrefix())) continue;
          const pid = Number.parseInt(name.slice(partialPrefix().length), 10);
          if (!isAlive(pid)) rmSync(join(this.#path, folder, name), { force: true });
        }
      }
    });
  }

  async get(name: string, lengthMax: number): Promise<StoredObject | undefined> {
    const file = await orIfMissing(open(join(this.#path, name), 'r'), undefined);
    if (!file) return undefined;
    let bytes: Buffer;
    try {
      // The length first: nobody reads an endless file.
      if ((await file.stat()).size > lengthMax) throw new SltdError('format-length');
      bytes = await file.readFile();
    } catch (cause) {
      throw cause instanceof SltdError ? cause : unavailable('read', cause);
    } finally {
      await file.close();
    }
    const content = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // A content-addressed object has one version for ever; only the head's is ever compared.
    return { bytes: content, version: name === HEAD_NAME ? await versionOf(content) : name };
  }

  async exists(name: string): Promise<boolean> {
    return (await orIfMissing(stat(join(this.#path, name)), undefined))?.isFile() ?? false;
  }

  async put(
    folder: ObjectFolder,
    bytes: Uint8Array,
    { overwrite = false } = {},
  ): Promise<PutResult> {
    const digest = await sha256(bytes);
    const path = join(this.#path, objectName(folder, digest));
    if (!overwrite && (await hasBytes(path, bytes))) return { sha256: digest, wasThere: true };
    this.#makeFolders();
    const partial = join(this.#path, folder, this.#partialName());
    try {
      const file = await open(partial, 'wx', READABLE_FILE);
      try {
        if (READABLE.has(folder)) await file.chmod(READABLE_FILE);
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(partial, path);
    } catch (cause) {
      await rm(partial, { force: true });
      throw unavailable('write', cause);
    }
    return { sha256: digest, wasThere: false };
  }

  async list(folder: ObjectFolder): Promise<StoredEntry[]> {
    const entries: StoredEntry[] = [];
    for (const base of await orIfMissing(readdir(join(this.#path, folder)), [])) {
      if (base.startsWith('.')) continue;
      const name = `${folder}/${base}`;
      // One that was taken away since is no entry.
      const found = await orIfMissing(stat(join(this.#path, name)), undefined);
      if (!found?.isFile()) continue;
      entries.push({ name, sizeBytes: found.size, modifiedAt: Math.floor(found.mtimeMs) });
    }
    return entries;
  }

  async delete(name: string): Promise<void> {
    try {
      await rm(join(this.#path, name), { force: true });
    } catch (cause) {
      throw unavailable('delete', cause);
    }
  }

  async flush(): Promise<void> {
    // Windows cannot open a folder as a file; there NTFS's journal keeps the names.
    if (process.platform === 'win32') return;
    this.#makeFolders();
    attempt('flush', () => {
      for (const folder of FOLDERS) flushFolder(join(this.#path, folder));
    });
  }

  replaceHead(bytes: Uint8Array, expectedVersion: string | undefined): Promise<string> {
    return this.#locked(async (isHeld) => {
      const before = await this.get(HEAD_NAME, Number.MAX_SAFE_INTEGER);
      const version = await versionOf(bytes);
      if (before?.version !== expectedVersion || !isHeld()) throw new SltdError('head-moved');
      this.#writeHead(bytes);
      return version;
    });
  }

  #writeHead(bytes: Uint8Array): void {
    const partial = join(this.#path, this.#partialName());
    attempt('head', () => {
      const file = openSync(partial, 'wx', READABLE_FILE);
      try {
        fchmodSync(file, READABLE_FILE);
        writeFileSync(file, bytes);
        fsyncSync(file);
        renameSync(partial, join(this.#path, HEAD_NAME));
      } catch (error) {
        rmSync(partial, { force: true });
        throw error;
      } finally {
        closeSync(file);
      }
      if (process.platform !== 'win32') flushFolder(this.#path);
    });
  }

  /** Runs `work` while no other process writes the head; it can ask whether that is still so. */
  async #locked<T>(work: (isHeld: () => boolean) => Promise<T>): Promise<T> {
    this.#makeFolders();
    const path = join(this.#path, LOCK_NAME);
    const deadline = Date.now() + this.#lockTimeoutMs;
    let lock = this.#takeLock(path);
    while (!lock) {
      if (Date.now() > deadline) {
        throw new SltdError('store-unavailable', { detail: 'another writer holds the lock' });
      }
      await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS * (1 + Math.random())));
      lock = this.#takeLock(path);
    }
    try {
      return await work(lock.isHeld);
    } finally {
      lock.release();
    }
  }

  #takeLock(path: string): Lock | undefined {
    try {
      return tryLock(path, join(this.#path, this.#partialName()));
    } catch (cause) {
      throw unavailable('lock', cause);
    }
  }

  #makeFolders(): void {
    if (this.#hasFolders) return;
    attempt('make', () => {
      makeReadable(this.#path);
      for (const folder of FOLDERS) {
        const path = join(this.#path, folder);
        if (READABLE.has(folder)) makeReadable(path);
        else mkdirSync(path, { recursive: true });
      }
    });
    this.#hasFolders = true;
  }

  #partialName(): string {
    return `${partialPrefix()}${process.pid}-${partialCount++}`;
  }
}

const versionOf = async (bytes: Uint8Array): Promise<string> => toHex(await sha256(bytes));

/** What was found, or `instead` if there is nothing of that name. */
async function orIfMissing<T, U>(found: Promise<T>, instead: U): Promise<T | U> {
  try {
    return await found;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return instead;
    throw unavailable('read', cause);
  }
}

/** Whether the file holds these very bytes: a damaged one is written again. */
async function hasBytes(path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    return (await stat(path)).size === bytes.length && equalBytes(await readFile(path), bytes);
  } catch {
    return false; // Not there, or not readable: writing says what is wrong.
  }
}

function attempt(what: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    throw unavailable(what, cause);
  }
}

/** The system's word for what is wrong (ENOSPC, EACCES), without a path. */
function unavailable(what: string, cause: unknown): SltdError {
  const { code = 'failed' } = cause as NodeJS.ErrnoException;
  return new SltdError('store-unavailable', { detail: `${what}: ${code}`, cause });
}

/** Makes the folder where there is none, and those above it; one that is there stays as its owner has it. */
function makeReadable(path: string): void {
  const first = mkdirSync(path, { recursive: true });
  if (first === undefined) return;
  const top = resolve(first);
  for (let made = resolve(path); made.startsWith(top); made = dirname(made)) {
    chmodSync(made, READABLE_FOLDER);
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
