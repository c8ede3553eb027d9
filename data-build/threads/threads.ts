/**
 * Threads for work on many cores: each one an engine of its own with its own wasm memory, doing jobs in
 * the order given. One thread is this very one: little work starts none.
 *
 * What a job answers never depends on which thread did it, nor on how many there are.
 */

import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type ErrorCode, SltdError } from '../../src/errors.ts';
import type { BuildJobs } from './build-jobs.ts';

/** Jobs that a thread is given ahead, so that it never waits for the next one. */
const JOBS_AHEAD = 2;

/** A job's answer, and the buffers in it that move with it. */
export interface Answer<Value> {
  value: Value;
  transfer?: readonly ArrayBuffer[];
}

/** Methods of an object of jobs that are jobs. */
export type JobName<Jobs> = {
  [Name in keyof Jobs]: Jobs[Name] extends (input: never) => Answer<unknown> ? Name : never;
}[keyof Jobs] &
  string;
export type JobInput<Jobs, Name extends JobName<Jobs>> = Jobs[Name] extends (
  input: infer Input,
) => unknown
  ? Input
  : never;
export type JobOutput<Jobs, Name extends JobName<Jobs>> = Jobs[Name] extends (
  input: never,
) => Answer<infer Value>
  ? Value
  : never;

/** Jobs, and the file that serves them in a thread of its own: serve-jobs.ts. */
export interface ThreadKind<Jobs> {
  worker: URL;
  start(): Promise<Jobs>;
}

/** What a thread sends back. */
export type Reply =
  | { id: number; value: unknown }
  | { id: number; code: ErrorCode; detail: string | undefined }
  | { id: number; fault: string };

/** One thread; jobs run one after the other. */
export interface Thread<Jobs> {
  run<Name extends JobName<Jobs>>(
    name: Name,
    input: JobInput<Jobs, Name>,
    transfer?: readonly ArrayBuffer[],
  ): Promise<JobOutput<Jobs, Name>>;
}

/** Does a job in this thread. */
export function runJob(jobs: object, name: string, input: unknown): Answer<unknown> {
  const job = (jobs as Record<string, (input: unknown) => Answer<unknown>>)[name]!;
  return job.call(jobs, input);
}

export class Threads<Jobs extends object = BuildJobs> {
  readonly all: readonly Thread<Jobs>[];
  readonly #close: () => void;

  constructor(count: number, kind: ThreadKind<Jobs>) {
    if (count === 1) {
      this.all = [new OwnThread(kind)];
      this.#close = () => {};
    } else {
      const workers = Array.from({ length: count }, () => new WorkerThread(kind));
      this.all = workers;
      this.#close = () => {
        for (const worker of workers) worker.close();
      };
    }
  }

  /** Every item to whichever thread is free; the first error ends it. */
  async share<Item>(
    items: Iterable<Item>,
    work: (thread: Thread<Jobs>, item: Item) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    const rest = items[Symbol.iterator]();
    let isFailed = false;
    const lane = async (thread: Thread<Jobs>): Promise<void> => {
      for (;;) {
        if (isFailed) return;
        const next = rest.next();
        if (next.done) return;
        try {
          signal?.throwIfAborted();
          await work(thread, next.value);
        } catch (error) {
          isFailed = true;
          throw error;
        }
      }
    };
    const lanes = this.all.flatMap((thread) => Array.from({ length: JOBS_AHEAD }, () => thread));
    await Promise.all(lanes.map(lane));
  }

  /** Ends the threads, whatever they are doing. */
  close(): void {
    this.#close();
  }
}

/** How many threads an export is read by if not told: one for little, else one a core. */
export function threadCountFor(inputBytes: number): number {
  return inputBytes < 16 * 1024 ** 2 ? 1 : availableParallelism();
}

/** This thread: no copying, and a breath between jobs for a Ctrl-C. */
class OwnThread<Jobs extends object> implements Thread<Jobs> {
  readonly #kind: ThreadKind<Jobs>;
  #jobs: Promise<Jobs> | undefined;

  constructor(kind: ThreadKind<Jobs>) {
    this.#kind = kind;
  }

  async run<Name extends JobName<Jobs>>(
    name: Name,
    input: JobInput<Jobs, Name>,
  ): Promise<JobOutput<Jobs, Name>> {
    this.#jobs ??= this.#kind.start();
    const jobs = await this.#jobs;
    await setImmediate();
    return runJob(jobs, name, input).value as JobOutput<Jobs, Name>;
  }
}

interface Waiting {
  resolve(value: never): void;
  reject(error: unknown): void;
}

class WorkerThread<Jobs> implements Thread<Jobs> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #failure: Error | undefined;

  constructor({ worker }: ThreadKind<Jobs>) {
    this.#worker = new Worker(worker);
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#fail(error as Error));
    this.#worker.on('exit', () => this.#fail(new Error('a thread ended early')));
  }

  run<Name extends JobName<Jobs>>(
    name: Name,
    input: JobInput<Jobs, Name>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<JobOutput<Jobs, Name>> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      this.#worker.postMessage({ id, name, input }, [...transfer]);
    });
  }

  close(): void {
    this.#failure = new Error('the work is over');
    this.#waiting.clear();
    void this.#worker.terminate();
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ('value' in reply) waiting?.resolve(reply.value as never);
    else if ('code' in reply) {
      const options = reply.detail === undefined ? {} : { detail: reply.detail };
      waiting?.reject(new SltdError(reply.code, options));
    } else waiting?.reject(new Error(reply.fault));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
