/**
 * Steps of a build that need not be done twice: with a work directory, a build that was killed goes on
 * behind its last finished step.
 *
 * Half a file is never trusted: a step counts as finished when its marker is there, whole, made from
 * the same inputs, keys and options, and every file that it left has the length and checksum of then.
 * Otherwise it and all steps behind it are done again. Canonical keys lie in the directory until a
 * build succeeds: nobody else may read it.
 */

import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import xxhash from 'xxhash-wasm';
import { type Lock, tryLock } from '../publish/lock-file.ts';
import { SltdError } from '../src/errors.ts';
import { readAll } from './key-file/key-file.ts';
import type { TempDir } from './temp-dir.ts';

/** To be raised when a step leaves something else than before. */
const STEPS_VERSION = 1;
const LOCK_NAME = 'lock';
/** What a build may leave in its work directory. */
const OWN_NAME = /^(lock(\.\d+(\.dead)?)?|keys|digests-\d+|[a-z]+\.done(\.partial)?|parquet-.*)$/;
const SHA256_BYTES = 32;
const READ_BYTES = 4 * 1024 * 1024;

/** A file that a finished step left. */
interface LeftFile {
  name: string;
  length: number;
  xxh64: bigint;
}

/** What a marker says; it lies behind the SHA-256 of its bytes. */
interface Marker {
  key: string;
  files: LeftFile[];
  value: unknown;
}

/**
 * Stands for everything that a step's result depends on beside the steps before. Where it takes long to
 * tell from the inputs, the work tells it of itself, and the inputs are asked only about work done before.
 */
export type StepKey<T> = string | { ofInputs(): Promise<string>; ofResult(value: T): string };

/** The finished steps of one build. */
export interface Steps {
  /** Folder for the files of the steps. */
  readonly path: string;
  /** Whether anything is kept at all. */
  readonly isKept: boolean;
  /**
   * What the step left the last time, or what `work` answers now; `files` are the paths of what it
   * leaves.
   */
  once<T>(
    name: string,
    key: StepKey<T>,
    work: () => Promise<T>,
    files: (value: T) => readonly string[],
  ): Promise<T>;
  /** Makes a step unfinished. */
  forget(name: string): void;
  /** Lets go of the folder; `isDone` takes everything in it away. */
  close(isDone: boolean): void;
}

/** Steps of a build that keeps nothing: its folder goes away with it, however it ends. */
export function passingSteps({ path, remove }: TempDir): Steps {
  return {
    ...{ path, isKept: false },
    once: (_name, _key, work) => work(),
    forget: () => {},
    close: remove,
  };
}

/** The steps in a work directory, made if absent; 'config-invalid' while another build is in it. */
export function openSteps(directory: string): Steps {
  const path = resolve(directory);
  const lock = takeDirectory(path);
  // Of all steps so far: what one was made from is part of what the next is made from.
  let chain = `${STEPS_VERSION} ${path}`;
  let isBroken = false;
  const kept = new Set([LOCK_NAME]);
  const markerOf = (name: string): string => `${name}.done`;
  return {
    ...{ path, isKept: true },
    once: async <T>(
      name: string,
      key: StepKey<T>,
      work: () => Promise<T>,
      files: (value: T) => readonly string[],
    ): Promise<T> => {
      const linked = (own: string): string =>
        createHash('sha256').update(`${chain}\n${name}\n${own}`).digest('hex');
      const marker = isBroken ? undefined : readMarker(join(path, markerOf(name)));
      if (marker !== undefined) {
        const wanted = linked(typeof key === 'string' ? key : await key.ofInputs());
        if (marker.key === wanted && (await areWhole(path, marker.files))) {
          chain = wanted;
          for (const left of [markerOf(name), ...marker.files.map((file) => file.name)])
            kept.add(left);
          return marker.value as T;
        }
      }
      // Half a step, or one that was made from something else, and all that came of it.
      if (!isBroken) removeAllBut(path, kept);
      isBroken = true;
      const value = await work();
      chain = linked(typeof key === 'string' ? key : key.ofResult(value));
      const left = await Promise.all(files(value).map((file) => leftFile(file)));
      writeMarker(join(path, markerOf(name)), { key: chain, files: left, value });
      return value;
    },
    forget: (name) => rmSync(join(path, markerOf(name)), { force: true }),
    close: (isDone) => {
      if (isDone) rmSync(path, { recursive: true, force: true });
      lock.release();
    },
  };
}

function takeDirectory(path: string): Lock {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
  const foreign = readdirSync(path).filter((name) => !OWN_NAME.test(name));
  if (foreign.length > 0) {
    throw new SltdError('config-invalid', { detail: 'the work directory holds other files' });
  }
  const file = join(path, LOCK_NAME);
  const lock = tryLock(file, `${file}.${process.pid}`);
  if (!lock) {
    throw new SltdError('config-invalid', { detail: 'another build uses the work directory' });
  }
  return lock;
}

function removeAllBut(path: string, kept: ReadonlySet<string>): void {
  for (const name of readdirSync(path)) {
    if (!kept.has(name)) rmSync(join(path, name), { recursive: true, force: true });
  }
}

/** The marker, if it is there and whole. */
function readMarker(path: string): Marker | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  const body = bytes.subarray(SHA256_BYTES);
  const sum = createHash('sha256').update(body).digest();
  if (!sum.equals(bytes.subarray(0, SHA256_BYTES))) return undefined;
  try {
    return deserialize(body) as Marker;
  } catch {
    return undefined; // Of another version of Node.
  }
}

function writeMarker(path: string, marker: Marker): void {
  const body = serialize(marker);
  const partial = `${path}.partial`;
  const sum = createHash('sha256').update(body).digest();
  writeFileSync(partial, Buffer.concat([sum, body]), { mode: 0o600 });
  renameSync(partial, path);
}

async function areWhole(path: string, files: readonly LeftFile[]): Promise<boolean> {
  for (const file of files) {
    const full = join(path, file.name);
    if (statSync(full, { throwIfNoEntry: false })?.size !== file.length) return false;
    if ((await leftFile(full)).xxh64 !== file.xxh64) return false;
  }
  return true;
}

async function leftFile(path: string): Promise<LeftFile> {
  const { create64 } = await xxhash();
  const hash = create64();
  const { size } = statSync(path);
  const file = openSync(path, 'r');
  try {
    const buffer = new Uint8Array(READ_BYTES);
    for (let offset = 0; offset < size; offset += READ_BYTES) {
      const part = buffer.subarray(0, Math.min(READ_BYTES, size - offset));
      readAll(file, part, offset);
      hash.update(part);
    }
  } finally {
    closeSync(file);
  }
  return { name: basename(path), length: size, xxh64: hash.digest() };
}
